//! Shares the process's file descriptors out, and goes easy on accepting when they run out.
//!
//! Every connection takes one. A part of them is left to the rest of the program, so that it can
//! open files, resolve names, and answer probes and scrapes on another listener; another part to
//! connections that are not open yet, so that clients in excess get a response.

use std::{io, time::Duration};

use tokio::time::{sleep, timeout};

use super::{Shared, pending::MAX_SILENT};

/// The pauses after failures to accept, which double.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How many connections fit into the limit on descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// The process's soft limit.
    limit: usize,
    /// How many connections the listeners accept at a time, open or not.
    max_accepted: usize,
    /// How many of these may be open: the default of `max_connections`.
    pub(super) max_open: usize,
}

impl Descriptors {
    /// Those of this process; `None` if there is no limit, or none that is known.
    pub(super) fn of_process() -> Option<Self> {
        #[cfg(unix)]
        {
            use rustix::process::{Resource, getrlimit};
            let limit = getrlimit(Resource::Nofile).current?;
            Some(Self::within(usize::try_from(limit).unwrap_or(usize::MAX)))
        }
        #[cfg(not(unix))]
        None
    }

    fn within(limit: usize) -> Self {
        let least = 16.min(limit / 4);
        let for_others = (limit / 32).clamp(least, 256);
        let for_opening = (limit / 16).clamp(least, 1024);
        let max_accepted = limit - for_others;
        Self { limit, max_accepted, max_open: max_accepted - for_opening }
    }

    /// The default of `max_silent_connections`: no fewer than fit, or clients that all connect at
    /// once would be closed before they have had time to send a request.
    pub(super) fn max_silent(this: Option<Self>) -> usize {
        this.map_or(MAX_SILENT, |this| MAX_SILENT.min(this.max_accepted))
    }
}

/// Paces accepting. One for each server that listens.
pub(super) struct Pace {
    pause: Duration,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { pause: MIN_PAUSE }
    }

    pub(super) const fn accepted(&mut self) {
        self.pause = MIN_PAUSE;
    }

    /// Logs a failure to accept and waits, longer each time.
    pub(super) async fn failed(&mut self, shared: &Shared, error: &io::Error) {
        shared.rejection_log.log_failure_to_accept(error);
        // If descriptors are what is missing, that frees one.
        shared.pending.evict_oldest(1);
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
    }
}

impl Shared {
    /// Tells how many connections the server takes where that is not what was configured.
    pub(super) fn log_max_connections(&self) {
        let Some(descriptors) = self.descriptors else { return };
        let Descriptors { limit, max_accepted, max_open } = descriptors;
        match self.limiter.max_connections {
            Some(max_connections) if self.has_default_max_connections => tracing::info!(
                max_connections,
                descriptors = limit,
                "limiting connections to what the limit on file descriptors allows"
            ),
            Some(max_connections) if max_connections > max_accepted => tracing::warn!(
                max_connections,
                descriptors = limit,
                possible = max_open,
                "max_connections is more than the limit on file descriptors allows: raise it \
                 (ulimit -n, LimitNOFILE=)"
            ),
            _ => {}
        }
    }

    /// Waits until the process has a descriptor for another connection.
    ///
    /// Connections that have sent nothing make room, an eighth of them at a time. Between two times
    /// there is a pause, in which the requests of clients that are not slow arrive.
    pub(super) async fn wait_for_descriptor(&self) {
        let Some(Descriptors { limit, max_accepted, .. }) = self.descriptors else { return };
        let has_room = || self.registry.handshakes() + self.registry.len() < max_accepted;
        if has_room() {
            return;
        }
        self.rejection_log.log_no_descriptor(limit);
        while timeout(MIN_PAUSE, self.registry.room(has_room)).await.is_err() {
            self.pending.evict_oldest(self.pending.silent_len().div_ceil(8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_descriptors_is_left_to_others() {
        for (limit, max_accepted, max_open) in [
            (0, 0, 0),
            (8, 6, 4),
            (100, 84, 68),
            (256, 240, 224),
            (1024, 992, 928),
            (65_536, 65_280, 64_256),
            (1 << 20, (1 << 20) - 256, (1 << 20) - 1280),
            (usize::MAX, usize::MAX - 256, usize::MAX - 1280),
        ] {
            let expected = Descriptors { limit, max_accepted, max_open };
            assert_eq!(Descriptors::within(limit), expected);
        }
    }

    #[test]
    fn all_that_fit_may_be_silent() {
        for (limit, max) in [(100, 84), (1 << 20, MAX_SILENT)] {
            assert_eq!(Descriptors::max_silent(Some(Descriptors::within(limit))), max);
        }
        assert_eq!(Descriptors::max_silent(None), MAX_SILENT);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_of_this_process_is_known() {
        let open = std::fs::File::open("/dev/null").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&open);
        let limit = Descriptors::of_process().map_or(usize::MAX, |found| found.limit);
        assert!(usize::try_from(number).unwrap() < limit);
    }
}
