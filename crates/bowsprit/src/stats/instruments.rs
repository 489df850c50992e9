//! The same numbers for the crate `metrics`.
//!
//! What counts often has its counter looked up once, when the server or client is made.

use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, SharedString, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram,
};

use super::{CloseKind, CodeClass, Control, Direction, Policy, role_name};
use crate::Role;

/// The upper bounds of the buckets that suit the histograms of the feature `metrics`, in seconds,
/// by the histograms' names. Recorders that make summaries or other buckets by default can be
/// given these:
///
/// ```
/// use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
///
/// fn builder() -> Result<PrometheusBuilder, BuildError> {
///     let mut builder = PrometheusBuilder::new();
///     for (name, buckets) in bowsprit::stats::BUCKETS {
///         builder = builder.set_buckets_for_metric(Matcher::Full(name.into()), buckets)?;
///     }
///     Ok(builder)
/// }
/// # builder().unwrap();
/// ```
pub const BUCKETS: [(&str, &[f64]); 3] = [
    (HANDSHAKE_SECONDS, &SHORT),
    (PING_RTT_SECONDS, &SHORT),
    // From a second to a week.
    (CONNECTION_SECONDS, &[1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 604_800.0]),
];

const SHORT: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

const HANDSHAKE_SECONDS: &str = "bowsprit_handshake_seconds";
const PING_RTT_SECONDS: &str = "bowsprit_ping_rtt_seconds";
const CONNECTION_SECONDS: &str = "bowsprit_connection_seconds";

pub(super) struct Instruments {
    role: &'static str,
    connections: Gauge,
    connection_seconds: Histogram,
    handshake_seconds: Histogram,
    ping_rtt_seconds: Histogram,
    slow_closes: Counter,
    received: Flow,
    sent: Flow,
}

struct Flow {
    texts: Counter,
    binaries: Counter,
    payload_bytes: Counter,
    wire_bytes: Counter,
    pings: Counter,
    pongs: Counter,
}

impl Instruments {
    pub(super) fn new(role: Role) -> Self {
        describe();
        let role = role_name(role);
        for policy in Policy::ALL {
            // Zero until something is dropped, rather than unknown.
            let _registered =
                counter!("bowsprit_dropped_total", "role" => role, "policy" => policy.name());
        }
        Self {
            role,
            connections: gauge!("bowsprit_connections", "role" => role),
            connection_seconds: histogram!(CONNECTION_SECONDS, "role" => role),
            handshake_seconds: histogram!(HANDSHAKE_SECONDS, "role" => role),
            ping_rtt_seconds: histogram!(PING_RTT_SECONDS, "role" => role),
            slow_closes: counter!("bowsprit_slow_closes_total", "role" => role),
            received: Flow::new(role, "received"),
            sent: Flow::new(role, "sent"),
        }
    }

    pub(super) fn messages(&self, direction: Direction, texts: u32, binaries: u32, payload: u64) {
        let flow = self.flow(direction);
        flow.texts.increment(texts.into());
        flow.binaries.increment(binaries.into());
        flow.payload_bytes.increment(payload);
    }

    pub(super) fn wire(&self, direction: Direction, len: u64) {
        self.flow(direction).wire_bytes.increment(len);
    }

    pub(super) fn control(&self, direction: Direction, frame: Control) {
        let flow = self.flow(direction);
        if frame == Control::Ping { &flow.pings } else { &flow.pongs }.increment(1);
    }

    pub(super) fn ping_took(&self, time: Duration) {
        self.ping_rtt_seconds.record(time);
    }

    pub(super) fn opened(&self) {
        self.connections.increment(1.0);
        self.handshake("101");
    }

    pub(super) fn ended(&self, ending: CloseKind, code: CodeClass, age: Duration) {
        self.connections.decrement(1.0);
        self.connection_seconds.record(age);
        let (by, code) = (ending.name(), code.label());
        counter!("bowsprit_closes_total", "role" => self.role, "by" => by, "code" => code)
            .increment(1);
    }

    pub(super) fn handshake(&self, status: &str) {
        let status = SharedString::from(status.to_owned());
        counter!("bowsprit_handshakes_total", "role" => self.role, "status" => status).increment(1);
    }

    pub(super) fn handshake_took(&self, time: Duration) {
        self.handshake_seconds.record(time);
    }

    pub(super) fn dropped(&self, policy: Policy, count: u64) {
        let policy = policy.name();
        counter!("bowsprit_dropped_total", "role" => self.role, "policy" => policy)
            .increment(count);
    }

    pub(super) fn slow_close(&self) {
        self.slow_closes.increment(1);
    }

    const fn flow(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Received => &self.received,
            Direction::Sent => &self.sent,
        }
    }
}

impl Flow {
    fn new(role: &'static str, dir: &'static str) -> Self {
        let messages = |kind| counter!("bowsprit_messages_total", "role" => role, "dir" => dir, "kind" => kind);
        let bytes = |name| counter!(name, "role" => role, "dir" => dir);
        Self {
            texts: messages("text"),
            binaries: messages("binary"),
            payload_bytes: bytes("bowsprit_payload_bytes_total"),
            wire_bytes: bytes("bowsprit_wire_bytes_total"),
            pings: messages("ping"),
            pongs: messages("pong"),
        }
    }
}

impl Policy {
    const ALL: [Self; 5] =
        [Self::Wait, Self::DropNewest, Self::DropOldest, Self::KeepLatest, Self::Closed];

    const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::DropNewest => "drop_newest",
            Self::DropOldest => "drop_oldest",
            Self::KeepLatest => "keep_latest",
            Self::Closed => "closed",
        }
    }
}

fn describe() {
    describe_gauge!("bowsprit_connections", Unit::Count, "Open connections");
    describe_counter!(
        "bowsprit_handshakes_total",
        Unit::Count,
        "Opening handshakes by their answer, failed or timed_out without one, or plain requests"
    );
    describe_histogram!(
        CONNECTION_SECONDS,
        Unit::Seconds,
        "How long connections were open that have ended"
    );
    describe_histogram!(
        HANDSHAKE_SECONDS,
        Unit::Seconds,
        "How long opening handshakes took that were answered"
    );
    describe_histogram!(
        PING_RTT_SECONDS,
        Unit::Seconds,
        "How long pongs took from the pings of heartbeats"
    );
    describe_counter!(
        "bowsprit_closes_total",
        Unit::Count,
        "Connections that have ended, by whom or what, and with which close code"
    );
    describe_counter!(
        "bowsprit_messages_total",
        Unit::Count,
        "Messages (text, binary) and control frames (ping, pong)"
    );
    describe_counter!(
        "bowsprit_payload_bytes_total",
        Unit::Bytes,
        "Payloads of messages, not compressed"
    );
    describe_counter!(
        "bowsprit_wire_bytes_total",
        Unit::Bytes,
        "Frames as they are on the wire, before TLS"
    );
    describe_counter!("bowsprit_dropped_total", Unit::Count, "Publications that were left out");
    describe_counter!(
        "bowsprit_slow_closes_total",
        Unit::Count,
        "Connections closed because a publication found no room"
    );
}
