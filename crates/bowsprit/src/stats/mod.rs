//! Statistics of servers and clients.
//!
//! [`Server::stats`](crate::Server::stats) and [`Client::stats`](crate::Client::stats) return a
//! snapshot: [`Stats`], which contains [`Handshakes`], [`TrafficCounts`] and [`CloseCounts`]. With
//! the feature `metrics` a recorder of the crate `metrics` gets the same numbers.

// `Counters` is where snapshots are taken from, and the only place that records anything.

mod counters;
mod display;
mod ending;
#[cfg_attr(not(feature = "metrics"), path = "no_instruments.rs")]
mod instruments;

use std::collections::BTreeMap;

use http::StatusCode;

#[cfg(feature = "metrics")]
pub use self::instruments::BUCKETS;
pub(crate) use self::{
    counters::{Control, Counters, Direction, PendingCounts, Policy},
    ending::{CloseKind, CodeClass, Side},
};
use crate::{CloseCode, Role};

/// The role as it is recorded and told.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}

/// A snapshot of the statistics of a [server](crate::Server::stats) or a
/// [client](crate::Client::stats).
///
/// All numbers except `connections` only grow. The counts of an open connection are added whenever
/// it waits for its peer or writes, so they are at most one batch behind; those of a connection
/// that has ended are exact. A snapshot is not atomic: its numbers are read one after the other
/// while counting goes on.
///
/// ```
/// use bowsprit::Server;
///
/// let server = Server::builder().build();
/// let stats = server.stats();
/// println!("{stats}");
/// println!("compressed to {} of {} bytes", stats.sent.wire_bytes, stats.sent.payload_bytes);
/// assert_eq!(stats.connections, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that are open now.
    pub connections: u64,
    /// Opening handshakes.
    pub handshakes: Handshakes,
    /// Received from peers.
    pub received: TrafficCounts,
    /// Sent to peers.
    pub sent: TrafficCounts,
    /// How connections have ended.
    pub closes: CloseCounts,
    /// Publications that were dropped because the queue of a connection was full, or because it was
    /// closed before they were sent; see [`SlowConsumerPolicy`](crate::topics::SlowConsumerPolicy).
    pub dropped: u64,
    /// Connections that were closed because their queue was full for a publication.
    pub slow_closes: u64,
}

/// Outcomes of opening handshakes. A server counts each connection and each request of another HTTP
/// server; a client counts each attempt, including redirects. Each is counted once, when it has
/// ended.
///
/// ```
/// let client = bowsprit::Client::new();
/// for (status, count) in client.stats().handshakes.rejections() {
///     println!("{count} attempts were answered {status}");
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshakes {
    /// Handshakes that have opened a connection.
    pub accepted: u64,
    /// Handshakes that were answered with another response than an upgrade. A response that could
    /// not be written counts as `failed` or `timed_out` instead.
    pub refused: u64,
    /// Handshakes that have failed in another way: no HTTP, a failed TLS handshake, a transport
    /// that ended, an unreachable host, a future that was dropped, or an
    /// [`Upgrade`](crate::server::Upgrade) that was not attached.
    pub failed: u64,
    /// Handshakes that have timed out.
    pub timed_out: u64,
    /// Requests that did not ask for a WebSocket and were answered by the server's
    /// [`fallback`](crate::server::ServerBuilder::fallback). Other requests of this kind count as
    /// `refused`.
    pub plain: u64,
    refused_with: BTreeMap<u16, u64>,
}

/// Traffic of all connections in one direction.
///
/// ```
/// let received = bowsprit::Server::builder().build().stats().received;
/// println!("received: {received}");
/// assert_eq!(received.messages(), received.text_messages + received.binary_messages);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrafficCounts {
    /// Text messages. A fragmented message counts when its last fragment was received or queued.
    pub text_messages: u64,
    /// Binary messages, counted in the same way.
    pub binary_messages: u64,
    /// Payload bytes as the application sees them, not compressed.
    pub payload_bytes: u64,
    /// Bytes read from or written to transports after the opening handshake: frames with their
    /// headers, compressed if negotiated, before TLS.
    pub wire_bytes: u64,
    /// Pings, including heartbeats.
    pub pings: u64,
    /// Pongs. While a peer accepts no data, some of the queued pongs may be dropped; they are
    /// counted.
    pub pongs: u64,
}

/// How connections have ended.
///
/// ```
/// use bowsprit::{CloseCode, Server};
///
/// let closes = Server::builder().build().stats().closes;
/// println!("{} in all: {closes}", closes.total());
/// assert_eq!(closes.with_code(CloseCode::GOING_AWAY), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseCounts {
    /// Closed cleanly by the peer: it sent the first close frame.
    pub by_peer: u64,
    /// Closed cleanly by us: we sent the first close frame.
    pub by_us: u64,
    /// The peer violated the protocol.
    pub protocol_error: u64,
    /// The peer did not answer a ping in time.
    pub heartbeat: u64,
    /// The peer sent nothing for too long; see
    /// [`ConnectionConfig::idle_timeout`](crate::ConnectionConfig::idle_timeout).
    pub idle: u64,
    /// The peer accepted no data for too long.
    pub write_stall: u64,
    /// The peer did not answer the close frame in time.
    pub close_timeout: u64,
    /// The transport ended without a close frame.
    pub disconnected: u64,
    /// Cut by this side: terminated or dropped.
    pub terminated: u64,
    /// The transport failed.
    pub io: u64,
    codes: [u64; CodeClass::COUNT],
}

impl Handshakes {
    /// How many were answered with this status.
    #[must_use]
    pub fn refused_with(&self, status: StatusCode) -> u64 {
        self.refused_with.get(&status.as_u16()).copied().unwrap_or(0)
    }

    /// The statuses of the responses, with the number of each.
    pub fn rejections(&self) -> impl Iterator<Item = (StatusCode, u64)> {
        let known =
            |(status, count): (&u16, &u64)| Some((StatusCode::from_u16(*status).ok()?, *count));
        self.refused_with.iter().filter_map(known)
    }
}

impl TrafficCounts {
    /// Messages of both kinds.
    #[must_use]
    pub const fn messages(&self) -> u64 {
        self.text_messages + self.binary_messages
    }
}

impl CloseCounts {
    /// The total number.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.codes.iter().sum()
    }

    /// How many connections have ended with this code: that of the first close frame, or that of
    /// the error that the peer was sent; [`CloseCode::ABNORMAL`] without either.
    ///
    /// Codes from 3000 to 3999 are counted as one class, and so are codes from 4000 to 4999, to
    /// bound the number of counters that peers can create.
    #[must_use]
    pub fn with_code(&self, code: CloseCode) -> u64 {
        self.codes[CodeClass::of(code).index()]
    }
}
