//! What is told of a client that reconnects.

use std::{fmt, time::Duration};

use super::RetryCause;

/// An event of a client that reconnects.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::reconnect::ReconnectEvent;
///
/// let event = ReconnectEvent::Waiting(Duration::from_millis(1500));
/// assert_eq!(event.to_string(), "next attempt in 1.5s");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent<'s> {
    /// An attempt to connect begins.
    Connecting,
    /// A connection is open.
    Open,
    /// An attempt has failed, or the connection has ended.
    Lost(&'s RetryCause),
    /// The client waits this long before the next attempt.
    Waiting(Duration),
    /// There will be no further attempt.
    GivenUp,
}

/// A line for people, such as `next attempt in 3.1s` or `connecting failed: …`.
impl fmt::Display for ReconnectEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => f.write_str("connecting"),
            Self::Open => f.write_str("connected"),
            Self::Lost(RetryCause::Failed(error)) => write!(f, "connecting failed: {error}"),
            Self::Lost(RetryCause::Broken(error)) => write!(f, "connection lost: {error}"),
            Self::Lost(RetryCause::Closed(close)) => write!(f, "connection closed: {close}"),
            Self::Waiting(wait) => write!(f, "next attempt in {wait:.1?}"),
            Self::GivenUp => f.write_str("giving up"),
        }
    }
}
