//! Turns for those who wait to send: first come, first served.
//!
//! Whoever finds no room, or others waiting for it, gets a place behind them. When there is room,
//! as many are woken as it is for, and each sends when it is the first; so a task that sends
//! without pause takes its turn like all others. A task that was woken and does not come loses its
//! place at the second sweep, so it holds others up no longer than that takes.

use alloc::collections::BTreeMap;
use core::mem;

use super::{Origin, QueueLimits, SendQueue, Shared, waiters::Ticket};

/// Those who wait for room in a [`SendQueue`]; `W` wakes one.
#[derive(Debug)]
pub struct Turns<W> {
    last: Ticket,
    places: BTreeMap<Ticket, Place<W>>,
}

#[derive(Debug)]
struct Place<W> {
    /// Until it is woken.
    waker: Option<W>,
    len: usize,
    origin: Origin,
    /// It had been woken at the last sweep.
    is_late: bool,
}

impl<W> Turns<W> {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: Ticket::FIRST, places: BTreeMap::new() }
    }

    /// Whether nobody waits, or has been woken and has yet to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether nobody waits before this one, who may have lost its place.
    #[must_use]
    pub fn has_turn(&self, ticket: Option<Ticket>) -> bool {
        let Some((first, _)) = self.places.first_key_value() else { return true };
        ticket.is_some_and(|ticket| ticket <= *first)
    }

    /// Waits to send a message of this length, at the place with this ticket, or behind all others.
    /// Returns the waker there before.
    pub fn wait(
        &mut self,
        ticket: &mut Option<Ticket>,
        waker: W,
        len: usize,
        origin: Origin,
    ) -> Option<W> {
        let ticket = *ticket.get_or_insert_with(|| self.last.next());
        let place = Place { waker: Some(waker), len, origin, is_late: false };
        self.places.insert(ticket, place)?.waker
    }

    /// Gives a place up: it is used, or nobody wants it any more. Returns the waker there.
    pub fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.places.remove(&ticket)?.waker
    }

    /// Has those lose their places who were woken before the last sweep and have not come.
    pub fn sweep(&mut self) {
        self.places
            .retain(|_, place| place.waker.is_some() || !mem::replace(&mut place.is_late, true));
    }

    /// Wakes those whom the room in the queue is for; they keep their places until they come.
    pub fn wake<P: Shared>(
        &mut self,
        queue: &SendQueue<P>,
        limits: &QueueLimits,
        mut wake: impl FnMut(W),
    ) {
        let mut queued_len = queue.len();
        for place in self.places.values_mut() {
            // Inside a fragmented message all others wait for its sender.
            if queue.is_fragmented() && place.origin == Origin::Handle {
                continue;
            }
            if queued_len > limits.room(place.origin) {
                break;
            }
            queued_len += place.len;
            if let Some(waker) = place.waker.take() {
                wake(waker);
            }
        }
    }

    /// Wakes all; they keep their places until they come.
    pub fn wake_all(&mut self) -> impl Iterator<Item = W> {
        self.places.values_mut().filter_map(|place| place.waker.take())
    }
}

impl<W> Default for Turns<W> {
    fn default() -> Self {
        Self::new()
    }
}
