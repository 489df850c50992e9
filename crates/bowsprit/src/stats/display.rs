//! Statistics as a line for people. What has not happened is left out.

use std::fmt;

use super::{CloseCounts, Handshakes, Stats, TrafficCounts};

/// Writes the numbers that are not 0, with their names.
fn write_list(f: &mut fmt::Formatter<'_>, counts: &[(u64, &str)]) -> fmt::Result {
    let mut separator = "";
    for (count, name) in counts.iter().filter(|(count, _)| *count > 0) {
        write!(f, "{separator}{count} {name}")?;
        separator = ", ";
    }
    if separator.is_empty() { f.write_str("none") } else { Ok(()) }
}

const fn plural<'n>(count: u64, one: &'n str, more: &'n str) -> (u64, &'n str) {
    (count, if count == 1 { one } else { more })
}

/// All numbers in one line:
/// `2 open; handshakes: 3 accepted, 1 refused; received: 5 messages, 60 bytes, 90 on the wire; …`
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, handshakes, received, sent, closes, .. } = self;
        write!(f, "{connections} open; handshakes: {handshakes}; received: {received}; ")?;
        write!(f, "sent: {sent}; closes: {closes}")?;
        for (count, what) in [(self.dropped, "dropped"), (self.slow_closes, "too slow")] {
            if count > 0 {
                write!(f, "; {what}: {count}")?;
            }
        }
        Ok(())
    }
}

/// Such as `3 accepted, 1 refused`.
impl fmt::Display for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.accepted, "accepted"),
            (self.refused, "refused"),
            (self.failed, "failed"),
            (self.timed_out, "timed out"),
            (self.plain, "plain"),
        ];
        write_list(f, &counts)
    }
}

/// Such as `5 messages, 60 bytes, 90 on the wire, 1 ping`.
impl fmt::Display for TrafficCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            plural(self.messages(), "message", "messages"),
            plural(self.payload_bytes, "byte", "bytes"),
            (self.wire_bytes, "on the wire"),
            plural(self.pings, "ping", "pings"),
            plural(self.pongs, "pong", "pongs"),
        ];
        write_list(f, &counts)
    }
}

/// Such as `2 by peer, 1 by us, 1 heartbeat`, with the names that metrics have for the others.
impl fmt::Display for CloseCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.by_peer, "by peer"),
            (self.by_us, "by us"),
            (self.protocol_error, "protocol error"),
            (self.heartbeat, "heartbeat"),
            (self.idle, "idle"),
            (self.write_stall, "write stall"),
            (self.close_timeout, "close time-out"),
            (self.disconnected, "disconnected"),
            (self.terminated, "terminated"),
            (self.io, "I/O"),
        ];
        write_list(f, &counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_has_happened() {
        let mut stats = Stats::default();
        let nothing = "0 open; handshakes: none; received: none; sent: none; closes: none";
        assert_eq!(stats.to_string(), nothing);
        stats.connections = 2;
        (stats.handshakes.accepted, stats.handshakes.timed_out) = (3, 1);
        (stats.received.text_messages, stats.received.binary_messages) = (1, 4);
        (stats.received.payload_bytes, stats.received.wire_bytes) = (60, 90);
        (stats.sent.text_messages, stats.sent.pings) = (1, 1);
        (stats.closes.by_us, stats.closes.io) = (1, 2);
        (stats.dropped, stats.slow_closes) = (7, 1);
        assert_eq!(
            stats.to_string(),
            "2 open; handshakes: 3 accepted, 1 timed out; \
             received: 5 messages, 60 bytes, 90 on the wire; sent: 1 message, 1 ping; \
             closes: 1 by us, 2 I/O; dropped: 7; too slow: 1"
        );
    }
}
