//! The numbers that recorders of the crate `metrics` get, next to those of `stats`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, time::Duration};

use bowsprit::{
    Client, CloseCode, ConnectionConfig, Event, Message, Server, testing::pair_of,
    topics::SlowConsumerPolicy,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::{
    io::{AsyncWriteExt, duplex},
    time::timeout,
};

const SECOND: Duration = Duration::from_secs(1);

/// The values of all counters and gauges, and how many values histograms have, by name and labels.
/// Of each, what has come since it was asked last.
fn values(recorded: &Snapshotter) -> BTreeMap<String, i64> {
    let number = |value| match value {
        DebugValue::Counter(count) => i64::try_from(count).unwrap(),
        #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
        DebugValue::Gauge(value) => value.into_inner() as i64,
        DebugValue::Histogram(values) => i64::try_from(values.len()).unwrap(),
    };
    let all = recorded.snapshot().into_vec().into_iter().map(|(key, unit, description, value)| {
        let (_, key) = key.into_parts();
        assert!(unit.is_some() && description.is_some(), "{key} is described");
        let labels: Vec<_> = key.labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
        (format!("{}{{{}}}", key.name(), labels.join(",")), number(value))
    });
    all.collect()
}

/// Those that are not zero of the names and labels that begin so.
fn values_of(prefix: &str, values: &BTreeMap<String, i64>) -> Vec<(String, i64)> {
    let chosen = values.iter().filter(|(key, value)| key.starts_with(prefix) && **value != 0);
    chosen.map(|(key, value)| (key[prefix.len()..].to_owned(), *value)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_recorder_gets_what_stats_tell() {
    let recorder = DebuggingRecorder::new();
    let recorded = recorder.snapshotter();
    recorder.install().unwrap();
    let mut config = ConnectionConfig::server();
    config.max_queue_len = 10_000;
    let server = Server::builder().path("/chat").config(config).build();
    let client = Client::new().deflate(None);
    let (mut theirs, mut ours) = pair_of(&client, &server, "ws://localhost/chat").await.unwrap();
    let open = values(&recorded);
    let both = |value| [("{role=client}".to_owned(), value), ("{role=server}".to_owned(), value)];
    assert_eq!(values_of("bowsprit_connections", &open), both(1));
    assert_eq!(values_of("bowsprit_handshake_seconds", &open), both(1));
    let accepted = ["{role=client,status=101}", "{role=server,status=101}"];
    let accepted = accepted.map(|labels| (labels.to_owned(), 1));
    assert_eq!(values_of("bowsprit_handshakes_total", &open), accepted);

    theirs.send("seventeen letters").await.unwrap();
    theirs.send(vec![0; 100]).await.unwrap();
    theirs.ping(b"").unwrap();
    for _ in 0..3 {
        ours.next_event().await.unwrap().unwrap();
    }
    ours.handle().measure_round_trip().unwrap();
    let (pong, _) = tokio::join!(ours.next_event(), timeout(SECOND, theirs.recv()));
    assert!(matches!(pong, Ok(Some(Event::Pong(_)))), "{pong:?}");
    let long = Message::from(vec![0; 100_000]);
    for slow in
        [SlowConsumerPolicy::DropNewest, SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER)]
    {
        for _ in 0..2 {
            server.broadcast(long.clone()).slow_consumers(slow).send_now();
        }
    }
    let (ended, closed) = tokio::join!(ours.recv(), async {
        while theirs.recv().await?.is_some() {}
        Ok::<_, bowsprit::Error>(())
    });
    ended.unwrap();
    closed.unwrap();
    client.connect_over("ws://localhost/nowhere", pipe_to(&server)).await.unwrap_err();
    let (io, mut broken) = duplex(100);
    broken.write_all(b"no HTTP\r\n\r\n").await.unwrap();
    server.accept(io).await.unwrap_err();

    let now = values(&recorded);
    assert_eq!(values_of("bowsprit_connections", &now), both(-1));
    compare(&now);
    let wire = |dir: &str| now[&format!("bowsprit_wire_bytes_total{{role=server,dir={dir}}}")];
    let stats = server.stats();
    assert_eq!(u64::try_from(wire("sent")), Ok(stats.sent.wire_bytes));
    assert_eq!(u64::try_from(wire("received")), Ok(stats.received.wire_bytes));
    assert_eq!((stats.dropped, stats.slow_closes, stats.sent.binary_messages), (1, 1, 1));
}

/// Compares with what was done.
fn compare(now: &BTreeMap<String, i64>) {
    let expect = |prefix: &str, expected: &[(&str, i64)]| {
        let expected: Vec<_> = expected.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        assert_eq!(values_of(prefix, now), expected, "{prefix}");
    };
    expect(
        "bowsprit_messages_total{role=server,",
        &[
            ("dir=received,kind=binary}", 1),
            ("dir=received,kind=ping}", 1),
            ("dir=received,kind=pong}", 1),
            ("dir=received,kind=text}", 1),
            ("dir=sent,kind=binary}", 1),
            ("dir=sent,kind=ping}", 1),
            ("dir=sent,kind=pong}", 1),
        ],
    );
    expect(
        "bowsprit_payload_bytes_total{role=client,",
        &[("dir=received}", 100_000), ("dir=sent}", 117)],
    );
    expect("bowsprit_dropped_total", &[("{role=server,policy=drop_newest}", 1)]);
    expect("bowsprit_ping_rtt_seconds", &[("{role=server}", 1)]);
    expect("bowsprit_slow_closes_total", &[("{role=server}", 1)]);
    expect("bowsprit_connection_seconds", &[("{role=client}", 1), ("{role=server}", 1)]);
    expect(
        "bowsprit_closes_total",
        &[("{role=client,by=peer,code=1013}", 1), ("{role=server,by=us,code=1013}", 1)],
    );
    expect(
        "bowsprit_handshakes_total",
        &[
            ("{role=client,status=404}", 1),
            ("{role=server,status=404}", 1),
            ("{role=server,status=failed}", 1),
        ],
    );
}

/// A transport whose other end `server` accepts.
fn pipe_to(server: &Server) -> tokio::io::DuplexStream {
    let (near, far) = duplex(10_000);
    let server = server.clone();
    tokio::spawn(async move { server.accept(far).await });
    near
}
