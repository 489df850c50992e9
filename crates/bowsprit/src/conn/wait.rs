//! Waiting for something of a connection. The core's [`Waitlist`] has who is woken by what.
//!
//! [`Waitlist`]: bowsprit_proto::queue::Waitlist

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bowsprit_proto::queue::{Ticket, WaitFor};

use super::{Link, Out, lock::Spent};
use crate::{Close, ConnectionConfig, Error, error::EndReason};

/// A place among those who wait, given up when it is dropped.
pub(super) struct Place {
    link: Arc<Link>,
    what: WaitFor,
    /// Once it waits.
    ticket: Option<Ticket>,
}

impl Place {
    pub(super) fn new(link: &Arc<Link>, what: WaitFor) -> Self {
        Self { link: Arc::clone(link), what, ticket: None }
    }

    /// As [`Link::poll_or_wait`].
    pub(super) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        poll: impl FnMut(&mut Out, &mut Option<Ticket>) -> Poll<T>,
    ) -> Poll<T> {
        self.link.poll_or_wait(self.what, &mut self.ticket, cx, poll)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let mut out = self.link.lock();
            out.leave(self.what, &mut self.ticket);
            // It may have been woken for room that is there for others now.
            out.wake_for_room(self.link.config());
        }
    }
}

impl Link {
    /// Polls under the lock. If that is pending, the task is woken for `what`.
    pub(super) fn poll_or_wait<T>(
        self: &Arc<Self>,
        what: WaitFor,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
        mut poll: impl FnMut(&mut Out, &mut Option<Ticket>) -> Poll<T>,
    ) -> Poll<T> {
        let polled = poll(&mut self.lock(), ticket);
        if polled.is_ready() {
            return polled;
        }
        // Cloning a waker may run other code, so not under the lock; meanwhile much may happen.
        let waker = cx.waker().clone();
        let mut out = self.lock();
        let polled = poll(&mut out, ticket);
        if polled.is_ready() {
            out.spend(Spent::Waker(waker));
            return polled;
        }
        let waiting = out.waiting.get_or_insert_default();
        if let Some(before) = waiting.list.wait(what, ticket, waker) {
            out.spend(Spent::Waker(before));
        }
        out.wake_for_room(self.config());
        drop(out);
        self.write_out_for_others(cx.waker());
        Poll::Pending
    }

    /// Waits for the end of the connection.
    pub(crate) fn closed(
        self: &Arc<Self>,
    ) -> impl Future<Output = Result<Option<Close<'static>>, Error>> + use<> {
        let mut place = Place::new(self, WaitFor::End);
        poll_fn(move |cx| place.poll(cx, |out, _| out.poll_outcome()).map_err(Error::from))
    }
}

impl Out {
    /// How the connection has ended.
    fn poll_outcome(&self) -> Poll<Result<Option<Close<'static>>, EndReason>> {
        let terminated = || self.is_leaving().then_some(EndReason::Terminated);
        let Some(cause) = self.over.or_else(terminated) else { return Poll::Pending };
        // With the peer's close frame it is over, whatever becomes of ours.
        Poll::Ready(match self.queue.peer_close() {
            None if cause != EndReason::Closed => Err(cause),
            close => Ok(close.cloned()),
        })
    }

    /// Gives a place up: it is used, or nobody wants it any more.
    pub(super) fn leave(&mut self, what: WaitFor, ticket: &mut Option<Ticket>) {
        let Some(ticket) = ticket.take() else { return };
        let waiting = self.waiting.as_mut();
        if let Some(waker) = waiting.and_then(|waiting| waiting.list.leave(what, ticket)) {
            self.spend(Spent::Waker(waker));
        }
    }

    /// Has those lose their turns who were woken long ago and have not come.
    pub(super) fn sweep_turns(&mut self, config: &ConnectionConfig) {
        if let Some(waiting) = &mut self.waiting {
            waiting.list.sweep();
            self.wake_for_room(config);
        }
    }

    /// Wakes those whose turn it is, as far as there is room.
    pub(super) fn wake_for_room(&mut self, config: &ConnectionConfig) {
        if let Some(waiting) = &mut self.waiting {
            waiting.list.wake_for_room(&self.queue, &config.queue(), &mut waiting.due.wake);
        }
    }

    /// Wakes those who wait for all being written, or for room that there is now.
    pub(super) fn wake_for_progress(&mut self, config: &ConnectionConfig) {
        if let Some(waiting) = &mut self.waiting {
            waiting.list.wake_for_progress(&self.queue, &config.queue(), &mut waiting.due.wake);
        }
    }

    /// Wakes all but those who wait for the end: nothing more may be sent.
    pub(super) fn wake_closing(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.list.wake_closing(&mut waiting.due.wake);
        }
    }

    /// Wakes all who wait: the connection is over.
    pub(super) fn wake_all(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.list.wake_all(&mut waiting.due.wake);
        }
    }

    /// Wakes this task when the lock is given back.
    pub(super) fn wake(&mut self, waker: Waker) {
        self.due().wake.push(waker);
    }
}
