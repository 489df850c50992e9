//! A fair queue of tasks that wait to send: first come, first served.
//!
//! A task that finds the send queue full, or other tasks waiting, waits behind them. When there is
//! room, as many tasks are woken as there is room for, and each sends when it is first in line. So
//! a task that sends without pause cannot starve others. A task that was woken but does not send
//! loses its place at the second sweep, so it delays others no longer than that.

use alloc::collections::BTreeMap;
use core::mem;

use super::{Origin, QueueLimits, SendQueue, Shared, waiters::Ticket};

/// Tasks that wait for room in a [`SendQueue`]; `W` is a waker.
#[derive(Debug)]
pub struct Turns<W> {
    last: Ticket,
    places: BTreeMap<Ticket, Place<W>>,
}

#[derive(Debug)]
struct Place<W> {
    /// `None` once it has been woken.
    waker: Option<W>,
    len: usize,
    origin: Origin,
    /// It had already been woken at the last sweep.
    is_late: bool,
}

impl<W> Turns<W> {
    /// Creates an empty queue of tasks.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: Ticket::FIRST, places: BTreeMap::new() }
    }

    /// Whether no task waits, including those that were woken and have not sent yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether no other task is ahead of this one, which may have lost its place.
    #[must_use]
    pub fn has_turn(&self, ticket: Option<Ticket>) -> bool {
        let Some((first, _)) = self.places.first_key_value() else { return true };
        ticket.is_some_and(|ticket| ticket <= *first)
    }

    /// Registers a task that waits to send a message of this length, in the place of this ticket,
    /// or behind all others. Returns the waker that it replaces.
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

    /// Gives up a place after sending, or because the task no longer waits. Returns its waker.
    pub fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.places.remove(&ticket)?.waker
    }

    /// Removes the tasks that were woken before the last sweep and have not sent yet.
    pub fn sweep(&mut self) {
        self.places
            .retain(|_, place| place.waker.is_some() || !mem::replace(&mut place.is_late, true));
    }

    /// Wakes as many tasks as there is room for; they keep their places until they send.
    pub fn wake<P: Shared>(
        &mut self,
        queue: &SendQueue<P>,
        limits: &QueueLimits,
        mut wake: impl FnMut(W),
    ) {
        let mut reserved_len = 0;
        for place in self.places.values_mut() {
            // Inside a fragmented message, all other tasks wait for its sender.
            if queue.is_fragmented() && place.origin == Origin::Handle {
                continue;
            }
            if !queue.has_room_behind(reserved_len, place.origin, limits) {
                break;
            }
            reserved_len += place.len;
            if let Some(waker) = place.waker.take() {
                wake(waker);
            }
        }
    }

    /// Wakes all tasks; they keep their places until they send.
    pub fn wake_all(&mut self) -> impl Iterator<Item = W> {
        self.places.values_mut().filter_map(|place| place.waker.take())
    }
}

impl<W> Default for Turns<W> {
    fn default() -> Self {
        Self::new()
    }
}
