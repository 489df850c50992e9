//! Rate-limits the log lines about rejections, and about connections that cannot be accepted.

#[cfg(feature = "tls")]
use std::net::SocketAddr;
use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bowsprit_proto::handshake::asks_for_websocket;
use http::{Request, StatusCode};
use tokio::time::Instant;

use super::{Rejection, RequestExt};
#[cfg(feature = "tls")]
use crate::AcceptError;
use crate::trace::Reason;

/// The minimum time between two logged rejections for the same cause.
const INTERVAL: Duration = Duration::from_secs(10);

/// Why a line is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LogCause {
    /// A request was answered with this.
    Status(StatusCode),
    /// The peer of a request is unknown.
    NoPeer,
    #[cfg(feature = "tls")]
    Tls,
    /// Connections cannot be accepted.
    Accepting,
}

/// Picks one rejection per cause and interval, as clients determine how many there are.
#[derive(Default)]
pub(super) struct RejectionLog {
    by_cause: Mutex<BTreeMap<LogCause, Entry>>,
}

struct Entry {
    logged_at: Instant,
    skipped: u64,
}

impl RejectionLog {
    /// Logs a rejection. Those that an operator may want to act on are logged at `info`, at most
    /// one per cause and interval; all others at `debug`.
    pub(super) fn log(&self, request: &Request<()>, rejection: &Rejection) {
        let status = rejection.response().status();
        let (peer, path) = (request.peer_addr(), request.uri().path());
        let reason = rejection.error().map(|error| tracing::field::display(Reason(error)));
        let status_code = status.as_u16();
        // Crawlers ask for all kinds of pages.
        let of_interest = asks_for_websocket(request) || status == StatusCode::MISDIRECTED_REQUEST;
        match of_interest.then(|| self.pick(LogCause::Status(status))).flatten() {
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

    /// Logs that this option cannot be applied to a request, as its peer is unknown.
    pub(super) fn log_missing_peer(&self, option: &str) {
        if let Some(skipped) = self.pick(LogCause::NoPeer) {
            tracing::error!(
                option,
                skipped,
                "a request without the address of its peer, which an option needs, is answered \
                 500: put a PeerAddr (UnixPeer for a Unix socket) into its extensions; with axum, \
                 serve by into_make_service_with_connect_info::<SocketAddr>()"
            );
        }
    }

    /// Logs that a TLS handshake has failed, such as by a client without a good certificate: at
    /// `info`, at most once per interval. All of them are recorded at `debug` elsewhere.
    #[cfg(feature = "tls")]
    pub(super) fn log_tls_failure(&self, peer: Option<SocketAddr>, error: &AcceptError) {
        if !matches!(error, AcceptError::Tls(_)) {
            return;
        }
        if let Some(skipped) = self.pick(LogCause::Tls) {
            tracing::info!(?peer, %error, skipped, "a connection was refused");
        }
    }

    /// Logs that a connection could not be accepted.
    pub(super) fn log_failure_to_accept(&self, error: &io::Error) {
        if let Some(skipped) = self.pick(LogCause::Accepting) {
            tracing::warn!(%error, skipped, "cannot accept connections");
        }
    }

    /// Logs that connections are not accepted, as all descriptors that are for them are in use.
    pub(super) fn log_no_descriptor(&self, descriptors: usize) {
        if let Some(skipped) = self.pick(LogCause::Accepting) {
            tracing::warn!(
                descriptors,
                skipped,
                "connections wait to be accepted: the limit on file descriptors is reached; raise \
                 it (ulimit -n, LimitNOFILE=)"
            );
        }
    }

    /// Returns how many were skipped since the last logged one, if this one is to be logged.
    fn pick(&self, cause: LogCause) -> Option<u64> {
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
        let log = RejectionLog::default();
        let forbidden = LogCause::Status(StatusCode::FORBIDDEN);
        let misdirected = LogCause::Status(StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(log.pick(forbidden), Some(0));
        assert_eq!(log.pick(misdirected), Some(0));
        assert_eq!(log.pick(LogCause::NoPeer), Some(0));
        for _ in 0..3 {
            assert_eq!(log.pick(forbidden), None);
        }
        tokio::time::advance(INTERVAL).await;
        assert_eq!(log.pick(forbidden), Some(3));
        assert_eq!(log.pick(forbidden), None);
        assert_eq!(log.pick(misdirected), Some(0));
    }
}
