//! Waiting for what comes next.
//!
//! These futures tell when they are given up, so that somebody else looks after the connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::ReceiveHalf;
use crate::{Error, Event, conn::Want};

/// The next event, which borrows its bytes. Written out, for an `async` block moves the event once
/// for each block around it, and these moves are much of what a short message costs.
pub(super) struct Next<'r> {
    /// Taken when there is an event.
    half: Option<&'r mut ReceiveHalf>,
}

/// Whatever a receive call waits for.
pub(super) struct Receiving<'r, P> {
    half: &'r mut ReceiveHalf,
    poll: P,
}

impl<'r> Next<'r> {
    pub(super) const fn new(half: &'r mut ReceiveHalf) -> Self {
        Self { half: Some(half) }
    }
}

impl<'r> Future for Next<'r> {
    type Output = Result<Option<Event<'r>>, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(half) = &mut self.half else { return Poll::Ready(Ok(None)) };
        let found = ready!(half.poll_event(cx, Want::Messages))?;
        let half = self.half.take().filter(|_| found);
        Poll::Ready(Ok(half.and_then(|half| half.event())))
    }
}

impl Drop for Next<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(half) = &self.half {
            half.on_give_up();
        }
    }
}

impl<'r, P> Receiving<'r, P> {
    pub(super) const fn new(half: &'r mut ReceiveHalf, poll: P) -> Self {
        Self { half, poll }
    }
}

impl<T, P> Future for Receiving<'_, P>
where
    P: FnMut(&mut ReceiveHalf, &mut Context<'_>) -> Poll<T> + Unpin,
{
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        (this.poll)(this.half, cx)
    }
}

impl<P> Drop for Receiving<'_, P> {
    #[inline]
    fn drop(&mut self) {
        self.half.on_give_up();
    }
}
