//! The phases of a server from open to shut down, and waiting for them.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU8, Ordering},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::sync::{Notify, futures::Notified};

/// A phase of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// New requests are rejected. Connections and handshakes have until the deadline.
    Closing,
    /// The deadline has passed.
    Cutting,
}

/// The current phase, which only advances.
#[derive(Default)]
pub(super) struct Phases {
    now: AtomicU8,
    /// Notified of each change.
    advanced: Notify,
}

impl Phases {
    pub(super) fn now(&self) -> Phase {
        match self.now.load(Ordering::SeqCst) {
            0 => Phase::Open,
            1 => Phase::Closing,
            _ => Phase::Cutting,
        }
    }

    pub(super) fn advance_to(&self, phase: Phase) {
        self.now.fetch_max(phase as u8, Ordering::SeqCst);
        self.advanced.notify_waiters();
    }

    /// Waits until the server is no longer open.
    pub(super) async fn until_closing(&self) {
        wait_until(&self.advanced, || self.now() > Phase::Open).await;
    }
}

/// Waits until `reached` returns true, checking it after each notification.
pub(super) async fn wait_until(changed: &Notify, reached: impl Fn() -> bool) {
    let mut changes = std::pin::pin!(changed.notified());
    loop {
        // Before looking, so that no change goes unseen.
        changes.as_mut().enable();
        if reached() {
            return;
        }
        changes.as_mut().await;
        changes.set(changed.notified());
    }
}

pin_project! {
    /// A future that is polled again in each phase; it checks the phase itself.
    pub(super) struct Alerted<'p, F> {
        #[pin]
        pub(super) future: F,
        pub(super) phases: &'p Phases,
        // Once it waits. Boxed: most do not.
        pub(super) advanced: Option<Pin<Box<Notified<'p>>>>,
    }
}

impl<F: Future> Future for Alerted<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        loop {
            let phase = this.phases.now();
            let polled = this.future.as_mut().poll(cx);
            if polled.is_ready() {
                return polled;
            }
            let notified = || Box::pin(this.phases.advanced.notified());
            if this.advanced.get_or_insert_with(notified).as_mut().poll(cx).is_ready() {
                *this.advanced = None;
            } else if phase == this.phases.now() {
                return Poll::Pending;
            }
        }
    }
}
