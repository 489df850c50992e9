//! Graceful shutdown.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bowsprit::{
    AcceptError, CloseCode, ConnectionConfig, Error, Server, WebSocket,
    server::{Route, Shutdown, ShutdownSummary},
};
use tokio::{
    io::DuplexStream,
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::{JoinHandle, yield_now},
    time::{Instant, sleep},
};

use super::{
    peer::{BINARY, CLOSE, Peer, REQUEST, TEXT},
    support::{PIPE_LEN, SECOND, accepted_request, dial, paused, real},
};

async fn open(server: &Server) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

/// Shuts down in a task.
pub(super) fn leave(server: &Server, shutdown: Shutdown) -> JoinHandle<ShutdownSummary> {
    let server = server.clone();
    tokio::spawn(async move { server.shutdown(shutdown).await })
}

/// Reads until the end in a task.
fn read(mut ws: WebSocket) {
    tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
}

#[test]
fn everybody_gets_what_was_queued_and_1001() {
    paused(async {
        let server = Server::builder().build();
        let mut peers = Vec::new();
        for _ in 0..3 {
            let (ws, peer) = open(&server).await;
            ws.handle().try_send(vec![0; 100_000]).unwrap();
            read(ws);
            peers.push(peer);
        }
        let begun = Instant::now();
        let leaving = server.clone();
        let leaving = tokio::spawn(async move { leaving.shutdown(Shutdown::default()).await });
        for peer in &mut peers {
            assert_eq!(peer.frame().await.payload.len(), 100_000);
            peer.expect_close(1001).await;
            peer.send_close(1001, "").await;
            peer.expect_end().await;
            peer.shut_down().await;
        }
        let departed = leaving.await.unwrap();
        assert_eq!((departed.closed, departed.cut), (3, 0));
        assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    });
}

#[test]
fn without_jitter_all_are_told_at_once() {
    paused(async {
        let server = Server::builder().build();
        let mut peers = Vec::new();
        for _ in 0..300 {
            let (ws, peer) = open(&server).await;
            read(ws);
            peers.push(peer);
        }
        let leaving = server.clone();
        let leaving = tokio::spawn(async move { leaving.shutdown(Shutdown::default()).await });
        let begun = Instant::now();
        for peer in &mut peers {
            peer.expect_close(1001).await;
        }
        // The clock goes on only when nobody has anything to do.
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for peer in &mut peers {
            peer.send_close(1001, "").await;
            peer.shut_down().await;
        }
        assert_eq!(leaving.await.unwrap().closed, 300);
    });
}

#[test]
fn those_who_do_not_go_are_cut_at_the_deadline() {
    paused(async {
        let server =
            Server::builder().config(ConnectionConfig::server().without_timeouts()).build();
        let (polite, mut polite_peer) = open(&server).await;
        let (deaf, mut deaf_peer) = open(&server).await;
        let deaf_handle = deaf.handle();
        read(polite);
        read(deaf);
        let begun = Instant::now();
        let leaving = server.clone();
        let shutdown = Shutdown::within(3 * SECOND);
        let leaving = tokio::spawn(async move { leaving.shutdown(shutdown).await });
        polite_peer.finish(1001).await;
        let departed = leaving.await.unwrap();
        assert_eq!((departed.closed, departed.cut), (1, 1));
        assert_eq!(begun.elapsed(), 3 * SECOND);
        assert!(matches!(deaf_handle.try_send("late"), Err(Error::Terminated)));
        deaf_peer.expect_close(1001).await;
        deaf_peer.expect_end().await;
    });
}

#[test]
fn with_jitter_clients_are_told_one_after_the_other() {
    paused(async {
        let server = Server::builder().build();
        let told = Arc::new(Mutex::new(Vec::new()));
        let begun = Instant::now();
        for _ in 0..20 {
            let (ws, mut peer) = open(&server).await;
            read(ws);
            let told = Arc::clone(&told);
            tokio::spawn(async move {
                assert_eq!(peer.frame().await.opcode, CLOSE);
                told.lock().unwrap().push(begun.elapsed());
                peer.send_close(1001, "").await;
                peer.shut_down().await;
            });
        }
        let departed = server.shutdown(Shutdown::default().jitter(5 * SECOND)).await;
        assert_eq!((departed.closed, departed.cut), (20, 0));
        let told = told.lock().unwrap();
        let (first, last) = (told[0], told[told.len() - 1]);
        assert!(last <= 5 * SECOND + Duration::from_millis(10), "{told:?}");
        // That twenty all fall into one second of five has a chance of 1 in 10^12.
        assert!(last - first > SECOND, "{told:?}");
    });
}

