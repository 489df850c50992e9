//! An opening handshake, until it is known what it has come to.

use std::{mem, sync::Arc};

use http::StatusCode;

use super::{Shared, clients::Registry};
use crate::AcceptError;

/// Has an opening handshake counted, once: as what it is said to have come to, or as failed when it
/// is dropped before.
pub(super) struct HandshakeGuard {
    registry: Arc<Registry>,
    is_counted: bool,
}

impl HandshakeGuard {
    /// A connection was opened, which is counted as such.
    pub(super) fn accepted(mut self) {
        self.is_counted = true;
    }

    /// It was answered with this, or another HTTP server will answer so.
    pub(super) fn refused(&mut self, status: StatusCode) {
        if self.count() {
            self.registry.counters.refused(status);
        }
    }

    /// It was none: the application has answered.
    pub(super) fn answered_plain(&mut self) {
        if self.count() {
            self.registry.counters.answered_plain();
        }
    }

    /// It has come to nothing.
    pub(super) fn failed(&mut self, error: &AcceptError) {
        if self.count() {
            self.registry.counters.failed(matches!(error, AcceptError::TimedOut(_)));
        }
    }

    /// Whether it is still to be counted, which it is now.
    const fn count(&mut self) -> bool {
        !mem::replace(&mut self.is_counted, true)
    }
}

impl Shared {
    /// A handshake begins.
    pub(super) fn begin(&self) -> HandshakeGuard {
        HandshakeGuard { registry: Arc::clone(&self.registry), is_counted: false }
    }
}

impl Drop for HandshakeGuard {
    fn drop(&mut self) {
        // Given up, by who has called or by a panic.
        if self.count() {
            self.registry.counters.failed(false);
        }
    }
}
