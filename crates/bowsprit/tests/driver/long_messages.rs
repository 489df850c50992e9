//! Messages that take long to compress: order, cancellation, the end.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
};

use bowsprit::{
    Client, CloseCode, ConnectionConfig, Deflate, Error, Event, Message, PreparedMessage, Server,
    State, WebSocket,
    config::Heartbeat,
    deflate::ContextTakeover,
    error::SendError,
    message::{Fragment, MessageKind, Outgoing},
};
use tokio::{
    runtime::Builder,
    task::{spawn_blocking, yield_now},
};

use super::support::{PIPE_LEN, SECOND, URL, real, threaded, two_threads, watched};

const LONG: usize = 1 << 20;

fn deflate(takeover: bool) -> Deflate {
    let rule = if takeover { ContextTakeover::Allowed } else { ContextTakeover::Never };
    Deflate::client().server_context_takeover(rule).client_context_takeover(rule).level(6)
}

fn config() -> ConnectionConfig {
    let mut config = ConnectionConfig::client();
    config.limits = config.limits.max_message_len(64 << 20);
    config
}

/// A server and a client that have agreed on compression.
async fn pair_with(takeover: bool, config: ConnectionConfig) -> (WebSocket, WebSocket) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let deflate = deflate(takeover);
    let server = Server::builder().deflate(deflate).config(config.clone()).build();
    let client = Client::new().deflate(deflate).config(config);
    let (server, client) = tokio::join!(server.accept(ours), client.connect_over(URL, theirs));
    (server.unwrap(), client.unwrap())
}

async fn pair(takeover: bool) -> (WebSocket, WebSocket) {
    pair_with(takeover, config()).await
}

/// Lines that are all different and compress to a third.
fn text(len: usize, seed: u32) -> String {
    let (mut text, mut state) = (String::new(), seed);
    while text.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        writeln!(text, "the log says {state:08x}").unwrap();
    }
    text.truncate(len);
    text
}

async fn receives(ws: &mut WebSocket, expected: &str) {
    let message = ws.recv().await.unwrap().expect("the connection is open");
    assert!(message.as_text() == Some(expected), "{} bytes for {}", message.len(), expected.len());
}

#[test]
fn messages_stay_in_order_around_long_ones() {
    threaded(async {
        for takeover in [true, false] {
            for swap in [true, false] {
                let (mut from, mut to) = pair(takeover).await;
                if swap {
                    (from, to) = (to, from);
                }
                let texts: Vec<String> =
                    [10, LONG, 2000, 20, LONG / 2, LONG, 0, 70_000, 65_536, 65_537]
                        .iter()
                        .zip(1..)
                        .map(|(len, seed)| text(*len, seed))
                        .collect();
                let sent = texts.clone();
                let sending = tokio::spawn(async move {
                    for text in &sent {
                        from.send(text).await.unwrap();
                    }
                    from.send(Outgoing::from("plain").uncompressed()).await.unwrap();
                    from.close(CloseCode::NORMAL).await.unwrap();
                });
                for text in &texts {
                    receives(&mut to, text).await;
                }
                receives(&mut to, "plain").await;
                assert_eq!(to.recv().await.unwrap(), None);
                sending.await.unwrap();
            }
        }
    });
}

