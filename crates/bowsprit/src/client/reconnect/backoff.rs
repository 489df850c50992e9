//! How long to wait before the next attempt.

use std::time::Duration;

use http::{Response, header};

use super::RetryCause;
use crate::{Bytes, ConnectError, entropy};

/// Exponential backoff with full jitter: each wait is a random part of a ceiling that doubles.
///
/// RFC 6455 §7.2.3: "the first reconnect attempt SHOULD be delayed by a random amount of time", for
/// which "0 to 5 seconds" is reasonable, and later ones "SHOULD be delayed by increasingly longer
/// amounts of time". So the clients of a server that has restarted do not all reconnect at once.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::reconnect::Backoff;
///
/// let backoff = Backoff::default().first(Duration::from_secs(1)).max(Duration::from_secs(30));
/// assert_eq!(backoff.stable_after, Duration::from_secs(30));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The ceiling of the first wait. Default: 5 s.
    pub first: Duration,
    /// The maximum of the ceiling. Default: 90 s.
    pub max: Duration,
    /// A connection that was open for this long counts as stable and resets the backoff. Default:
    /// 30 s.
    pub stable_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5),
            max: Duration::from_secs(90),
            stable_after: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// Sets the ceiling of the first wait.
    #[must_use]
    pub const fn first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// Sets the maximum of the ceiling.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Sets how long a connection must be open to count as stable.
    #[must_use]
    pub const fn stable_after(mut self, stable_after: Duration) -> Self {
        self.stable_after = stable_after;
        self
    }

    /// The wait before the attempt of this number in a row, at least what the server asks for.
    pub(super) fn wait(&self, attempts: u32, cause: &RetryCause) -> Duration {
        let part = f64::from(u32::from_le_bytes(entropy::random())) / f64::from(u32::MAX);
        let asked = retry_after(cause).unwrap_or_default().min(self.max);
        self.ceiling(attempts).mul_f64(part).max(asked)
    }

    fn ceiling(&self, attempts: u32) -> Duration {
        let doubled = 1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.max)
    }
}

/// What a rejection says, RFC 9110 §10.2.3, where it is a number of seconds.
fn retry_after(cause: &RetryCause) -> Option<Duration> {
    let RetryCause::Failed(ConnectError::Rejected(response)) = cause else { return None };
    let response: &Response<Bytes> = response;
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC: 7.2.3-3
    #[test]
    fn the_ceiling_doubles_up_to_the_longest() {
        let backoff = Backoff::default();
        let seconds = |attempts| backoff.ceiling(attempts).as_secs();
        assert_eq!(
            [1, 2, 3, 4, 5, 6, 7, 40, u32::MAX].map(seconds),
            [5, 10, 20, 40, 80, 90, 90, 90, 90]
        );
    }

    /// RFC: 7.2.3-2
    #[test]
    fn waits_are_spread_over_the_whole_ceiling() {
        let lost = RetryCause::Broken(crate::Error::Disconnected);
        let backoff = Backoff::default();
        let waits: Vec<_> = (0..1000).map(|_| backoff.wait(1, &lost).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..=5.0).contains(wait)));
        let mean = waits.iter().sum::<f64>() / 1000.0;
        assert!((2.2..2.8).contains(&mean), "{mean}");
        assert!(waits.iter().any(|wait| *wait < 0.2) && waits.iter().any(|wait| *wait > 4.8));
    }

    #[test]
    fn a_server_can_ask_for_a_longer_wait_within_reason() {
        for (asked, least) in [("20", 20), ("1000000", 90), ("soon", 0)] {
            let response = Response::builder().status(503).header("retry-after", asked);
            let rejected = ConnectError::Rejected(Box::new(response.body(Bytes::new()).unwrap()));
            let wait = Backoff::default().wait(1, &RetryCause::Failed(rejected)).as_secs();
            assert!(wait >= least && wait <= 90, "{asked}: {wait}");
        }
    }
}
