//! Waiting for an event that borrows its bytes.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::{Reader, Want};
use crate::{Error, Event};

/// The next event. Written out, for an `async` block moves the event once for each block around it,
/// and these moves are much of what a short message costs.
pub(crate) struct Next<'r> {
    /// Taken when there is an event.
    reader: Option<&'r mut Reader>,
    want: Want,
}

impl<'r> Next<'r> {
    pub(crate) const fn new(reader: Option<&'r mut Reader>, want: Want) -> Self {
        Self { reader, want }
    }
}

impl<'r> Future for Next<'r> {
    type Output = Result<Option<Event<'r>>, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let want = self.want;
        let Some(reader) = &mut self.reader else { return Poll::Ready(Ok(None)) };
        let found = ready!(reader.poll_event(cx, want))?;
        let reader = self.reader.take().filter(|_| found);
        Poll::Ready(Ok(reader.and_then(|reader| reader.event())))
    }
}