#[test]
fn others_run_while_a_long_message_is_compressed() {
    real(async {
        let (mut from, mut to) = pair(false).await;
        let turns = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&turns);
        let others = tokio::spawn(async move {
            loop {
                counter.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
        let long = text(4 * LONG, 1);
        let handle = from.handle();
        handle.try_send(&*long).unwrap();
        assert!(from.queued_len() >= 4 * LONG);
        let before = turns.load(Ordering::Relaxed);
        while handle.queued_len() >= 4 * LONG {
            yield_now().await;
        }
        let compressing = turns.load(Ordering::Relaxed) - before;
        // Level 6 takes about 60 ms for it, and a turn less than a microsecond.
        assert!(compressing > 100, "{compressing} turns");
        tokio::join!(receives(&mut to, &long), async { from.flush().await.unwrap() });
        others.abort();
    });
}

#[test]
fn control_frames_go_before_a_long_message_and_a_close_after_it() {
    real(async {
        let (mut from, mut to) = pair(true).await;
        let long = text(LONG, 1);
        from.handle().try_send(&*long).unwrap();
        from.ping(b"first").unwrap();
        from.handle().start_close((CloseCode::GOING_AWAY, "last")).unwrap();
        assert_eq!(from.state(), State::Closing);
        let late = from.handle().try_send("too late");
        assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
        assert!(from.handle().start_close(CloseCode::NORMAL).is_err(), "once");
        assert!(matches!(from.send("late").await, Err(Error::Send(SendError::Closed))));
        let reading = tokio::spawn(async move { from.recv().await });
        assert!(matches!(to.next_event().await.unwrap(), Some(Event::Ping(b"first"))));
        receives(&mut to, &long).await;
        let Some(Event::Close(close)) = to.next_event().await.unwrap() else { panic!("no close") };
        assert_eq!((close.code, &*close.reason), (CloseCode::GOING_AWAY, "last"));
        assert_eq!(to.recv().await.unwrap(), None);
        assert_eq!(reading.await.unwrap().unwrap(), None);
    });
}

#[test]
fn the_heartbeat_stops_when_a_close_waits_for_a_long_message() {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).max_blocking_threads(1).build().unwrap();
    watched(move || {
        runtime.block_on(async {
            let (release, held) = mpsc::channel::<()>();
            let busy = spawn_blocking(move || held.recv());
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            let beating = ConnectionConfig::server().heartbeat(Heartbeat::new(SECOND, SECOND));
            let server = Server::builder().deflate(deflate(false)).config(beating).build();
            let client = Client::new().deflate(deflate(false)).config(config().heartbeat(None));
            let (from, to) = tokio::join!(server.accept(ours), client.connect_over(URL, theirs));
            let (mut from, mut to) = (from.unwrap(), to.unwrap());
            let long = text(LONG / 2, 1);
            from.handle().try_send(&*long).unwrap();
            from.handle().start_close(CloseCode::NORMAL).unwrap();
            let reading = tokio::spawn(async move { from.recv().await });
            for _ in 0..50 {
                tokio::time::advance(SECOND / 10).await;
            }
            release.send(()).unwrap();
            busy.await.unwrap().unwrap();
            receives(&mut to, &long).await;
            assert_eq!(to.recv().await.unwrap(), None);
            assert_eq!(reading.await.unwrap().unwrap(), None);
        });
    });
}

#[test]
fn a_close_that_may_not_be_sent_is_refused_at_once() {
    real(async {
        let (mut from, mut to) = pair(false).await;
        let long = text(LONG / 2, 1);
        from.handle().try_send(&*long).unwrap();
        let refused = from.handle().start_close(CloseCode::from(1006));
        assert!(matches!(refused, Err(Error::Send(SendError::CloseCode(_)))), "{refused:?}");
        from.handle().try_send("still open").unwrap();
        tokio::spawn(async move { from.recv().await });
        receives(&mut to, &long).await;
        receives(&mut to, "still open").await;
    });
}

#[test]
fn the_answer_to_a_close_comes_after_what_was_sent_before() {
    real(async {
        let (mut from, mut to) = pair(false).await;
        let long = text(LONG, 1);
        to.handle().start_close(CloseCode::NORMAL).unwrap();
        to.flush().await.unwrap();
        from.handle().try_send(&*long).unwrap();
        let reading = tokio::spawn(async move {
            let end = from.recv().await;
            (end, from)
        });
        receives(&mut to, &long).await;
        assert_eq!(to.recv().await.unwrap(), None);
        assert_eq!(reading.await.unwrap().0.unwrap(), None);
    });
}

#[test]
fn nothing_is_sent_after_the_peers_close_but_what_was_sent_before() {
    real(async {
        let (mut from, mut to) = pair(false).await;
        let (handle, long) = (from.handle(), text(8 * LONG, 1));
        handle.try_send(&*long).unwrap();
        to.handle().start_close(CloseCode::NORMAL).unwrap();
        to.flush().await.unwrap();
        let Some(Event::Close(_)) = from.next_event().await.unwrap() else { panic!("no close") };
        let late = handle.try_send("too late");
        assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
        let reading = tokio::spawn(async move { from.recv().await });
        receives(&mut to, &long).await;
        assert_eq!(to.recv().await.unwrap(), None);
        assert_eq!(reading.await.unwrap().unwrap(), None);
    });
}

#[test]
fn fragments_wait_for_a_long_message() {
    real(async {
        let (from, mut to) = pair(true).await;
        let long = text(LONG, 1);
        let handle = from.handle();
        handle.try_send(&*long).unwrap();
        let (_receive, mut send) = from.split();
        let sending = tokio::spawn(async move {
            for (payload, fin) in [(&b"in "[..], false), (b"pieces", true)] {
                let fragment = Fragment { kind: MessageKind::Text, payload, fin };
                send.send_fragment(fragment).await.unwrap();
            }
            send.flush().await.unwrap();
            send
        });
        receives(&mut to, &long).await;
        receives(&mut to, "in pieces").await;
        let mut send = sending.await.unwrap();
        let begin = Fragment { kind: MessageKind::Text, payload: b"begun", fin: false };
        send.send_fragment(begin).await.unwrap();
        assert!(matches!(handle.try_send(&*long), Err(Error::QueueFull)));
        let refused = send.send(&*long).await;
        assert!(matches!(refused, Err(Error::Send(SendError::FragmentOpen))), "{refused:?}");
    });
}

#[test]
fn a_queue_that_is_full_of_long_messages_is_full() {
    real(async {
        let (from, mut to) = pair(false).await;
        // What waits counts 32 bytes more than its payload.
        let (handle, long) = (from.handle(), text(LONG - 32, 1));
        handle.try_send(&*long).unwrap();
        handle.try_send("one more, at the limit").unwrap();
        assert!(matches!(handle.try_send("too much"), Err(Error::QueueFull)));
        let waiting = tokio::spawn(async move { handle.send("when there is room").await });
        receives(&mut to, &long).await;
        receives(&mut to, "one more, at the limit").await;
        receives(&mut to, "when there is room").await;
        waiting.await.unwrap().unwrap();
        drop(from);
    });
}

#[test]
fn a_connection_that_is_cut_forgets_its_long_messages() {
    threaded(async {
        for takeover in [true, false] {
            let (from, mut to) = pair(takeover).await;
            let handle = from.handle();
            handle.try_send(text(4 * LONG, 1)).unwrap();
            handle.terminate();
            assert_eq!(handle.queued_len(), 0);
            assert!(matches!(to.recv().await, Err(Error::Disconnected)));
            assert!(matches!(handle.try_send("more"), Err(Error::Terminated)));
            drop(from);
        }
    });
}

#[test]
fn many_connections_share_one_thread_if_they_are_told_to() {
    real(async {
        let mut config = config();
        config.max_concurrent_compressions = 1;
        config.max_inline_compression_len = 3000;
        let mut pairs = Vec::new();
        for seed in 0..20 {
            let (from, to) = pair_with(seed % 2 == 0, config.clone()).await;
            for i in 0..5 {
                from.handle().try_send(text(4000 + i, seed)).unwrap();
            }
            pairs.push((from, to));
        }
        for (seed, (_from, to)) in (0..).zip(&mut pairs) {
            for i in 0..5 {
                receives(to, &text(4000 + i, seed)).await;
            }
        }
    });
}

#[test]
fn a_runtime_that_ends_ends_the_connections_it_compresses_for() {
    watched(|| {
        let runtime = two_threads();
        let handle = runtime.block_on(async {
            let mut config = config();
            config.max_concurrent_compressions = 1;
            let (from, to) = pair_with(false, config.clone()).await;
            let (other, other_peer) = pair_with(false, config).await;
            for handle in [from.handle(), other.handle()] {
                handle.try_send(text(2 * LONG, 1)).unwrap();
            }
            let handle = other.handle();
            tokio::spawn(async move {
                let _kept = (from, to, other, other_peer);
                std::future::pending::<()>().await;
            });
            handle
        });
        drop(runtime);
        assert!(handle.try_send("more").is_err());
        assert_eq!(handle.state(), State::Closed);
    });
}

#[test]
fn a_prepared_message_suits_all_connections() {
    threaded(async {
        for len in [0, 500, 5000, 100_000, LONG] {
            let message = text(len, 9);
            let prepared = PreparedMessage::new(&*message);
            assert_eq!(prepared.message(), &Message::text(&*message));
            let mut pairs = vec![super::support::pair().await];
            for takeover in [true, false, true, false] {
                pairs.push(pair(takeover).await);
            }
            for (mut from, mut to) in pairs {
                let sending = async {
                    from.send("before").await.unwrap();
                    from.send(&prepared).await.unwrap();
                    from.handle().send(prepared.clone()).await.unwrap();
                    from.send(Outgoing::from(&prepared).uncompressed()).await.unwrap();
                    from.send(&*message).await.unwrap();
                    from.flush().await.unwrap();
                };
                let receiving = async {
                    receives(&mut to, "before").await;
                    for _ in 0..4 {
                        receives(&mut to, &message).await;
                    }
                };
                tokio::join!(sending, receiving);
            }
        }
    });
}
