//! Points in time until which something has to happen.

use std::time::Duration;

use tokio::time::Instant;

/// What stands for never: more than that is beyond what clocks can tell.
const FAR_AWAY: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The end of a time that begins now.
pub(crate) fn deadline_after(time: Duration) -> Instant {
    Instant::now() + time.min(FAR_AWAY)
}
