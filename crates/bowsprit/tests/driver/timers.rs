//! The timers of open connections, with the defaults and with others.

use std::time::Duration;

use bowsprit::{
    Client, CloseCode, ConnectionConfig, Error, Server, config::Heartbeat, error::TimeoutKind,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufWriter},
    time::{Instant, sleep, timeout},
};

use super::{
    peer::{PING, PONG, Peer, TEXT},
    support::{SECOND, client, client_with, paused, server, server_opts, server_over},
};

const HOUR: Duration = Duration::from_secs(3600);

/// How late a sweep may notice that a time is over.
const LATE: Duration = Duration::from_millis(1200);

/// Expects that `expected` has passed since `begun`.
#[track_caller]
fn assert_passed(begun: Instant, expected: Duration) {
    let passed = begun.elapsed();
    assert!(passed + LATE / 2 >= expected && passed <= expected + LATE, "{passed:?}, {expected:?}");
}

fn beating(interval: Duration, timeout: Duration) -> ConnectionConfig {
    let mut config = ConnectionConfig::server();
    config.heartbeat = Some(Heartbeat::new(interval, timeout));
    config
}

#[test]
fn a_server_pings_a_silent_peer_and_then_takes_it_for_dead() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let begun = Instant::now();
        let (received, ()) = tokio::join!(ws.recv(), async {
            assert_eq!(peer.frame().await.opcode, PING);
            assert_passed(begun, 20 * SECOND);
        });
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::Heartbeat))), "{received:?}");
        assert_passed(begun, 40 * SECOND);
        assert!(ws.recv().await.unwrap().is_none());
        assert!(matches!(ws.send("").await, Err(Error::TimedOut(TimeoutKind::Heartbeat))));
    });
}

#[test]
fn the_heartbeat_can_be_set() {
    paused(async {
        let (mut ws, mut peer) = server_opts(beating(SECOND * 3, SECOND)).await;
        let begun = Instant::now();
        let (received, ()) = tokio::join!(ws.recv(), async {
            assert_eq!(peer.frame().await.opcode, PING);
            assert_passed(begun, 3 * SECOND);
        });
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::Heartbeat))), "{received:?}");
        assert_passed(begun, 4 * SECOND);
    });
}

#[test]
fn any_byte_counts_as_life() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        // A byte of a frame every half minute: neither a pong nor a whole message.
        let bytes = peer.encode(TEXT, "slow");
        let count = u32::try_from(bytes.len()).unwrap();
        let begun = Instant::now();
        let (received, ()) = tokio::join!(ws.recv(), async {
            for byte in bytes {
                sleep(30 * SECOND).await;
                peer.write([byte]).await;
            }
        });
        assert_eq!(received.unwrap().unwrap().as_text(), Some("slow"));
        assert_passed(begun, count * 30 * SECOND);
    });
}

#[test]
fn a_peer_that_answers_pings_lives_on() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let waited = timeout(HOUR / 2, async {
            tokio::join!(ws.recv(), async {
                loop {
                    let ping = peer.frame().await;
                    assert_eq!(ping.opcode, PING);
                    peer.send(PONG, ping.payload).await;
                }
            })
        });
        assert!(waited.await.is_err(), "the connection has ended");
    });
}

/// RFC: 5.5.2-1
#[test]
fn pings_go_out_but_nobody_dies_behind_an_unread_message() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        // It has been reading, and then does something else.
        assert!(timeout(SECOND, ws.recv()).await.is_err());
        peer.send(TEXT, "unread").await;
        for _ in 0..5 {
            assert_eq!(peer.frame().await.opcode, PING);
        }
        peer.send(PONG, "late").await;
        peer.send(TEXT, "alive").await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("unread"));
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("alive"));
    });
}

#[test]
fn a_peer_is_dead_only_after_it_could_have_been_heard() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        assert!(timeout(SECOND, ws.recv()).await.is_err());
        peer.send(TEXT, "unread").await;
        sleep(100 * SECOND).await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("unread"));
        let begun = Instant::now();
        let received = ws.recv().await;
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::Heartbeat))), "{received:?}");
        assert_passed(begun, 20 * SECOND);
    });
}

#[test]
fn a_client_watches_its_server_as_well() {
    paused(async {
        // A server that hangs: its transport stays open, and nobody reads from it.
        let (mut ws, mut peer) = client().await;
        let begun = Instant::now();
        let received = ws.recv().await;
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::Heartbeat))), "{received:?}");
        assert_passed(begun, 40 * SECOND);
        assert_eq!(peer.frame().await.opcode, PING);
        // Told not to, it says nothing.
        let mut config = ConnectionConfig::client();
        config.heartbeat = None;
        let (mut ws, mut peer) = client_with(Client::new().config(config)).await;
        let quiet = timeout(HOUR / 2, async { tokio::join!(ws.recv(), peer.frame()) }).await;
        assert!(quiet.is_err(), "{quiet:?}");
    });
}

#[test]
fn patient_connections_wait_for_ever() {
    paused(async {
        let mut config = ConnectionConfig::server();
        config.idle_timeout = Some(SECOND);
        let (mut ws, mut peer) = server_opts(config.without_timeouts()).await;
        ws.send(vec![0; 100_000]).await.unwrap();
        assert!(timeout(HOUR / 2, ws.recv()).await.is_err());
        assert_eq!(peer.frame().await.payload.len(), 100_000);
    });
}

