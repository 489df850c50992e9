//! `send().await`: a message is queued at once, or when it is its turn. The core's [`Turns`] are
//! first come, first served.
//!
//! [`Turns`]: bowsprit_proto::queue::Turns

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bowsprit_proto::queue::{Origin, Ticket, WaitFor};

use super::{Link, Out, wait::Place};
use crate::{Outgoing, error::QueueError};

/// A message on its way into the queue.
pub(crate) enum Sending<'m, M> {
    /// As the application gave it.
    Given(M),
    /// It waits for room. Boxed, as few do, and what holds it is in every handler that sends.
    Waiting(Box<Waiting<'m>>),
    Done,
}

impl<'m, M: Into<Outgoing<'m>>> Sending<'m, M> {
    pub(crate) const fn new(message: M) -> Self {
        Self::Given(message)
    }

    /// Queues the message as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        link: &Arc<Link>,
        cx: &Context<'_>,
        origin: Origin,
    ) -> Poll<Result<(), QueueError>> {
        if !matches!(self, Self::Given(_)) {
            return self.poll_again(link, cx, origin);
        }
        let Self::Given(message) = mem::replace(self, Self::Done) else { return Poll::Pending };
        // Made, and dropped, without the lock: that may run code of the application.
        let mut message = message.into();
        match link.send_if_free(&mut message, origin) {
            Poll::Pending => self.poll_in_turn(&mut message, link, cx, origin),
            sent => sent,
        }
    }

    /// The same where something unusual goes on.
    #[cold]
    fn poll_in_turn(
        &mut self,
        message: &mut Outgoing<'m>,
        link: &Arc<Link>,
        cx: &Context<'_>,
        origin: Origin,
    ) -> Poll<Result<(), QueueError>> {
        let sent = link.send_in_turn(&mut link.lock(), message, origin, &mut None);
        if sent.is_ready() {
            return sent;
        }
        let message = message.take();
        let place = Place::new(link, WaitFor::Turn { len: message.len(), origin });
        *self = Self::Waiting(Box::new(Waiting { message, place }));
        self.poll_again(link, cx, origin)
    }

    /// The same when it waits.
    #[cold]
    fn poll_again(
        &mut self,
        link: &Arc<Link>,
        cx: &Context<'_>,
        origin: Origin,
    ) -> Poll<Result<(), QueueError>> {
        let Self::Waiting(waiting) = self else { return Poll::Ready(Ok(())) };
        let Waiting { message, place } = &mut **waiting;
        let send = |out: &mut Out, ticket: &mut _| link.send_in_turn(out, message, origin, ticket);
        let sent = ready!(place.poll(cx, send));
        *self = Self::Done;
        Poll::Ready(sent)
    }
}

/// A message that waits for its turn, and gives it up when it is dropped.
pub(crate) struct Waiting<'m> {
    message: Outgoing<'m>,
    place: Place,
}

impl Link {
    /// Queues a message if it is its turn.
    pub(super) fn send_in_turn(
        &self,
        out: &mut Out,
        message: &mut Outgoing<'_>,
        origin: Origin,
        ticket: &mut Option<Ticket>,
    ) -> Poll<Result<(), QueueError>> {
        let open = out.check_open();
        if open.is_ok() {
            if !out.has_turn(*ticket, origin) {
                return Poll::Pending;
            }
            ready!(out.poll_room(origin, self.config()))?;
        }
        out.leave(WaitFor::Turn { len: message.len(), origin }, ticket);
        let sent = open.and_then(|()| self.push(out, message));
        // The next one may have come before it was its turn.
        out.wake_for_room(self.config());
        Poll::Ready(sent)
    }
}

impl Out {
    /// Whether nobody who may send waits before this one.
    pub(super) fn has_turn(&self, ticket: Option<Ticket>, origin: Origin) -> bool {
        let Some(waiting) = &self.waiting else { return true };
        // Inside a fragmented message all others wait for its sender.
        waiting.list.has_turn(ticket) || origin == Origin::Owner && self.queue.is_fragmented()
    }
}
