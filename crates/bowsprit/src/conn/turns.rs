//! Turns for those who wait to send: first come, first served.
//!
//! Whoever finds no room, or others waiting for it, gets a place behind them. When there is room,
//! as many are woken as it is for, and each sends when it is the first; so a task that sends
//! without pause takes its turn like all others. A task that was woken and does not come loses its
//! place at a sweep, so it holds others up for a second at most.

use std::{
    collections::BTreeMap,
    mem,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use super::{ConnectionConfig, Link, Origin, Out, lock::Spent, waiters::Ticket};
use crate::{error::Unsent, outgoing::Outgoing};

/// Those who wait for room.
#[derive(Debug, Default)]
pub(super) struct Turns {
    last: Ticket,
    places: BTreeMap<Ticket, Place>,
}

#[derive(Debug)]
struct Place {
    /// Until it is woken.
    waker: Option<Waker>,
    len: usize,
    origin: Origin,
    /// It had been woken at the last sweep.
    is_late: bool,
}

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
    ) -> Poll<Result<(), Unsent>> {
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
    ) -> Poll<Result<(), Unsent>> {
        let sent = link.send_in_turn(&mut link.lock(), message, origin, &mut None);
        if sent.is_ready() {
            return sent;
        }
        *self = Self::Waiting(Box::new(Waiting::new(message.take(), link)));
        self.poll_again(cx, origin)
    }

    /// The same when it waits.
    #[cold]
    fn poll_again(&mut self, cx: &Context<'_>, origin: Origin) -> Poll<Result<(), Unsent>> {
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
    pub(super) fn poll(&mut self, cx: &Context<'_>, origin: Origin) -> Poll<Result<(), Unsent>> {
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
            let place = Place { waker: Some(waker), len: message.len(), origin, is_late: false };
            let before = out.waiting.get_or_insert_default().turns.wait(ticket, place);
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
    ) -> Poll<Result<(), Unsent>> {
        let open = out.check_open();
        if open.is_ok() {
            if !out.has_turn(*ticket, origin) {
                return Poll::Pending;
            }
            ready!(out.poll_room(self.room(origin), origin))?;
        }
        out.give_up_turn(ticket);
        let sent = open.and_then(|()| self.send(out, message));
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
        waiting.turns.has_turn(ticket) || origin == Origin::Owner && self.sender.is_fragmented()
    }

    fn give_up_turn(&mut self, ticket: &mut Option<Ticket>) {
        let place = match (ticket.take(), &mut self.waiting) {
            (Some(ticket), Some(waiting)) => waiting.turns.places.remove(&ticket),
            _ => None,
        };
        if let Some(waker) = place.and_then(|place| place.waker) {
            self.spend(Spent::Waker(waker));
        }
    }

    /// Has those lose their places who were woken long ago and have not come.
    pub(super) fn sweep_turns(&mut self, config: &ConnectionConfig) {
        if let Some(waiting) = &mut self.waiting {
            waiting.turns.places.retain(|_, place| {
                place.waker.is_some() || !mem::replace(&mut place.is_late, true)
            });
            self.wake_for_room(config);
        }
    }

    /// Wakes those who wait for room that there is.
    pub(super) fn wake_for_room(&mut self, config: &ConnectionConfig) {
        let Some(waiting) = &mut self.waiting else { return };
        if waiting.turns.is_empty() {
            return;
        }
        let mut turns = mem::take(&mut waiting.turns);
        let (mut queued, fragmented) = (self.queued_len(), self.sender.is_fragmented());
        for place in turns.places.values_mut() {
            if fragmented && place.origin == Origin::Handle {
                continue;
            }
            if queued > Link::room_of(config, place.origin) {
                break;
            }
            queued += place.len;
            if let Some(waker) = place.waker.take() {
                self.wake(waker);
            }
        }
        self.waiting.get_or_insert_default().turns = turns;
    }
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether nobody waits before this one, who may have lost its place.
    fn has_turn(&self, ticket: Option<Ticket>) -> bool {
        let Some((first, _)) = self.places.first_key_value() else { return true };
        ticket.is_some_and(|ticket| ticket <= *first)
    }

    /// Waits at the place with this ticket, or behind all others. Returns the waker there before.
    fn wait(&mut self, ticket: &mut Option<Ticket>, place: Place) -> Option<Waker> {
        let ticket = *ticket.get_or_insert_with(|| self.last.next());
        self.places.insert(ticket, place)?.waker
    }

    /// Wakes all, who keep their places until they come.
    pub(super) fn wake_all(&mut self) -> impl Iterator<Item = Waker> {
        self.places.values_mut().filter_map(|place| place.waker.take())
    }
}
