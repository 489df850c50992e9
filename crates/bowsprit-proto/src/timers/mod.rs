//! What depends on time in an open connection. The core has no clock: drivers hand in durations.
//!
//! * [`Timers`] decide when to send a ping and when to end a connection: heartbeat, idle time-out,
//!   write stall, closing handshake, and the end of the transport after it.
//! * [`RoundTrip`] measures how long a ping and its pong take.
//! * [`RateLimiter`] counts what a peer sends in a second.
//! * [`DiscardBudget`] bounds what is read of data that nobody receives.
//!
//! They are independent of each other: use those that you need. Every open connection has them, so
//! they are small.

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
