//! Which refusals are logged at the levels that operators look at.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bowsprit_proto::handshake::asks_for_websocket;
use http::{Request, StatusCode};
use tokio::time::Instant;

use super::{Refusal, RequestExt};
use crate::trace::Reason;

/// How often refusals for one cause are logged at most.
const INTERVAL: Duration = Duration::from_secs(10);

/// Why a line is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum EndReason {
    /// A request was answered with this.
    Status(StatusCode),
    /// Nobody knows where a request is from.
    NoPeer,
}

/// Picks one refusal for each cause in an interval, as clients decide how many there are.
#[derive(Default)]
pub(super) struct RefusalLog {
    by_cause: Mutex<BTreeMap<EndReason, Entry>>,
}

struct Entry {
    logged_at: Instant,
    skipped: u64,
}

impl RefusalLog {
    /// Logs a refusal: some of those that an operator may want to do something about at the level
    /// that is looked at, all others for those who look for details.
    pub(super) fn log(&self, request: &Request<()>, refusal: &Refusal) {
        let status = refusal.response().status();
        let (peer, path) = (request.peer_addr(), request.uri().path());
        let reason = refusal.error().map(|error| tracing::field::display(Reason(error)));
        let status_code = status.as_u16();
        // Crawlers ask for all kinds of pages.
        let of_interest = asks_for_websocket(request) || status == StatusCode::MISDIRECTED_REQUEST;
        match of_interest.then(|| self.pick(EndReason::Status(status))).flatten() {
            Some(skipped) => tracing::info!(
                ?peer,
                path,
                status = status_code,
                reason,
                skipped,
                "a request was refused"
            ),
            None => {
                tracing::debug!(?peer, path, status = status_code, reason, "a request was refused")
            }
        }
    }

    /// Logs that this option cannot be applied to a request, as nobody knows where it is from.
    pub(super) fn log_missing_peer(&self, option: &str) {
        if let Some(skipped) = self.pick(EndReason::NoPeer) {
            tracing::error!(
                option,
                skipped,
                "a request without the address of its peer, which an option needs, is answered \
                 500: put a PeerAddr (UnixPeer for a Unix socket) into its extensions; with axum, \
                 serve by into_make_service_with_connect_info::<SocketAddr>()"
            );
        }
    }

    /// How many were skipped since the last one, if this one is to be logged.
    fn pick(&self, cause: EndReason) -> Option<u64> {
        let now = Instant::now();
        let mut by_cause = self.by_cause.lock().unwrap_or_else(PoisonError::into_inner);
        match by_cause.get_mut(&cause) {
            Some(entry) if now.duration_since(entry.logged_at) < INTERVAL => {
                entry.skipped += 1;
                None
            }
            Some(entry) => {
                entry.logged_at = now;
                Some(std::mem::take(&mut entry.skipped))
            }
            None => {
                by_cause.insert(cause, Entry { logged_at: now, skipped: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_for_each_cause_is_picked_in_ten_seconds() {
        let log = RefusalLog::default();
        let forbidden = EndReason::Status(StatusCode::FORBIDDEN);
        let misdirected = EndReason::Status(StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(log.pick(forbidden), Some(0));
        assert_eq!(log.pick(misdirected), Some(0));
        assert_eq!(log.pick(EndReason::NoPeer), Some(0));
        for _ in 0..3 {
            assert_eq!(log.pick(forbidden), None);
        }
        tokio::time::advance(INTERVAL).await;
        assert_eq!(log.pick(forbidden), Some(3));
        assert_eq!(log.pick(forbidden), None);
        assert_eq!(log.pick(misdirected), Some(0));
    }
}
