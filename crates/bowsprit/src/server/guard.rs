//! An opening handshake, until it is over and known what it has come to.

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

/// Has an opening handshake counted, once: as what it is said to have come to, or as failed when it
/// is dropped before. A server that shuts down waits for it meanwhile.
pub(super) struct HandshakeGuard {
    registry: Arc<Registry>,
    begun_in: Phase,
    is_counted: AtomicBool,
}

impl HandshakeGuard {
    /// A connection was opened, which is counted as such.
    pub(super) fn accepted(mut self) {
        *self.is_counted.get_mut() = true;
    }

    /// It was answered with this, or another HTTP server will answer so.
    pub(super) fn refused(&self, status: StatusCode) {
        if self.count() {
            self.registry.counters.refused(status);
        }
    }

    /// It was none: the application has answered.
    pub(super) fn answered_plain(&self) {
        if self.count() {
            self.registry.counters.answered_plain();
        }
    }

    /// It has come to nothing.
    pub(super) fn failed(&self, error: &AcceptError) {
        if self.count() {
            self.registry.counters.failed(matches!(error, AcceptError::TimedOut(_)));
        }
    }

    /// Whether the server waits for it no longer.
    pub(super) fn is_cut(&self) -> bool {
        self.begun_in < Phase::Cutting && self.registry.phases.now() == Phase::Cutting
    }

    /// The same while nothing has come from the client, for which a server that begins to shut down
    /// does not wait.
    pub(super) fn is_cut_in_silence(&self) -> bool {
        self.begun_in < self.registry.phases.now()
    }

    /// Waits for `future` as long as the server waits for the handshake. It has to be polled anew
    /// in each phase.
    ///
    /// # Errors
    ///
    /// The server waits no longer.
    pub(super) const fn unless_cut<F: Future>(&self, future: F) -> UnlessCut<'_, F> {
        UnlessCut { future, handshake: self }
    }

    /// Whether it is still to be counted, which it is now.
    fn count(&self) -> bool {
        !self.is_counted.swap(true, Ordering::Relaxed)
    }
}

/// Why a connection has no more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Without a permit, it had to make room for others.
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
    /// A part of a handshake. No `async fn`, which would hold it twice.
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
        // Given up, by who has called or by a panic.
        if self.count() {
            self.registry.counters.failed(false);
        }
        self.registry.end_handshake(self.begun_in);
    }
}
