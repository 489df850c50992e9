//! What depends on time in an open connection. The core has no clock: drivers hand in durations.
//!
//! [`RoundTrip`] measures how long a ping and its pong take.
//!
//! Every open connection has these, so they are small.

mod round_trip;

pub use self::round_trip::RoundTrip;
