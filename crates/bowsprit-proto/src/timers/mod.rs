//! Timers and rate limits of an open connection. The core has no clock: drivers pass in durations.
//!
//! * [`Timers`] decide when to send a ping and when to end a connection: heartbeat, idle timeout,
//!   write stall, closing handshake, and the end of the transport after it.
//! * [`RoundTrip`] measures how long a ping and its pong take.
//! * [`RateLimiter`] counts what a peer sends in a second.
//! * [`DiscardBudget`] limits how much data is read and discarded.
//!
//! They are independent of each other: use the ones that you need. They are small, because every
//! open connection has them.

mod discard;
mod rate_limit;
mod round_trip;
mod settings;
mod timeouts;

pub use self::{
    discard::DiscardBudget,
    rate_limit::{RateLimiter, RateLimits},
    round_trip::RoundTrip,
    settings::{Heartbeat, Settings},
    timeouts::{Action, Snapshot, TickResult, Timeout, Timers},
};
