//! The statistics of `serve`, for Prometheus.

use std::fmt::{Display, Write};

use bowsprit::{
    Bytes, Server,
    http::{HeaderValue, Method, Request, Response, header},
    stats::{Stats, TrafficCounts},
};

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// Answers a plain request for `/metrics`.
pub(crate) fn answer(server: &Server, request: &Request<()>) -> Option<Response<Bytes>> {
    if request.method() != Method::GET || request.uri().path() != "/metrics" {
        return None;
    }
    let mut response = Response::new(Bytes::from(text(&server.stats())));
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    Some(response)
}

/// In the text format of Prometheus, version 0.0.4.
fn text(stats: &Stats) -> String {
    let mut text = Text(String::new());
    text.family("bowsprit_connections", "gauge", [("", stats.connections)]);
    let handshakes = &stats.handshakes;
    let refusals =
        handshakes.rejections().map(|(status, count)| (status.as_u16().to_string(), count));
    let answers = [("101", handshakes.accepted)].map(|(status, count)| (status.to_owned(), count));
    let others = [
        ("failed", handshakes.failed),
        ("timed_out", handshakes.timed_out),
        ("plain", handshakes.plain),
    ];
    let others = others.map(|(outcome, count)| (outcome.to_owned(), count));
    let handshakes = answers.into_iter().chain(refusals).chain(others);
    let handshakes = handshakes.map(|(status, count)| (format!("{{status=\"{status}\"}}"), count));
    text.family("bowsprit_handshakes_total", "counter", handshakes);
    let closes = &stats.closes;
    let closes = [
        ("peer", closes.by_peer),
        ("us", closes.by_us),
        ("protocol_error", closes.protocol_error),
        ("heartbeat", closes.heartbeat),
        ("idle", closes.idle),
        ("write_stall", closes.write_stall),
        ("close_timeout", closes.close_timeout),
        ("disconnected", closes.disconnected),
        ("terminated", closes.terminated),
        ("io", closes.io),
    ];
    let closes = closes.map(|(by, count)| (format!("{{by=\"{by}\"}}"), count));
    text.family("bowsprit_closes_total", "counter", closes);
    let messages = both(stats, |dir, traffic| {
        let kinds = [
            ("text", traffic.text_messages),
            ("binary", traffic.binary_messages),
            ("ping", traffic.pings),
            ("pong", traffic.pongs),
        ];
        kinds.map(|(kind, count)| (format!("{{dir=\"{dir}\",kind=\"{kind}\"}}"), count))
    });
    text.family("bowsprit_messages_total", "counter", messages.into_iter().flatten());
    let label = |dir: &str| format!("{{dir=\"{dir}\"}}");
    let payloads = both(stats, |dir, traffic| (label(dir), traffic.payload_bytes));
    text.family("bowsprit_payload_bytes_total", "counter", payloads);
    let wire = both(stats, |dir, traffic| (label(dir), traffic.wire_bytes));
    text.family("bowsprit_wire_bytes_total", "counter", wire);
    text.family("bowsprit_dropped_total", "counter", [("", stats.dropped)]);
    text.family("bowsprit_slow_closes_total", "counter", [("", stats.slow_closes)]);
    text.0
}

fn both<T>(stats: &Stats, sample: impl Fn(&str, TrafficCounts) -> T) -> [T; 2] {
    [sample("received", stats.received), sample("sent", stats.sent)]
}

struct Text(String);

impl Text {
    /// A metric with its values, each with its labels.
    fn family<L: Display>(
        &mut self,
        name: &str,
        kind: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        let _infallible = writeln!(self.0, "# TYPE {name} {kind}");
        for (labels, value) in values {
            let _infallible = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}
