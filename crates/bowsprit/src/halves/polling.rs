//! Receive calls, poll by poll, and who has the reader meanwhile.

use std::task::{Context, Poll};

use super::ReceiveHalf;
use crate::{
    Error, Event, Message,
    conn::{Reader, Want},
    error::EndReason,
};

impl ReceiveHalf {
    /// Lets what comes next be read at once, by a caller that cannot be paused.
    pub(crate) fn skip_pause(&mut self) {
        if let Some(reader) = self.reader() {
            reader.skip_pause();
        }
    }

    /// Puts the reader back into its place; what it has read is looked at no longer.
    #[inline]
    pub(crate) fn give_back(&mut self) {
        if self.lent.is_some()
            && let Some(reader) = self.lent.take()
        {
            self.link.put_reader(reader);
        }
    }

    /// Takes the reader out of its place, unless the runtime's helper has it.
    #[inline]
    pub(super) fn reader(&mut self) -> Option<&mut Reader> {
        if self.lent.is_none() {
            self.lent = self.link.take_reader();
        }
        self.lent.as_deref_mut()
    }

    #[inline]
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        // Not by way of `lent`, and into place when the message is where it goes: moves are much of
        // what a short message costs.
        let reader = self.lent.take().or_else(|| self.link.take_reader());
        let reader = reader.or_else(|| self.link.want_reader(cx.waker()));
        let Some(mut reader) = reader else { return Poll::Pending };
        let polled = reader.poll_message(cx);
        self.link.put_reader(reader);
        polled
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        loop {
            let polled = self.poll_event(cx, Want::Chunks);
            let control = matches!(polled, Poll::Ready(Ok(true))) && self.chunk().is_none();
            if !control {
                return polled.map_err(Error::from);
            }
        }
    }

    /// Waits for an event, and keeps the reader for looking at it. `false` means that the
    /// connection has ended.
    #[inline]
    pub(crate) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
        want: Want,
    ) -> Poll<Result<bool, EndReason>> {
        if self.reader().is_none() {
            self.lent = self.link.want_reader(cx.waker());
        }
        let Some(reader) = &mut self.lent else { return Poll::Pending };
        let polled = reader.poll_event(cx, want);
        if polled.is_pending() {
            self.give_back();
        }
        polled
    }

    /// The event that [`poll_event`](Self::poll_event) has found.
    #[inline]
    pub(crate) fn event(&self) -> Option<Event<'_>> {
        self.lent.as_ref()?.event()
    }

    /// A receive call has ended, or was given up.
    #[inline]
    pub(crate) fn on_give_up(&self) {
        if self.link.is_waiting() {
            self.link.on_give_up();
        }
    }
}
