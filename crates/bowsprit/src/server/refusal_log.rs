//! Which refusals are logged at the level that operators look at.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use tokio::time::Instant;

/// How often refusals of one status are logged at most.
const INTERVAL: Duration = Duration::from_secs(10);

/// Picks one refusal of each status in an interval, as clients decide how many there are.
#[derive(Default)]
pub(super) struct RefusalLog {
    by_status: Mutex<BTreeMap<u16, Entry>>,
}

struct Entry {
    logged_at: Instant,
    skipped: u64,
}

impl RefusalLog {
    /// How many were skipped since the last one, if this one is to be logged.
    pub(super) fn pick(&self, status: StatusCode) -> Option<u64> {
        let now = Instant::now();
        let mut by_status = self.by_status.lock().unwrap_or_else(PoisonError::into_inner);
        match by_status.get_mut(&status.as_u16()) {
            Some(entry) if now.duration_since(entry.logged_at) < INTERVAL => {
                entry.skipped += 1;
                None
            }
            Some(entry) => {
                entry.logged_at = now;
                Some(std::mem::take(&mut entry.skipped))
            }
            None => {
                by_status.insert(status.as_u16(), Entry { logged_at: now, skipped: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_of_each_status_is_picked_in_ten_seconds() {
        let log = RefusalLog::default();
        let (forbidden, misdirected) = (StatusCode::FORBIDDEN, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(log.pick(forbidden), Some(0));
        assert_eq!(log.pick(misdirected), Some(0));
        for _ in 0..3 {
            assert_eq!(log.pick(forbidden), None);
        }
        tokio::time::advance(INTERVAL).await;
        assert_eq!(log.pick(forbidden), Some(3));
        assert_eq!(log.pick(forbidden), None);
        assert_eq!(log.pick(misdirected), Some(0));
    }
}
