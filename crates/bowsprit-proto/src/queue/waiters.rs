//! Tasks that wait for something of a connection, in the order in which they came.

use alloc::collections::BTreeMap;
use core::mem;

/// Tasks that wait; `W` wakes one. Whoever gives up takes its waker back, so that none is left
/// behind.
#[derive(Debug)]
pub struct Waiters<W> {
    last: Ticket,
    wakers: BTreeMap<Ticket, W>,
}

/// A place among those who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    pub(super) const FIRST: Self = Self(0);

    /// The one after the last, which that becomes.
    pub(super) const fn next(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

impl<W> Waiters<W> {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: Ticket::FIRST, wakers: BTreeMap::new() }
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Has a task wait, at the place that it has, or behind all others. Returns the waker that this
    /// one takes the place of.
    pub fn wait(&mut self, ticket: &mut Option<Ticket>, waker: W) -> Option<W> {
        let ticket = *ticket.get_or_insert_with(|| self.last.next());
        self.wakers.insert(ticket, waker)
    }

    /// Has a task wait no more; returns its waker, unless it was taken.
    pub fn leave(&mut self, ticket: Ticket) -> Option<W> {
        self.wakers.remove(&ticket)
    }

    /// Takes all wakers out, in order.
    pub fn take(&mut self) -> impl Iterator<Item = W> + use<W> {
        mem::take(&mut self.wakers).into_values()
    }
}

impl<W> Default for Waiters<W> {
    fn default() -> Self {
        Self::new()
    }
}
