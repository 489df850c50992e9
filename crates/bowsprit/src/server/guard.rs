//! Tracks an opening handshake until its outcome is known.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::StatusCode;
use pin_project_lite::pin_project;

use super::{Shared, clients::Registry, phase::Phase};
use crate::{AcceptError, head::ReadError};

/// Counts an opening handshake once: by its outcome, or as failed if this is dropped before there
/// is one. A shutdown waits for it meanwhile.
pub(super) struct HandshakeGuard {
    registry: Arc<Registry>,
    begun_in: Phase,
    is_counted: AtomicBool,
}

impl HandshakeGuard {
    /// A connection was opened, which is counted elsewhere.
    pub(super) fn accepted(mut self) {
        *self.is_counted.get_mut() = true;
    }

    /// It was answered with this status, or another HTTP server will send it.
    pub(super) fn refused(&self, status: StatusCode) {
        if self.count() {
            self.registry.counters.refused(status);
        }
    }

    /// It was not a handshake: the application has answered.
    pub(super) fn answered_plain(&self) {
        if self.count() {
            self.registry.counters.answered_plain();
        }
    }

    /// It has failed.
    pub(super) fn failed(&self, error: &AcceptError) {
        if self.count() {
            self.registry.counters.failed(matches!(error, AcceptError::TimedOut(_)));
        }
    }

    /// Whether the server no longer waits for it.
    pub(super) fn is_cut(&self) -> bool {
        self.begun_in < Phase::Cutting && self.registry.phases.now() == Phase::Cutting
    }

    /// Whether the server no longer waits for it while nothing has been received from the client: a
    /// shutdown does not wait for such a handshake.
    pub(super) fn is_cut_in_silence(&self) -> bool {
        self.begun_in < self.registry.phases.now()
    }

    /// Polls `future` for as long as the server waits for the handshake. It must be polled again in
    /// each phase.
    ///
    /// # Errors
    ///
    /// The server no longer waits.
    pub(super) const fn unless_cut<F: Future>(&self, future: F) -> UnlessCut<'_, F> {
        UnlessCut { future, handshake: self }
    }

    /// Marks it as counted; returns whether it had not been.
    fn count(&self) -> bool {
        !self.is_counted.swap(true, Ordering::Relaxed)
    }
}

/// Why a connection's time has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It had no permit and was evicted in favour of newer connections.
    Evicted,
    ShuttingDown,
}

impl From<Cut> for ReadError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Evicted => Self::Cut,
            Cut::ShuttingDown => Self::ShuttingDown,
        }
    }
}

impl From<Cut> for AcceptError {
    fn from(cut: Cut) -> Self {
        ReadError::from(cut).into()
    }
}

pin_project! {
    /// A step of a handshake. Not an `async fn`, which would store the future twice.
    pub(super) struct UnlessCut<'h, F> {
        #[pin]
        future: F,
        handshake: &'h HandshakeGuard,
    }
}

impl<F: Future> Future for UnlessCut<'_, F> {
    type Output = Result<F::Output, Cut>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Pending if this.handshake.is_cut() => Poll::Ready(Err(Cut::ShuttingDown)),
            polled => polled.map(Ok),
        }
    }
}

impl Shared {
    /// A handshake begins.
    pub(super) fn begin(&self) -> HandshakeGuard {
        let begun_in = self.registry.begin_handshake();
        HandshakeGuard {
            registry: Arc::clone(&self.registry),
            begun_in,
            is_counted: AtomicBool::new(false),
        }
    }
}

impl Drop for HandshakeGuard {
    fn drop(&mut self) {
        // Dropped by the caller, or by a panic.
        if self.count() {
            self.registry.counters.failed(false);
        }
        self.registry.end_handshake(self.begun_in);
    }
}