#[test]
fn a_peer_that_takes_no_data_is_cut_after_half_a_minute() {
    paused(async {
        let (mut ws, _peer) = server().await;
        ws.send(vec![0; 100_000]).await.unwrap();
        let begun = Instant::now();
        let flushed = ws.flush().await;
        assert!(matches!(flushed, Err(Error::TimedOut(TimeoutKind::WriteStall))), "{flushed:?}");
        assert_passed(begun, 30 * SECOND);
        let received = ws.recv().await;
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::WriteStall))), "{received:?}");
    });
}

#[test]
fn every_byte_that_the_peer_takes_resets_the_stall() {
    paused(async {
        let mut config = beating(HOUR, HOUR);
        config.write_stall_timeout = Some(5 * SECOND);
        let (mut ws, mut peer) = server_over(Server::builder().config(config), 64).await;
        ws.send(vec![0; 1000]).await.unwrap();
        let begun = Instant::now();
        let (flushed, stalled) = tokio::join!(ws.flush(), async {
            for _ in 0..10 {
                sleep(4 * SECOND).await;
                peer.io.read_exact(&mut [0; 64]).await.unwrap();
            }
            Instant::now()
        });
        assert!(matches!(flushed, Err(Error::TimedOut(TimeoutKind::WriteStall))), "{flushed:?}");
        assert_passed(stalled, 5 * SECOND);
        assert_passed(begun, 45 * SECOND);
    });
}

#[test]
fn a_stall_ends_a_connection_that_only_reads_as_well() {
    paused(async {
        let (mut ws, _peer) = server().await;
        ws.handle().try_send(vec![0; 100_000]).unwrap();
        let begun = Instant::now();
        let received = ws.recv().await;
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::WriteStall))), "{received:?}");
        assert_passed(begun, 30 * SECOND);
    });
}

/// A transport that takes everything and hands on nothing, as one that encrypts may. That it takes
/// a ping as well is no progress.
#[test]
fn what_a_transport_holds_back_counts_as_unsent() {
    paused(async {
        let unbeating = ConnectionConfig::server().heartbeat(None);
        let patient = beating(20 * SECOND, 60 * SECOND);
        for config in [unbeating, patient] {
            let (ours, theirs) = tokio::io::duplex(4096);
            let ours = BufWriter::with_capacity(1 << 20, ours);
            let server = Server::builder().config(config).build();
            let (ws, _peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
            let mut ws = ws.unwrap();
            ws.send(vec![0; 50_000]).await.unwrap();
            let begun = Instant::now();
            let flushed = ws.flush().await;
            assert!(
                matches!(flushed, Err(Error::TimedOut(TimeoutKind::WriteStall))),
                "{flushed:?}"
            );
            assert_passed(begun, 30 * SECOND);
        }
    });
}

#[test]
fn a_close_frame_is_waited_for_ten_seconds() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let begun = Instant::now();
        let (closed, ()) = tokio::join!(ws.close(CloseCode::NORMAL), async {
            peer.expect_close(1000).await;
            // Bytes do not extend it.
            let talk = peer.encode(TEXT, "still talking");
            while peer.io.write_all(&talk).await.is_ok() {
                sleep(SECOND / 2).await;
            }
        });
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Close))), "{closed:?}");
        assert!(begun.elapsed() <= 12 * SECOND + LATE);
        assert!(begun.elapsed() >= 10 * SECOND - LATE / 2);
    });
}

#[test]
fn the_closing_timers_can_be_set() {
    paused(async {
        let mut config = ConnectionConfig::client();
        config.close_timeout = SECOND;
        config.linger_timeout = SECOND / 4;
        let (mut ws, _peer) = client_with(Client::new().config(config.clone())).await;
        let begun = Instant::now();
        let closed = ws.close(CloseCode::NORMAL).await;
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Close))), "{closed:?}");
        assert!((SECOND..SECOND * 5 / 4).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let (mut ws, mut peer) = client_with(Client::new().config(config)).await;
        peer.send_close(1000, "").await;
        let begun = Instant::now();
        ws.close(CloseCode::NORMAL).await.unwrap();
        peer.expect_close(1000).await;
        peer.expect_end().await;
        let waited = begun.elapsed();
        assert!((SECOND / 4..SECOND / 2).contains(&waited), "{waited:?}");
    });
}

/// The answer to the peer's close is out, and then the application looks away.
#[test]
fn an_application_that_does_not_wait_for_the_end_still_sees_a_clean_one() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        peer.send_close(1000, "").await;
        assert!(matches!(ws.next_event().await, Ok(Some(bowsprit::Event::Close(_)))));
        let begun = Instant::now();
        peer.expect_close(1000).await;
        peer.expect_end().await;
        assert!(begun.elapsed() <= 10 * SECOND + LATE);
        let late = ws.send("late").await;
        assert!(matches!(late, Err(Error::Send(_))), "{late:?}");
        assert!(ws.recv().await.unwrap().is_none());
    });
}
