//! Statistics of servers and clients.
//!
//! [`Server::stats`](crate::Server::stats) and [`Client::stats`](crate::Client::stats) return a
//! snapshot: [`Stats`], which contains [`Handshakes`], [`TrafficCounts`] and [`CloseCounts`]. With
//! the feature `metrics` a recorder of the crate `metrics` gets the same numbers.

// `Counters` is where snapshots are taken from, and the only place that records anything.

mod counters;
mod ending;
#[cfg_attr(not(feature = "metrics"), path = "no_instruments.rs")]
mod instruments;

use std::collections::BTreeMap;

use http::StatusCode;

pub(crate) use self::{
    counters::{Control, Counters, Direction, Policy, Tally},
    ending::{CodeClass, Ending, Side},
};
use crate::{CloseCode, Role};

/// The role as it is recorded and told.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}

/// What a [server](crate::Server::stats) or a [client](crate::Client::stats) has done so far.
///
/// All numbers but `connections` only grow. Those of an open connection are added whenever it waits
/// for its peer or writes, so that they are at most one batch behind; those of a connection that
/// has ended are exact. The numbers of a snapshot are read one after the other while others count
/// on.
///
/// ```no_run
/// # fn example(server: &bowsprit::Server) {
/// let stats = server.stats();
/// println!("{} open, {} messages in", stats.connections, stats.received.messages());
/// println!("compressed to {} of {} bytes", stats.sent.wire_bytes, stats.sent.payload_bytes);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections that are open now.
    pub connections: u64,
    /// Opening handshakes.
    pub handshakes: Handshakes,
    /// What peers have sent.
    pub received: TrafficCounts,
    /// What was sent to peers.
    pub sent: TrafficCounts,
    /// How connections have ended.
    pub closes: CloseCounts,
    /// Publications that were left out for connections that had no room for them or were closed
    /// before their turn; see [`SlowConsumerPolicy`](crate::topics::SlowConsumerPolicy).
    pub dropped: u64,
    /// Connections that were closed because a publication found no room.
    pub slow_closes: u64,
}

/// How opening handshakes have gone: of a server for each connection or request of another HTTP
/// server, of a client for each attempt, redirects included. Each is counted once, when it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshakes {
    /// Those that have opened a connection.
    pub accepted: u64,
    /// Those that were answered with something else than an upgrade. An answer that could not be
    /// written counts as `failed` or `timed_out` instead.
    pub refused: u64,
    /// Those that have come to nothing otherwise: no HTTP, a broken TLS handshake, a transport that
    /// ended, a host that cannot be reached; a future that was dropped, an
    /// [`Upgrade`](crate::server::Upgrade) that was not attached.
    pub failed: u64,
    /// Those that took too long.
    pub timed_out: u64,
    /// Requests to a server that did not ask for a WebSocket and were answered by its
    /// [`fallback`](crate::server::ServerBuilder::fallback). Others of these are `refused`.
    pub plain: u64,
    refused_with: BTreeMap<u16, u64>,
}

/// What went one way, of all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrafficCounts {
    /// Text messages. Fragmented ones count when their last fragment has come or was queued.
    pub text_messages: u64,
    /// Binary messages, counted in the same way.
    pub binary_messages: u64,
    /// Bytes of their payloads, as the application sees them: not compressed.
    pub payload_bytes: u64,
    /// Bytes that were read from transports or written to them after the opening handshake: frames
    /// with their headers, compressed if that was agreed on, before TLS.
    pub wire_bytes: u64,
    /// Pings, the heartbeats among them.
    pub pings: u64,
    /// Pongs. Of those that wait while a peer takes nothing some may be left out; they are counted.
    pub pongs: u64,
}

/// How connections have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseCounts {
    /// Cleanly; the peer has sent the first close frame.
    pub by_peer: u64,
    /// Cleanly; we have sent the first close frame.
    pub by_us: u64,
    /// The peer broke the protocol.
    pub protocol_error: u64,
    /// The peer did not answer a ping in time.
    pub heartbeat: u64,
    /// The peer said nothing for too long; see
    /// [`ConnectionConfig::idle_timeout`](crate::ConnectionConfig::idle_timeout).
    pub idle: u64,
    /// The peer took no data for too long.
    pub write_stall: u64,
    /// The peer did not answer the close frame in time.
    pub close_timeout: u64,
    /// The transport ended without a close frame.
    pub disconnected: u64,
    /// Cut from this side: by `terminate`, or dropped.
    pub terminated: u64,
    /// The transport failed.
    pub io: u64,
    codes: [u64; CodeClass::COUNT],
}

impl Handshakes {
    /// Those that were answered with this status.
    #[must_use]
    pub fn refused_with(&self, status: StatusCode) -> u64 {
        self.refused_with.get(&status.as_u16()).copied().unwrap_or(0)
    }

    /// The statuses that refused ones were answered with, and how many with each.
    pub fn refusals(&self) -> impl Iterator<Item = (StatusCode, u64)> {
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
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.codes.iter().sum()
    }

    /// Connections that have ended with this code: that of the first close frame, or of the error
    /// that the peer was told; without either, [`CloseCode::ABNORMAL`].
    ///
    /// As peers may choose among the codes from 3000 to 3999, those are counted as one, and so are
    /// those from 4000 to 4999.
    #[must_use]
    pub fn with_code(&self, code: CloseCode) -> u64 {
        self.codes[CodeClass::of(code).index()]
    }
}
