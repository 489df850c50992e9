//! Tasks that wait for an event on a connection, in order of arrival.

use alloc::collections::BTreeMap;
use core::mem;

/// Waiting tasks; `W` is a waker. A task that stops waiting takes its waker back, so that none is
/// leaked.
#[derive(Debug)]
pub struct Waiters<W> {
    last: Ticket,
    wakers: BTreeMap<Ticket, W>,
}

/// The place of a waiting task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    pub(super) const FIRST: Self = Self(0);

    /// Advances to the next ticket, and returns it.
    pub(super) const fn next(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

impl<W> Waiters<W> {
    /// Creates an empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: Ticket::FIRST, wakers: BTreeMap::new() }
    }

    /// Whether no task waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Registers a task, in the place that it already has, or behind all others. Returns the waker
    /// that this one replaces.
    pub fn wait(&mut self, ticket: &mut Option<Ticket>, waker: W) -> Option<W> {
        let ticket = *ticket.get_or_insert_with(|| self.last.next());
        self.wakers.insert(ticket, waker)
    }

    /// Removes a task; returns its waker, unless it was taken.
    pub fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.wakers.remove(&ticket)
    }

    /// Takes all wakers, in order.
    pub fn take(&mut self) -> impl Iterator<Item = W> + use<W> {
        mem::take(&mut self.wakers).into_values()
    }
}

impl<W> Default for Waiters<W> {
    fn default() -> Self {
        Self::new()
    }
}
