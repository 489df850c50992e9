//! How sending becomes writes: batches, `flush`, large payloads.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use super::{
    peer::{BINARY, PING, PONG, TEXT},
    support::{paused, server_over},
    watched::watched_server,
};
use bowsprit::{Bytes, CloseCode, Error, Message, Server, error::TimeoutKind};

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_echo_loop_answers_a_batch_of_messages_in_one_write() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(1 << 16).await;
        tokio::spawn(async move {
            while let Ok(Some(message)) = ws.recv().await {
                ws.send(message).await.unwrap();
            }
        });
        for round in 1..=3 {
            let batch: Vec<u8> = (0..32).flat_map(|i| peer.encode(TEXT, format!("{i}"))).collect();
            peer.write(batch).await;
            for i in 0..32 {
                peer.expect(TEXT, format!("{i}")).await;
            }
            assert_eq!(book.take_writes().len(), 1, "round {round}");
        }
    });
}

#[test]
fn pongs_to_a_batch_of_pings_leave_in_one_write() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(1 << 16).await;
        tokio::spawn(async move { ws.recv().await });
        let batch: Vec<u8> = (0..10).flat_map(|i| peer.encode(PING, format!("{i}"))).collect();
        peer.write(batch).await;
        for i in 0..10 {
            peer.expect(PONG, format!("{i}")).await;
        }
        assert_eq!(book.take_writes().len(), 1);
    });
}

#[test]
fn what_is_sent_in_one_poll_leaves_in_one_write_when_it_has_ended() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(1 << 16).await;
        let handle = ws.handle();
        ws.send("one").await.unwrap();
        handle.send("two").await.unwrap();
        handle.try_send("three").unwrap();
        ws.ping(b"four").unwrap();
        assert_eq!((book.take_writes().len(), ws.queued_len() > 0), (0, true));
        for text in ["one", "two", "three"] {
            peer.expect(TEXT, text).await;
        }
        peer.expect(PING, "four").await;
        assert_eq!((book.take_writes().len(), ws.queued_len()), (1, 0));
    });
}

#[test]
fn flush_writes_within_the_poll() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(1 << 16).await;
        for _ in 0..2 {
            ws.send("now").await.unwrap();
            ws.flush().await.unwrap();
            assert_eq!((book.take_writes().len(), ws.queued_len()), (1, 0));
            peer.expect(TEXT, "now").await;
        }
        ws.flush().await.unwrap();
        assert_eq!(book.take_writes().len(), 0);
    });
}

/// RFC: 6.1-5
#[test]
fn flush_waits_until_the_transport_has_taken_everything() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 128).await;
        ws.send(vec![7; 10_000]).await.unwrap();
        let (flushed, frame) = tokio::join!(ws.flush(), peer.frame());
        flushed.unwrap();
        assert_eq!((frame.opcode, frame.payload), (BINARY, vec![7; 10_000]));
    });
}

#[test]
fn a_flush_that_is_dropped_changes_nothing() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 128).await;
        ws.send(vec![7; 10_000]).await.unwrap();
        tokio::select! {
            biased;
            _ = ws.flush() => panic!("nobody has read"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(peer.frame().await.payload, vec![7; 10_000]);
    });
}

/// What waits for a flush may be polled for other reasons, and must not wake itself.
#[test]
fn waiting_for_a_flush_keeps_nobody_busy() {
    paused(async {
        let (ws, _peer) = server_over(Server::builder(), 128).await;
        let (mut receive, mut send) = ws.split();
        send.send(vec![7; 1000]).await.unwrap();
        send.start_close(CloseCode::NORMAL).unwrap();
        let (ours, theirs) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let (our_waker, their_waker) =
            (Waker::from(Arc::clone(&ours)), Waker::from(Arc::clone(&theirs)));
        let mut other = send;
        let mut flush = pin!(other.flush());
        let mut close = pin!(receive.close(CloseCode::NORMAL));
        for _ in 0..5 {
            assert!(flush.as_mut().poll(&mut Context::from_waker(&our_waker)).is_pending());
            assert!(close.as_mut().poll(&mut Context::from_waker(&their_waker)).is_pending());
        }
        let wakes = (ours.0.load(Ordering::Relaxed), theirs.0.load(Ordering::Relaxed));
        assert_eq!(wakes, (0, 0));
    });
}

#[test]
fn a_large_payload_of_a_server_is_written_from_where_it_is() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(1 << 20).await;
        let payload = Bytes::from(vec![7; 100_000]);
        let place = (payload.as_ptr().addr(), payload.len());
        ws.send("before").await.unwrap();
        ws.send(payload.clone()).await.unwrap();
        // Above the high-water mark, so what follows goes through a handle.
        ws.handle().send(Message::text("after")).await.unwrap();
        peer.expect(TEXT, "before").await;
        peer.expect(BINARY, &payload).await;
        peer.expect(TEXT, "after").await;
        let writes = book.take_writes();
        assert_eq!(writes.len(), 1, "{writes:?}");
        assert_eq!((writes[0].len(), writes[0][1]), (3, place));
    });
}

#[test]
fn a_large_payload_survives_writes_that_take_a_part() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let payload: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let sent = payload.clone();
        let sending = tokio::spawn(async move {
            for _ in 0..3 {
                ws.send(&sent).await.unwrap();
                ws.send(Bytes::from(sent.clone())).await.unwrap();
            }
            ws.flush().await.unwrap();
            ws
        });
        for _ in 0..6 {
            assert!(peer.frame().await.payload == payload, "the payload has changed");
        }
        sending.await.unwrap();
    });
}

/// RFC: 7.1.1-1
#[test]
fn a_transport_that_does_not_shut_down_is_given_up() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(1 << 16).await;
        book.hang_on_shutdown();
        peer.send_close(1000, "").await;
        assert!(ws.recv().await.unwrap().is_none());
        let (mut ws, mut peer, book) = watched_server(1 << 16).await;
        book.hang_on_shutdown();
        peer.write(b"\xff\x80\0\0\0\0").await;
        let ended = ws.recv().await;
        let expected =
            matches!(ended, Err(Error::Protocol(_) | Error::TimedOut(TimeoutKind::Close)));
        assert!(expected, "{ended:?}");
    });
}
