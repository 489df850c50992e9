//! Waiting for the end of a connection.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use bowsprit::{Close, CloseCode, Error, Server, error::TimeoutKind};
use futures_util::FutureExt;
use tokio::task::{JoinSet, yield_now};

use super::{
    peer::TEXT,
    support::{SECOND, paused, server, server_over},
};

#[test]
fn all_who_wait_are_told_the_peers_close_frame() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        let mut waiting = JoinSet::new();
        for _ in 0..10 {
            let handle = handle.clone();
            waiting.spawn(async move { handle.closed().await });
        }
        yield_now().await;
        let (received, ()) = tokio::join!(ws.recv(), async {
            peer.send_close(1001, "bye").await;
            assert!(handle.closed().now_or_never().is_none(), "nobody has read it");
            peer.expect_close(1001).await;
        });
        assert!(received.unwrap().is_none());
        let expected = Some(Close::new(CloseCode::GOING_AWAY, "bye"));
        for told in waiting.join_all().await {
            assert_eq!(told.unwrap(), expected);
        }
        assert_eq!(ws.closed().await.unwrap(), expected);
        let (receive, send) = ws.split();
        assert_eq!(receive.closed().await.unwrap(), expected);
        assert_eq!(send.closed().await.unwrap(), expected);
        drop((receive, send));
        assert_eq!(handle.closed().await.unwrap(), expected);
    });
}

#[test]
fn an_end_without_a_close_frame_is_an_error_for_all() {
    paused(async {
        let (mut ws, peer) = server().await;
        drop(peer);
        let handle = ws.handle();
        let (received, closed) = tokio::join!(ws.recv(), handle.closed());
        assert!(matches!(received, Err(Error::Disconnected)), "{received:?}");
        assert!(matches!(closed, Err(Error::Disconnected)), "{closed:?}");
        // Of a peer that takes nothing nobody need have read.
        let (mut ws, _peer) = server_over(Server::builder(), 256).await;
        ws.send(vec![0; 1000]).await.unwrap();
        let closed = tokio::time::timeout(32 * SECOND, ws.closed()).await.unwrap();
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::WriteStall))), "{closed:?}");
        let (ws, _peer) = server().await;
        ws.handle().terminate();
        assert!(matches!(ws.closed().await, Err(Error::Terminated)));
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_waits_for_the_end_is_woken_by_nothing_else() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        let count = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut closed = Box::pin(handle.closed());
        let mut given_up = Box::pin(handle.closed());
        assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(given_up.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(given_up);
        for _ in 0..100 {
            let (sent, ()) = tokio::join!(ws.send(vec![b'x'; 3000]), async {
                peer.frame().await;
            });
            sent.unwrap();
            peer.send(TEXT, "more").await;
            ws.recv().await.unwrap();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        handle.terminate();
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "who has given up is not woken");
        assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    });
}
