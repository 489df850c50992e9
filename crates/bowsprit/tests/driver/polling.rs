//! Receiving without waiting, as loops do that have other work: games, terminals, sweeps.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bowsprit::{ConnectionConfig, Error, Server, WebSocket, error::TryRecvError};
use futures_util::Stream;

use super::{
    peer::{PING, PONG, TEXT},
    support::{SECOND, pair, paused, real, server, server_opts, sockets},
};

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn assert_empty(ws: &mut WebSocket) {
    let received = ws.try_recv();
    assert!(matches!(received, Err(TryRecvError::Empty)), "{received:?}");
}

#[test]
fn messages_are_received_as_they_are_there_until_the_end() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        assert_empty(&mut ws);
        peer.send(PING, "answered").await;
        peer.send(TEXT, "one").await;
        peer.send(TEXT, "two").await;
        assert_eq!(ws.try_recv().unwrap(), "one");
        assert_eq!(ws.try_recv().unwrap(), "two");
        assert_empty(&mut ws);
        peer.expect(PONG, "answered").await;
        // The first half of a message is none.
        peer.write([0x81, 0x82, 0, 0, 0, 0, b'h']).await;
        assert_empty(&mut ws);
        peer.write(b"i").await;
        assert_eq!(ws.try_recv().unwrap(), "hi");
        peer.send_close(1000, "").await;
        peer.shut_down().await;
        while let Err(TryRecvError::Empty) = ws.try_recv() {
            tokio::task::yield_now().await;
        }
        assert!(matches!(ws.try_recv(), Err(TryRecvError::Closed)));
        assert_eq!(ws.peer_close().unwrap().code, 1000);
        peer.expect_close(1000).await;
    });
}

#[test]
fn an_error_is_told_once() {
    paused(async {
        let (mut ws, peer) = server().await;
        drop(peer);
        let received = ws.try_recv();
        assert!(matches!(received, Err(TryRecvError::Error(Error::Disconnected))), "{received:?}");
        assert_eq!(received.unwrap_err().to_string(), Error::Disconnected.to_string());
        assert!(matches!(ws.try_recv(), Err(TryRecvError::Closed)));
    });
}

/// A task whose budget for awaiting is used up still sees what is there.
#[test]
fn the_budget_of_the_task_does_not_count() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        for _ in 0..500 {
            peer.send(TEXT, "next").await;
            assert_eq!(ws.try_recv().unwrap(), "next");
        }
    });
}

/// The pauses of the reader do not end the loop early.
#[test]
fn all_that_has_come_is_received_in_one_go() {
    const MESSAGES: usize = 5000;
    real(async {
        let (near, far) = sockets().await;
        let (server, client) = (Server::builder().build(), bowsprit::Client::new());
        let (client, server) =
            tokio::join!(client.connect_over("ws://localhost/", near), server.accept(far));
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        for _ in 0..MESSAGES {
            client.send("short").await.unwrap();
        }
        client.flush().await.unwrap();
        // The runtime looks at the socket.
        tokio::time::sleep(SECOND / 10).await;
        for _ in 0..MESSAGES {
            assert_eq!(server.try_recv().unwrap(), "short");
        }
        assert_empty(&mut server);
    });
}

/// A task that was told to wait is woken although somebody has looked meanwhile.
#[test]
fn whoever_waits_is_woken_for_what_comes_later() {
    fn poll(ws: &mut WebSocket, waker: &Waker) -> bool {
        Pin::new(ws).poll_next(&mut Context::from_waker(waker)).is_ready()
    }
    paused(async {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let (mut ws, mut peer) = server().await;
        assert!(!poll(&mut ws, &waker));
        assert_empty(&mut ws);
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        peer.send(TEXT, "later").await;
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert_eq!(ws.try_recv().unwrap(), "later");

        // So it is with the end, which a timer or a handle brings about.
        assert!(!poll(&mut ws, &waker));
        assert_empty(&mut ws);
        ws.handle().terminate();
        assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        assert!(matches!(ws.try_recv(), Err(TryRecvError::Error(Error::Terminated))));
    });
}

/// Whoever looks from time to time reads, so its peer has to answer pings.
#[test]
fn a_peer_that_is_only_looked_at_can_be_found_dead() {
    paused(async {
        let (mut ws, _silent) = server_opts(ConnectionConfig::server()).await;
        let ended = loop {
            match ws.try_recv() {
                Err(TryRecvError::Empty) => tokio::time::sleep(SECOND / 10).await,
                other => break other,
            }
        };
        assert!(matches!(ended, Err(TryRecvError::Error(Error::TimedOut(_)))), "{ended:?}");
    });
}

#[test]
fn a_half_receives_without_waiting_while_the_other_sends() {
    paused(async {
        let (ws, mut other) = pair().await;
        let (mut receive, mut send) = ws.split();
        send.send("question").await.unwrap();
        assert!(matches!(receive.try_recv(), Err(TryRecvError::Empty)));
        let question = other.recv().await.unwrap().unwrap();
        other.send(question).await.unwrap();
        other.flush().await.unwrap();
        assert!(matches!(receive.try_recv(), Ok(message) if message == "question"));
        let poll = Pin::new(&mut receive).poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Pending));
    });
}
