//! What depends on time in an open connection. The core has no clock: drivers hand in durations.
//!
//! * [`RoundTrip`] measures how long a ping and its pong take.
//! * [`RateLimiter`] counts what a peer sends in a second.
//! * [`DiscardBudget`] bounds what is read of data that nobody receives.
//!
//! Every open connection has these, so they are small.

mod discard;
mod rate_limit;
mod round_trip;

pub use self::{
    discard::DiscardBudget,
    rate_limit::{RateLimiter, RateLimits},
    round_trip::RoundTrip,
};
