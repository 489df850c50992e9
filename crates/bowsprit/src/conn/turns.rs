//! Sending in turn: first come, first served, as the core's [`Turns`] have it.
//!
//! [`Turns`]: bowsprit_proto::queue::Turns

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bowsprit_proto::queue::{Origin, Ticket};

use super::{ConnectionConfig, Link, Out, lock::Spent};
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
            return self.poll_again(cx, origin);
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
        *self = Self::Waiting(Box::new(Waiting::new(message.take(), link)));
        self.poll_again(cx, origin)
    }

    /// The same when it waits.
    #[cold]
    fn poll_again(&mut self, cx: &Context<'_>, origin: Origin) -> Poll<Result<(), QueueError>> {
        let Self::Waiting(waiting) = self else { return Poll::Ready(Ok(())) };
        let sent = ready!(waiting.poll(cx, origin));
        *self = Self::Done;
        Poll::Ready(sent)
    }
}

/// A message that waits for its turn, and gives its place up when it is dropped.
pub(crate) struct Waiting<'m> {
    pub(super) message: Outgoing<'m>,
    link: Arc<Link>,
    ticket: Option<Ticket>,
}

impl<'m> Waiting<'m> {
    pub(super) fn new(message: Outgoing<'m>, link: &Arc<Link>) -> Self {
        Self { message, link: Arc::clone(link), ticket: None }
    }

    /// Queues the message when it is its turn.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(super) fn poll(
        &mut self,
        cx: &Context<'_>,
        origin: Origin,
    ) -> Poll<Result<(), QueueError>> {
        let Self { message, link, ticket } = self;
        let polled = link.send_in_turn(&mut link.lock(), message, origin, ticket);
        if polled.is_ready() {
            return polled;
        }
        // Cloned without the lock, as that may run code of the application; then all may be
        // different.
        let waker = cx.waker().clone();
        let mut out = link.lock();
        let polled = link.send_in_turn(&mut out, message, origin, ticket);
        let spent = if polled.is_ready() {
            Some(waker)
        } else {
            let turns = &mut out.waiting.get_or_insert_default().turns;
            let before = turns.wait(ticket, waker, message.len(), origin);
            out.wake_for_room(link.config());
            before
        };
        if let Some(waker) = spent {
            out.spend(Spent::Waker(waker));
        }
        drop(out);
        if polled.is_pending() {
            link.write_out_for_others(cx.waker());
        }
        polled
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let mut out = self.link.lock();
            out.give_up_turn(&mut self.ticket);
            // It may have been woken for room that is there for others now.
            out.wake_for_room(self.link.config());
        }
    }
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
        out.give_up_turn(ticket);
        let sent = open.and_then(|()| self.push(out, message));
        // The next one may have come before it was its turn.
        out.wake_for_room(self.config());
        Poll::Ready(sent)
    }
}

impl Out {
    /// Whether nobody who may send waits before this one.
    fn has_turn(&self, ticket: Option<Ticket>, origin: Origin) -> bool {
        let Some(waiting) = &self.waiting else { return true };
        // Inside a fragmented message all others wait for its sender.
        waiting.turns.has_turn(ticket) || origin == Origin::Owner && self.queue.is_fragmented()
    }

    fn give_up_turn(&mut self, ticket: &mut Option<Ticket>) {
        let Some(ticket) = ticket.take() else { return };
        let waker = self.waiting.as_mut().and_then(|waiting| waiting.turns.leave(ticket));
        if let Some(waker) = waker {
            self.spend(Spent::Waker(waker));
        }
    }

    /// Has those lose their places who were woken long ago and have not come.
    pub(super) fn sweep_turns(&mut self, config: &ConnectionConfig) {
        if let Some(waiting) = &mut self.waiting {
            waiting.turns.sweep();
            self.wake_for_room(config);
        }
    }

    /// Wakes those who wait for room that there is.
    pub(super) fn wake_for_room(&mut self, config: &ConnectionConfig) {
        let Some(waiting) = &mut self.waiting else { return };
        if !waiting.turns.is_empty() {
            waiting.wake_for_room(&self.queue, &config.queue());
        }
    }
}
