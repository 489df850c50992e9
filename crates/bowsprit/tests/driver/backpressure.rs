//! Peers that do not read: queues are bounded, senders wait, reading stops.

use std::time::Duration;

use bowsprit::{ConnectionConfig, Error, Server, error::SendError};
use tokio::{task::yield_now, time::timeout};

use super::{
    peer::{BINARY, PING, PONG, TEXT},
    support::{PIPE_LEN, SECOND, paused, server, server_over, server_with},
    watched::watched_server,
};

const HIGH_WATER_LEN: usize = 64 * 1024;
const MAX_QUEUE_LEN: usize = 1024 * 1024;

/// Lets everything happen that can happen now.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

#[test]
fn send_waits_above_the_high_water_mark_and_goes_on_below() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let payload = vec![0; 10_000];
        let mut sent = 0;
        while let Ok(done) = timeout(SECOND, ws.send(&payload)).await {
            done.unwrap();
            sent += payload.len();
            assert!(sent < 1 << 20, "send never waits");
        }
        assert!(ws.queued_len() > HIGH_WATER_LEN, "{}", ws.queued_len());
        assert!(ws.queued_len() <= HIGH_WATER_LEN + payload.len() + 4, "{}", ws.queued_len());
        assert!(sent <= HIGH_WATER_LEN + PIPE_LEN + 2 * payload.len(), "{sent}");
        let (next, frames) = tokio::join!(ws.send(&payload), async {
            let mut frames = 0;
            while frames < sent / payload.len() {
                assert_eq!(peer.frame().await.payload, payload);
                frames += 1;
            }
            frames
        });
        next.unwrap();
        assert_eq!(frames * payload.len(), sent);
        peer.expect(BINARY, &payload).await;
    });
}

/// RFC: 6.1-1
#[test]
fn a_send_that_is_dropped_while_it_waits_has_sent_nothing() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        ws.send(vec![1; 200_000]).await.unwrap();
        settle().await;
        let before = ws.queued_len();
        assert!(timeout(SECOND, ws.send("never")).await.is_err());
        assert_eq!(ws.queued_len(), before);
        assert_eq!(peer.frame().await.payload.len(), 200_000);
        ws.send("next").await.unwrap();
        peer.expect(TEXT, "next").await;
    });
}

#[test]
fn a_handles_queue_is_bounded() {
    paused(async {
        let (ws, mut peer) = server().await;
        let handle = ws.handle();
        let payload = vec![0; 100_000];
        let mut sent = 0;
        // The second time, what fits into the pipe has been written.
        for _ in 0..2 {
            let refused = loop {
                match handle.try_send(&payload) {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                }
            };
            assert!(matches!(refused, Error::QueueFull), "{refused:?}");
            settle().await;
        }
        assert!(handle.queued_len() > MAX_QUEUE_LEN);
        assert!(handle.queued_len() <= MAX_QUEUE_LEN + payload.len() + 10);
        assert!(timeout(SECOND, handle.send("waits")).await.is_err());
        let (waiting, ()) = tokio::join!(handle.send("waited"), async {
            for _ in 0..sent {
                assert_eq!(peer.frame().await.payload, payload);
            }
            peer.expect(TEXT, "waited").await;
        });
        waiting.unwrap();
        handle.try_send("room again").unwrap();
        peer.expect(TEXT, "room again").await;
    });
}

#[test]
fn many_waiting_handles_all_get_their_turn() {
    paused(async {
        let mut config = ConnectionConfig::server();
        config.max_queue_len = 1000;
        let (ws, mut peer) = server_with(Server::builder().config(config)).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200 {
            let handle = ws.handle();
            tasks.spawn(async move { handle.send(vec![number; 5000]).await });
        }
        let mut numbers = Vec::new();
        for _ in 0..200 {
            settle().await;
            let frame = peer.frame().await;
            assert!(frame.payload.iter().all(|byte| *byte == frame.payload[0]));
            numbers.push(frame.payload[0]);
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..200));
        for sent in tasks.join_all().await {
            sent.unwrap();
        }
    });
}

#[test]
fn a_close_wakes_those_who_wait_for_room() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        ws.send(vec![0; 2 << 20]).await.unwrap();
        let (mut receive, mut send) = ws.split();
        let waiting = tokio::spawn(async move { send.send("waits").await });
        let also_waiting = tokio::spawn(async move { handle.send("waits").await });
        settle().await;
        let begun = tokio::time::Instant::now();
        peer.send_close(1001, "").await;
        tokio::spawn(async move { receive.recv().await });
        for task in [waiting, also_waiting] {
            let refused = task.await.unwrap();
            assert!(matches!(refused, Err(Error::Send(SendError::Closed))), "{refused:?}");
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    });
}

/// RFC: 5.5.3-1, 10.4-1
#[test]
fn a_flood_of_pings_from_a_peer_that_never_reads_is_answered_within_bounds() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1024).await;
        let handle = ws.handle();
        tokio::spawn(async move { ws.recv().await });
        for number in 0..20_000_u32 {
            let payload = [&number.to_be_bytes()[..], &[0; 121]].concat();
            peer.send(PING, payload).await;
            assert!(handle.queued_len() <= 17 * 127, "{} after {number}", handle.queued_len());
        }
        let mut last = 0;
        let mut pongs = 0;
        while last != 19_999 {
            let frame = peer.frame().await;
            assert_eq!(frame.opcode, PONG);
            let number = u32::from_be_bytes(frame.payload[..4].try_into().unwrap());
            assert!(pongs == 0 || number > last, "pongs come in order, none twice");
            (last, pongs) = (number, pongs + 1);
        }
        assert!(pongs < 100, "{pongs}");
    });
}

/// RFC: 10.4-1
#[test]
fn an_echo_to_a_peer_that_never_reads_stops_reading() {
    paused(async {
        let (mut ws, mut peer, book) = watched_server(PIPE_LEN).await;
        let handle = ws.handle();
        let echo = tokio::spawn(async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok::<_, Error>(())
        });
        let flood = timeout(10 * SECOND, async {
            loop {
                peer.send(BINARY, [0; 1000]).await;
            }
        });
        assert!(flood.await.is_err());
        assert!(handle.queued_len() <= HIGH_WATER_LEN + 1010, "{}", handle.queued_len());
        assert!(book.read_len() < 300_000, "{}", book.read_len());
        assert!(!echo.is_finished());
        // The stall timer then ends it.
        let ended = echo.await.unwrap();
        assert!(
            matches!(ended, Err(Error::TimedOut(bowsprit::error::TimeoutKind::WriteStall))),
            "{ended:?}"
        );
    });
}
