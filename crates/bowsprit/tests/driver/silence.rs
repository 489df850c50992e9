//! Peers that say nothing, and how long the others take to answer.

use std::time::Duration;

use bowsprit::{
    Client, CloseCode, ConnectionConfig, Error, Message, WebSocket, config::Heartbeat,
    error::TimeoutKind,
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    peer::{PING, PONG, TEXT},
    support::{SECOND, client_with, pair, paused, real, server, server_opts},
};

/// How late two sweeps may notice that a time is over: one asks whether the application still
/// reads.
const LATE: Duration = Duration::from_millis(1100);

fn idle(mut config: ConnectionConfig, seconds: u32) -> ConnectionConfig {
    config.idle_timeout = Some(seconds * SECOND);
    config
}

/// Expects the connection to be cut for silence when `expected` has passed since `begun`.
#[track_caller]
fn assert_idle(received: &Result<Option<Message>, Error>, begun: Instant, expected: Duration) {
    assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::Idle))), "{received:?}");
    let passed = begun.elapsed();
    assert!((expected..=expected + LATE).contains(&passed), "{passed:?}, {expected:?}");
}

#[test]
fn a_client_notices_that_pings_stay_away() {
    paused(async {
        let mut config = idle(ConnectionConfig::client(), 31);
        config.heartbeat = None;
        let (mut ws, mut peer) = client_with(Client::new().config(config)).await;
        let (received, last) = tokio::join!(ws.recv(), async {
            for _ in 0..5 {
                sleep(30 * SECOND).await;
                peer.send(PING, "there?").await;
                peer.expect(PONG, "there?").await;
            }
            Instant::now()
        });
        assert_idle(&received, last, 31 * SECOND);
        assert!(matches!(ws.send("").await, Err(Error::TimedOut(TimeoutKind::Idle))));
    });
}

#[test]
fn a_server_notices_silence_as_well_and_any_byte_breaks_it() {
    paused(async {
        let mut config = idle(ConnectionConfig::server(), 8);
        config.heartbeat = None;
        let (mut ws, mut peer) = server_opts(config).await;
        let (received, last) = tokio::join!(ws.recv(), async {
            let bytes = peer.encode(TEXT, "slow");
            for byte in &bytes[..bytes.len() - 1] {
                sleep(7 * SECOND).await;
                peer.write([*byte]).await;
            }
            Instant::now()
        });
        assert_idle(&received, last, 8 * SECOND);
    });
}

#[test]
fn a_client_is_not_idle_behind_an_unread_message() {
    paused(async {
        let mut config = idle(ConnectionConfig::server(), 8);
        config.heartbeat = None;
        let (mut ws, mut peer) = server_opts(config).await;
        // It has been reading, and then does something else.
        assert!(timeout(SECOND, ws.recv()).await.is_err());
        for _ in 0..2 {
            peer.send(TEXT, "unread").await;
            sleep(100 * SECOND).await;
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("unread"));
        }
        // Now it has its time for an answer.
        let begun = Instant::now();
        let received = ws.recv().await;
        assert_idle(&received, begun, 8 * SECOND);
    });
}

#[test]
fn an_application_that_has_just_looked_away_cuts_nobody() {
    paused(async {
        let mut config = idle(ConnectionConfig::server(), 8);
        config.heartbeat = None;
        let (mut ws, mut peer) = server_opts(config).await;
        assert!(timeout(15 * SECOND / 2, ws.recv()).await.is_err());
        peer.send(TEXT, "alive").await;
        sleep(SECOND * 100).await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("alive"));
    });
}

#[test]
fn short_silence_is_noticed_in_time() {
    paused(async {
        let mut config = ConnectionConfig::client();
        config.idle_timeout = Some(SECOND / 10);
        let (mut ws, _peer) = client_with(Client::new().config(config)).await;
        let begun = Instant::now();
        let received = ws.recv().await;
        assert!(matches!(received, Err(Error::TimedOut(TimeoutKind::Idle))), "{received:?}");
        assert!((SECOND / 10..SECOND / 5).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    });
}

#[test]
fn silence_counts_whether_anybody_receives_or_not() {
    paused(async {
        let config = idle(ConnectionConfig::server(), 8).heartbeat(None);
        let (mut ws, _peer) = server_opts(config).await;
        let begun = Instant::now();
        for _ in 0..3 {
            assert!(timeout(SECOND / 10, ws.recv()).await.is_err());
            sleep(SECOND / 10).await;
        }
        let closed = ws.closed().await;
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Idle))), "{closed:?}");
        let passed = begun.elapsed();
        assert!((8 * SECOND..=10 * SECOND).contains(&passed), "{passed:?}");
    });
}

