//! Tasks that wait for something of a connection, in the order in which they came.

use std::{collections::BTreeMap, mem, task::Waker};

/// Tasks that wait. Whoever gives up takes its waker back, so that none is left behind.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    last: Ticket,
    wakers: BTreeMap<Ticket, Waker>,
}

/// A place among those who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

impl Ticket {
    /// The one after the last, which that becomes.
    pub(super) const fn next(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Has this task wait, at the place that it has, or behind all others. Returns the waker that
    /// this one takes the place of, to be dropped without the lock.
    pub(super) fn wait(&mut self, ticket: &mut Option<Ticket>, waker: Waker) -> Option<Waker> {
        let ticket = *ticket.get_or_insert_with(|| self.last.next());
        self.wakers.insert(ticket, waker)
    }

    /// Has a task wait no more.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        self.wakers.remove(&ticket)
    }

    /// Takes all wakers out.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.wakers).into_values()
    }
}
