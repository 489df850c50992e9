//! Options as they are written: in one expression.

use std::time::Duration;

use bowsprit::{
    ConnectionConfig,
    config::{Heartbeat, Keepalive, Limits, TcpOptions},
    reconnect::Backoff,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn options_of_connections_are_set_one_after_the_other() {
    let config = ConnectionConfig::client()
        .limits(Limits::CLIENT.max_message_len(1))
        .heartbeat(Heartbeat::new(seconds(2), seconds(3)).interval(seconds(4)).timeout(seconds(5)))
        .idle_timeout(seconds(6))
        .max_messages_per_second(7)
        .max_pings_per_second(8)
        .auto_pong(false)
        .write_stall_timeout(seconds(9))
        .close_timeout(seconds(10))
        .linger_timeout(seconds(11))
        .high_water_mark(12)
        .max_queue_len(13)
        .max_inline_compression_len(14)
        .max_concurrent_compressions(15);
    let mut expected = ConnectionConfig::client();
    expected.limits.max_message_len = 1;
    expected.heartbeat = Some(Heartbeat::new(seconds(4), seconds(5)));
    expected.idle_timeout = Some(seconds(6));
    expected.max_messages_per_second = Some(7);
    expected.max_pings_per_second = Some(8);
    expected.auto_pong = false;
    expected.write_stall_timeout = Some(seconds(9));
    expected.close_timeout = seconds(10);
    expected.linger_timeout = seconds(11);
    expected.high_water_mark = 12;
    expected.max_queue_len = 13;
    expected.max_inline_compression_len = 14;
    expected.max_concurrent_compressions = 15;
    assert_eq!(config, expected);
}

#[test]
fn what_is_optional_is_switched_off_by_none() {
    let config = ConnectionConfig::server()
        .heartbeat(None)
        .idle_timeout(None)
        .max_messages_per_second(None)
        .max_pings_per_second(None)
        .write_stall_timeout(None);
    assert_eq!(config, ConnectionConfig::server().without_timeouts());
}

#[test]
fn options_of_sockets_and_waits_are_set_likewise() {
    let keepalive =
        Keepalive::after(seconds(1)).time(seconds(2)).interval(seconds(3)).max_probes(4);
    let tcp = TcpOptions::default().nodelay(false).keepalive(keepalive).user_timeout(seconds(5));
    let mut expected = TcpOptions::default();
    let mut expected_keepalive = Keepalive::after(seconds(2));
    expected_keepalive.interval = Some(seconds(3));
    expected_keepalive.max_probes = Some(4);
    expected.nodelay = false;
    expected.keepalive = Some(expected_keepalive);
    expected.user_timeout = Some(seconds(5));
    assert_eq!(tcp, expected);
    assert_eq!(tcp.nodelay(true).keepalive(None).user_timeout(None), TcpOptions::default());

    let backoff = Backoff::default().first(seconds(1)).max(seconds(2)).stable_after(seconds(3));
    let mut expected = Backoff::default();
    (expected.first, expected.max, expected.stable_after) = (seconds(1), seconds(2), seconds(3));
    assert_eq!(backoff, expected);
}
