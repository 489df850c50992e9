//! The life of connections outside of `serve`, of their handles and of what helps them.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Wake, Waker},
    time::Duration,
};

use bowsprit::{CloseCode, Error, Handle, Server, State, server::Upgrade};
use tokio::runtime::Builder;

use super::{
    peer::TEXT,
    support::{SECOND, accepted, client, paused, server, server_over, watched},
    watched::watched_server,
};

#[test]
fn dropping_a_connection_ends_it_for_all_who_hold_it_and_delivers_what_was_sent() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        ws.send("the last words").await.unwrap();
        drop(ws);
        assert_eq!(handle.queued_len(), 0);
        peer.expect(TEXT, "the last words").await;
        peer.expect_end().await;
        assert!(matches!(handle.send("too late").await, Err(Error::Terminated)));
        assert_eq!(handle.state(), State::Closed);
    });
}

#[test]
fn dropping_a_client_cuts_its_connection() {
    paused(async {
        let (ws, mut peer) = client().await;
        drop(ws);
        peer.expect_end().await;
    });
}

#[test]
fn dropping_a_connection_does_not_wait_for_a_peer_that_does_not_read() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 256).await;
        let handle = ws.handle();
        ws.send(vec![7; 4000]).await.unwrap();
        drop(ws);
        assert_eq!(handle.state(), State::Closed);
        // It has ten seconds.
        tokio::time::sleep(11 * SECOND).await;
        assert_eq!(handle.queued_len(), 0);
        let mut got = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut peer.io, &mut got).await.unwrap();
        assert_eq!(got.len(), 256);
    });
}

#[test]
fn a_connection_lives_until_both_halves_are_dropped() {
    paused(async {
        let (ws, mut peer) = server().await;
        let handle = ws.handle();
        let (receive, mut send) = ws.split();
        assert_eq!((receive.handle(), send.handle()), (handle.clone(), handle));
        drop(receive);
        send.send("still open").await.unwrap();
        peer.expect(TEXT, "still open").await;
        drop(send);
        peer.expect_end().await;
    });
}

#[test]
fn a_sending_half_may_be_dropped_while_the_other_reads_on() {
    paused(async {
        let (ws, mut peer) = server().await;
        let (mut receive, send) = ws.split();
        drop(send);
        peer.send(TEXT, "hello").await;
        assert_eq!(receive.recv().await.unwrap().unwrap().as_text(), Some("hello"));
        peer.send_close(1000, "").await;
        assert!(receive.recv().await.unwrap().is_none());
        peer.expect_close(1000).await;
    });
}

#[test]
fn terminate_cuts_the_connection_without_a_close_frame() {
    paused(async {
        let (ws, mut peer) = server().await;
        let handle = ws.handle();
        ws.terminate();
        peer.expect_end().await;
        assert!(matches!(handle.try_send("late"), Err(Error::Terminated)));
    });
}

#[test]
fn a_receiving_half_that_has_terminated_has_nothing_more_to_tell() {
    paused(async {
        let (ws, mut peer) = server().await;
        let (mut receive, mut send) = ws.split();
        receive.terminate();
        assert!(receive.recv().await.unwrap().is_none());
        assert!(matches!(send.send("late").await, Err(Error::Terminated)));
        peer.expect_end().await;
    });
}

#[test]
fn a_handle_that_terminates_wakes_whoever_reads() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        let (received, ()) = tokio::join!(ws.recv(), async {
            tokio::task::yield_now().await;
            handle.terminate();
        });
        assert!(matches!(received, Err(Error::Terminated)), "{received:?}");
        assert!(ws.recv().await.unwrap().is_none());
        peer.expect_end().await;
    });
}

#[test]
fn a_handle_that_terminates_wakes_whoever_sends() {
    paused(async {
        let (mut ws, _peer) = server_over(Server::builder(), 256).await;
        let handle = ws.handle();
        ws.send(vec![0; 100_000]).await.unwrap();
        let (sent, flushed, ()) = tokio::join!(handle.send(vec![0; 2 << 20]), ws.flush(), async {
            tokio::task::yield_now().await;
            handle.terminate();
        });
        sent.expect("there was room in the handle's queue");
        assert!(matches!(flushed, Err(Error::Terminated)), "{flushed:?}");
        assert!(matches!(ws.send("late").await, Err(Error::Terminated)));
    });
}

#[test]
fn a_connection_that_has_ended_holds_no_transport() {
    paused(async {
        // Dropped with bytes that nobody takes, while a handle is still held.
        let (mut ws, _peer, book) = watched_server(256).await;
        let handle = ws.handle();
        ws.send(vec![0; 10_000]).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!book.is_released());
        drop(ws);
        tokio::time::sleep(11 * SECOND).await;
        assert!(book.is_released());
        drop(handle);
        // Cut through a handle, while the connection is still held.
        let (mut ws, _peer, book) = watched_server(256).await;
        ws.handle().terminate();
        assert!(ws.recv().await.is_err() && book.is_released());
        // Closed well, and still held.
        let (mut ws, mut peer, book) = watched_server(256).await;
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), peer.finish(1000));
        assert!(closed.is_ok() && book.is_released());
        // In halves, of which one has waited.
        let (ws, _peer, book) = watched_server(256).await;
        let (mut receive, send) = ws.split();
        assert!(tokio::time::timeout(SECOND, receive.recv()).await.is_err());
        drop(receive);
        assert!(!book.is_released());
        drop(send);
        assert!(book.is_released());
    });
}

/// Opens a connection when it is dropped.
struct AttachOnDrop(Option<Upgrade>);

impl Drop for AttachOnDrop {
    fn drop(&mut self) {
        let upgrade = self.0.take().unwrap();
        drop(upgrade.into_websocket(tokio::io::duplex(64).0));
    }
}

#[test]
fn a_connection_opened_while_its_runtime_ends_does_not_block_it() {
    watched(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (started, running) = mpsc::channel();
        runtime.spawn(async move {
            let _attach = AttachOnDrop(Some(accepted()));
            started.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        running.recv_timeout(Duration::ZERO).unwrap();
        drop(runtime);
    });
}

/// The waker of an executor that runs code of its own.
struct Curious(Handle);

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        let _state = (self.0.state(), self.0.queued_len());
    }
}

#[test]
fn a_waker_may_use_the_connection_that_wakes_it() {
    fn is_ready(future: impl Future, waker: &Waker) -> bool {
        pin!(future).poll(&mut Context::from_waker(waker)).is_ready()
    }
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        let waker = Waker::from(Arc::new(Curious(handle.clone())));
        while is_ready(ws.send(&[0; 1000]), &waker) {}
        // There is room again.
        while handle.queued_len() > 10_000 {
            peer.frame().await;
        }
        while is_ready(ws.send(&[0; 1000]), &waker) {}
        assert!(!is_ready(ws.recv(), &waker));
        // It ends.
        handle.terminate();
        assert!(matches!(ws.recv().await, Err(Error::Terminated)));
    });
}