#[test]
fn a_peer_that_answers_the_heartbeat_is_not_idle() {
    paused(async {
        let mut config = idle(ConnectionConfig::server(), 5);
        config.heartbeat = Some(Heartbeat::new(3 * SECOND, 3 * SECOND));
        let (mut ws, mut peer) = server_opts(config).await;
        let (received, last) = tokio::join!(ws.recv(), async {
            for _ in 0..10 {
                let ping = peer.frame().await;
                assert_eq!(ping.opcode, PING);
                peer.send(PONG, ping.payload).await;
            }
            Instant::now()
        });
        // Both look after a peer that is gone; what takes less time finds out.
        assert_idle(&received, last, 5 * SECOND);
    });
}

#[test]
fn after_a_close_frame_silence_has_the_time_of_closing() {
    paused(async {
        let (mut ws, mut peer) =
            client_with(Client::new().config(idle(ConnectionConfig::client(), 3))).await;
        assert!(timeout(2 * SECOND, ws.recv()).await.is_err());
        let begun = Instant::now();
        let (closed, _) = tokio::join!(ws.close(CloseCode::NORMAL), peer.expect_close(1000));
        assert!(matches!(closed, Err(Error::TimedOut(TimeoutKind::Close))), "{closed:?}");
        assert!(begun.elapsed() >= 9 * SECOND, "{:?}", begun.elapsed());
    });
}

#[test]
fn the_heartbeat_measures_the_round_trip_time() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        assert_eq!(handle.round_trip_time(), None);
        let (received, ()) = tokio::join!(ws.recv(), async {
            let ping = peer.frame().await;
            sleep(30 * SECOND / 1000).await;
            peer.send(PONG, "of the application's").await;
            sleep(SECOND / 100).await;
            assert_eq!(handle.round_trip_time(), None, "another pong");
            peer.send(PONG, &ping.payload).await;
            sleep(SECOND / 100).await;
            assert_measured(handle.round_trip_time(), SECOND / 25);
            peer.send(PONG, &ping.payload).await;
            peer.send(TEXT, "over").await;
        });
        received.unwrap();
        assert_measured(ws.round_trip_time(), SECOND / 25);
    });
}

/// Expects what tokio's timer, which rounds up to milliseconds, makes of `expected`.
#[track_caller]
fn assert_measured(measured: Option<Duration>, expected: Duration) {
    let late = SECOND / 500;
    assert!(measured.is_some_and(|it| (expected..=expected + late).contains(&it)), "{measured:?}");
}

#[test]
fn nobody_can_guess_a_ping() {
    paused(async {
        let mut payloads = Vec::new();
        for _ in 0..4 {
            let (mut ws, mut peer) = server().await;
            let reading = async { timeout(50 * SECOND, ws.recv()).await };
            let (_, ()) = tokio::join!(reading, async {
                for _ in 0..2 {
                    let ping = peer.frame().await;
                    peer.send(PONG, &ping.payload).await;
                    payloads.push(ping.payload);
                }
            });
        }
        assert!(payloads.iter().all(|payload| payload.len() == 4), "{payloads:?}");
        // Eight draws of 2^32 are all different, but for one time in 150 million.
        payloads.sort_unstable();
        payloads.dedup();
        assert_eq!(payloads.len(), 8, "{payloads:?}");
        let steps = payloads.windows(2).map(|two| u32_of(&two[1]) - u32_of(&two[0]));
        assert!(steps.max() > Some(1 << 20), "a counter: {payloads:?}");
    });
}

fn u32_of(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload.try_into().unwrap())
}

/// Reads until there is a measurement.
async fn measured(ws: &mut WebSocket) -> Duration {
    let handle = ws.handle();
    loop {
        if let Some(took) = handle.round_trip_time() {
            return took;
        }
        ws.next_event().await.unwrap();
    }
}

#[test]
fn applications_measure_when_they_want() {
    real(async {
        let (mut client, mut server) = pair().await;
        client.handle().measure_round_trip().unwrap();
        let begun = Instant::now();
        let answering = tokio::spawn(async move { server.recv().await });
        let took = measured(&mut client).await;
        assert!(took > Duration::ZERO && took <= begun.elapsed() + SECOND / 100, "{took:?}");
        client.close(CloseCode::NORMAL).await.unwrap();
        assert!(answering.await.unwrap().unwrap().is_none());
        let late = client.handle().measure_round_trip();
        assert!(matches!(late, Err(Error::Send(_))), "{late:?}");
    });
}
