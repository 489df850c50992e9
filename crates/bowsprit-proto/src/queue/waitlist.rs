//! All tasks that wait for something of a connection, and which of them are woken by what.

use alloc::vec::Vec;

use super::{Origin, QueueLimits, SendQueue, Shared, Ticket, Turns, Waiters};

/// Who waits for a connection; `W` wakes a task. Wakers that are due are pushed to a list, for
/// where no lock is held.
#[derive(Debug)]
pub struct Waitlist<W> {
    turns: Turns<W>,
    /// One task of each half, so that whoever gives up leaves its waker to the next.
    send_half: Option<W>,
    receive_half: Option<W>,
    publications: Waiters<W>,
    ends: Waiters<W>,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all that there is to wait for")]
pub enum WaitFor {
    /// As the holder of the sending half: any progress of the queue. A task that waits takes the
    /// place of the one before it.
    Sending,
    /// The same for the holder of the receiving half.
    Receiving,
    /// Room for a publication: any progress of the queue.
    Publication,
    /// Its turn to send a message of this length. Like those above, it is also woken when the
    /// connection closes.
    Turn {
        /// The length of the message.
        len: usize,
        /// Whose it is.
        origin: Origin,
    },
    /// The end of the connection alone.
    End,
}

impl<W> Waitlist<W> {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            turns: Turns::new(),
            send_half: None,
            receive_half: None,
            publications: Waiters::new(),
            ends: Waiters::new(),
        }
    }

    /// Whether nobody waits, or has been woken for its turn and has yet to come.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
            && self.send_half.is_none()
            && self.receive_half.is_none()
            && self.publications.is_empty()
            && self.ends.is_empty()
    }

    /// Has a task wait, at the place that it has, or behind all others; the halves have no tickets.
    /// Returns the waker that this one takes the place of.
    pub fn wait(&mut self, what: WaitFor, ticket: &mut Option<Ticket>, waker: W) -> Option<W> {
        match what {
            WaitFor::Sending => self.send_half.replace(waker),
            WaitFor::Receiving => self.receive_half.replace(waker),
            WaitFor::Publication => self.publications.wait(ticket, waker),
            WaitFor::Turn { len, origin } => self.turns.wait(ticket, waker, len, origin),
            WaitFor::End => self.ends.wait(ticket, waker),
        }
    }

    /// Has a task wait no more; returns its waker, unless it was woken.
    pub fn leave(&mut self, what: WaitFor, ticket: Ticket) -> Option<W> {
        match what {
            WaitFor::Sending | WaitFor::Receiving => None,
            WaitFor::Publication => self.publications.leave(ticket),
            WaitFor::Turn { .. } => self.turns.leave(ticket),
            WaitFor::End => self.ends.leave(ticket),
        }
    }

    /// As [`Turns::has_turn`].
    #[must_use]
    pub fn has_turn(&self, ticket: Option<Ticket>) -> bool {
        self.turns.has_turn(ticket)
    }

    /// As [`Turns::sweep`]; then others may have room.
    pub fn sweep(&mut self) {
        self.turns.sweep();
    }

    /// Wakes those whose turn it is, as far as there is room.
    pub fn wake_for_room<P: Shared>(
        &mut self,
        queue: &SendQueue<P>,
        limits: &QueueLimits,
        woken: &mut Vec<W>,
    ) {
        self.turns.wake(queue, limits, |waker| woken.push(waker));
    }

    /// The queue is shorter, is written, or a fragmented message has ended: wakes those who wait
    /// for that, and those whose turn it is.
    pub fn wake_for_progress<P: Shared>(
        &mut self,
        queue: &SendQueue<P>,
        limits: &QueueLimits,
        woken: &mut Vec<W>,
    ) {
        self.wake_without_turns(woken);
        self.wake_for_room(queue, limits, woken);
    }

    /// Nothing more may be sent: wakes all who wait for more than the end.
    pub fn wake_closing(&mut self, woken: &mut Vec<W>) {
        self.wake_without_turns(woken);
        woken.extend(self.turns.wake_all());
    }

    /// The connection is over: wakes all.
    pub fn wake_all(&mut self, woken: &mut Vec<W>) {
        self.wake_closing(woken);
        woken.extend(self.ends.take());
    }

    /// Wakes those who wait for more than the end and have no turns.
    fn wake_without_turns(&mut self, woken: &mut Vec<W>) {
        woken.extend(self.send_half.take());
        woken.extend(self.receive_half.take());
        woken.extend(self.publications.take());
    }
}

impl<W> Default for Waitlist<W> {
    fn default() -> Self {
        Self::new()
    }
}