#[test]
fn a_deadline_that_never_comes_is_no_deadline() {
    paused(async {
        let server =
            Server::builder().config(ConnectionConfig::server().without_timeouts()).build();
        let (ws, mut peer) = open(&server).await;
        read(ws);
        let leaving = server.clone();
        let shutdown = Shutdown::within(Duration::MAX).jitter(Duration::MAX);
        let leaving = tokio::spawn(async move { leaving.shutdown(shutdown).await });
        sleep(60 * SECOND).await;
        assert!(!leaving.is_finished());
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
        drop(peer);
        assert_eq!(leaving.await.unwrap().closed, 1);
    });
}

#[test]
fn requests_that_come_while_it_shuts_down_are_answered_503() {
    paused(async {
        let server = Server::builder().build();
        assert_eq!(server.shutdown(Shutdown::default()).await.closed, 0);
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let mut peer = Peer::client(theirs);
        let (refused, head) = tokio::join!(server.accept(ours), async {
            peer.write(REQUEST).await;
            let head = peer.head().await;
            drop(peer);
            head
        });
        assert!(matches!(refused, Err(AcceptError::Rejected(_))), "{refused:?}");
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    });
}

#[test]
fn a_connection_whose_handshake_was_accepted_before_gets_1001_at_once() {
    paused(async {
        let server = Server::builder().build();
        let (_, upgrade) = server.upgrade(&accepted_request()).unwrap();
        let leaving = leave(&server, Shutdown::default());
        yield_now().await;
        assert!(!leaving.is_finished());
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        read(upgrade.into_websocket(ours));
        Peer::client(theirs).finish(1001).await;
        assert_eq!(leaving.await.unwrap().closed, 1);
    });
}

#[test]
fn an_upgrade_that_is_given_up_is_waited_for_no_longer() {
    paused(async {
        let server = Server::builder().build();
        let (_, upgrade) = server.upgrade(&accepted_request()).unwrap();
        let leaving = leave(&server, Shutdown::default());
        sleep(SECOND).await;
        assert!(!leaving.is_finished());
        drop(upgrade);
        assert_eq!(leaving.await.unwrap(), ShutdownSummary::default());
    });
}

#[test]
fn handlers_learn_of_it() {
    real(async {
        let bound = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let (server, addr) = (bound.server(), bound.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, mut told) = mpsc::unbounded_channel();
        let handler = move |mut ws: WebSocket, _| {
            let (server, tell) = (server.clone(), tell.clone());
            async move {
                server.shutdown_started().await;
                tell.send(())?;
                while ws.recv().await?.is_some() {}
                Ok(())
            }
        };
        let signal = async move { stopped.await.unwrap() };
        let serving = tokio::spawn(bound.serve_until(handler, signal, Shutdown::default()));
        let mut peer = dial(addr).await;
        stop.send(()).unwrap();
        told.recv().await.unwrap();
        peer.finish(1001).await;
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn servers_whose_routes_have_handlers_run_until_a_signal() {
    real(async {
        let handler = |mut ws: WebSocket, _| async move {
            while ws.recv().await?.is_some() {}
            Ok(())
        };
        let builder = Server::builder().route("/chat", Route::new(handler));
        let bound = builder.bind("127.0.0.1:0").await.unwrap();
        let addr = bound.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let signal = async move { stopped.await.unwrap() };
        let serving = tokio::spawn(bound.run_until(signal, Shutdown::default()));
        let mut peer = dial(addr).await;
        stop.send(()).unwrap();
        peer.finish(1001).await;
        assert_eq!(serving.await.unwrap().unwrap().closed, 1);
    });
}

/// The clock is paused, so that the application has its turn before any delay is over.
#[test]
fn where_clients_are_told_one_after_the_other_there_is_time_to_say_goodbye() {
    paused(async {
        let server = Server::builder().build();
        let (mut ws, mut peer) = open(&server).await;
        let leaving = server.clone();
        tokio::spawn(async move {
            leaving.shutdown_started().await;
            ws.send("goodbye").await.unwrap();
            ws.close(CloseCode::NORMAL).await
        });
        let shutdown = Shutdown::within(10 * SECOND).jitter(10 * SECOND);
        let (departed, ()) = tokio::join!(server.shutdown(shutdown), async {
            peer.expect(TEXT, "goodbye").await;
            peer.finish(1000).await;
        });
        assert_eq!((departed.closed, departed.cut), (1, 0));
    });
}

#[test]
fn a_server_that_shuts_down_no_longer_listens() {
    real(async {
        let bound = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let (server, addr) = (bound.server(), bound.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let echo = |mut ws: WebSocket, _| async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        };
        let signal = async move { stopped.await.unwrap() };
        let serving = tokio::spawn(bound.serve_until(echo, signal, Shutdown::default()));
        let mut peer = dial(addr).await;
        peer.send(BINARY, "echo").await;
        peer.expect(BINARY, "echo").await;
        stop.send(()).unwrap();
        peer.finish(1001).await;
        let departed = serving.await.unwrap().unwrap();
        assert_eq!((departed.closed, departed.cut), (1, 0));
        assert_eq!(server.connections(), 0);
        assert!(TcpStream::connect(addr).await.is_err());
        yield_now().await;
    });
}
