//! The lock on a link, under which nothing foreign runs.
//!
//! Wakers, executors, subscribers of `tracing`, recorders of `metrics`, owners of bytes and
//! transports may run code of the application, and that may use the link. So what is to be told,
//! woken, spawned or dropped is noted under the lock, and done when it has been given back. Exempt
//! is the transport's writing, whose documentation forbids it to use the connection.
//!
//! In debug builds a thread that holds the lock of a link knows that: taking another one, and doing
//! what has to wait, panics.

use std::{
    mem,
    ops::{Deref, DerefMut},
    sync::{Arc, MutexGuard, atomic::Ordering},
    task::Waker,
};

use bowsprit_proto::queue::{Settled, Waitlist};

#[cfg(feature = "server")]
use super::Membership;
use super::{Link, Out, cold_state::End};
use crate::{
    Output, PreparedMessage,
    stats::{Direction, PendingCounts, Policy},
    transport::WriteHalf,
};

/// Who waits for a connection, and what is done when the lock is given back.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) list: Waitlist<Waker>,
    pub(super) due: Due,
}

/// What is done when the lock is given back.
#[derive(Default)]
pub(super) struct Due {
    pub(super) wake: Vec<Waker>,
    /// Lengths of messages that were sent, and of their payloads on the wire, while somebody wants
    /// to know of every one.
    pub(super) sent: Vec<(usize, usize)>,
    /// Publications that were left out.
    pub(super) dropped: Vec<(Policy, usize)>,
    /// Messages that were queued on a connection that has ended since.
    pub(super) tally: PendingCounts,
    /// The first of the messages that are deferred has nobody yet who compresses it.
    pub(super) compress: bool,
    /// The connection is over: this is told once.
    pub(super) end: Option<End>,
    pub(super) spent: Vec<Spent>,
}

/// What is of no use any longer, but not to be dropped under the lock.
#[expect(dead_code, reason = "only to be dropped")]
pub(super) enum Spent {
    Messages(Foreign<Vec<Settled<PreparedMessage>>>),
    Output(Output),
    Transport(Foreign<WriteHalf>),
    OfKept(Box<dyn Send>),
    #[cfg(feature = "server")]
    Membership(Membership),
    Waker(Waker),
}

/// Something whose drop may run code of the application.
pub(super) struct Foreign<T>(pub(super) T);

pub(super) struct LinkGuard<'l> {
    guard: MutexGuard<'l, Out>,
    #[expect(dead_code, reason = "dropped after the guard and before the rest")]
    holding: Holding,
    flush: Flush<'l>,
    after: Option<Box<AfterLock>>,
}

/// Whether what was queued is to be written out, when the lock has been given back.
struct Flush<'l> {
    link: &'l Arc<Link>,
    due: bool,
}

/// What else is done then.
struct AfterLock {
    link: Arc<Link>,
    due: Due,
}

impl<'l> LinkGuard<'l> {
    /// `holding` is from before the lock was taken.
    pub(super) const fn new(
        link: &'l Arc<Link>,
        holding: Holding,
        guard: MutexGuard<'l, Out>,
    ) -> Self {
        Self { guard, holding, flush: Flush { link, due: false }, after: None }
    }

    #[cold]
    fn take_due(&mut self) {
        let out = &mut *self.guard;
        if let Some(cause) = out.over {
            out.finish(cause);
        }
        let due = out.waiting.as_mut().and_then(|waiting| waiting.due.take());
        out.waiting.take_if(|waiting| waiting.list.is_empty());
        self.after = due.map(|due| Box::new(AfterLock { link: Arc::clone(self.flush.link), due }));
    }
}

impl Drop for LinkGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.flush.due = mem::take(&mut self.guard.flush_due);
        // Every message takes the lock, and few leave anything else to be done.
        if self.guard.waiting.is_some() {
            self.take_due();
        }
    }
}

impl Drop for Flush<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.due {
            self.link.schedule();
        }
    }
}

impl Drop for AfterLock {
    fn drop(&mut self) {
        mem::take(&mut self.due).carry_out(&self.link);
    }
}

impl Due {
    fn is_empty(&self) -> bool {
        self.wake.is_empty()
            && self.sent.is_empty()
            && self.dropped.is_empty()
            && !self.compress
            && self.spent.is_empty()
            && self.tally.is_empty()
            && self.end.is_none()
    }

    fn take(&mut self) -> Option<Self> {
        (!self.is_empty()).then(|| mem::take(self))
    }

    fn carry_out(mut self, link: &Arc<Link>) {
        for (len, wire_len) in self.sent {
            tracing::trace!(len, wire_len, "message sent");
        }
        for (policy, count) in self.dropped {
            link.counters().dropped(policy, count);
        }
        // Before its end is told, what has ended is counted.
        link.counters().flush_counts(Direction::Sent, &mut self.tally);
        if let Some(end) = &self.end {
            link.tell_end(end);
        }
        self.wake.into_iter().for_each(Waker::wake);
        if self.compress {
            link.helpers.compress(Arc::clone(link), link.config().max_concurrent_compressions);
        }
        drop(self.spent);
        if self.end.is_some() && !link.is_listed() {
            link.on_told();
        }
    }
}

impl Link {
    /// Puts the link onto the flusher's list, unless it is there or its handler is being polled.
    fn schedule(self: &Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) && !self.is_polled() {
            self.helpers.schedule(Arc::clone(self));
        }
    }
}

impl Out {
    /// What is done when the lock is given back.
    pub(super) fn due(&mut self) -> &mut Due {
        &mut self.waiting.get_or_insert_default().due
    }

    /// Drops this when the lock is given back.
    pub(super) fn spend(&mut self, spent: Spent) {
        self.due().spent.push(spent);
    }
}

impl Deref for LinkGuard<'_> {
    type Target = Out;

    #[inline]
    fn deref(&self) -> &Out {
        &self.guard
    }
}

impl DerefMut for LinkGuard<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Out {
        &mut self.guard
    }
}

impl<T> Deref for Foreign<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Foreign<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[cfg(debug_assertions)]
mod holding {
    use std::cell::Cell;

    use super::{Foreign, Link};

    thread_local! {
        /// The link, by address, whose lock this thread holds, and whether it is in its transport.
        static HOLDING: Cell<Option<(usize, bool)>> = const { Cell::new(None) };
    }

    /// That the lock of a link is held, or about to be taken. Has what was so before.
    pub(in crate::conn) struct Holding(Option<(usize, bool)>);

    impl Holding {
        #[track_caller]
        pub(in crate::conn) fn begin(link: &Link) -> Self {
            let before = HOLDING.get();
            let address = link.address();
            let is_free = before.is_none_or(|(other, exempt)| exempt && other != address);
            assert!(is_free, "a transport, or what runs under a connection's lock, has used one");
            HOLDING.set(Some((address, false)));
            Self(before)
        }
    }

    impl Drop for Holding {
        fn drop(&mut self) {
            HOLDING.set(self.0);
        }
    }

    /// For what may run code of the application.
    #[track_caller]
    pub(in crate::conn) fn assert_unlocked() {
        let is_free = HOLDING.get().is_none_or(|(_, exempt)| exempt);
        assert!(is_free, "under the lock of a connection nothing foreign may run");
    }

    /// Runs code of the transport's, which is exempt.
    pub(in crate::conn) fn exempt<T>(run: impl FnOnce() -> T) -> T {
        let held = HOLDING.get();
        HOLDING.set(held.map(|(address, _)| (address, true)));
        let done = run();
        HOLDING.set(held);
        done
    }

    impl<T> Drop for Foreign<T> {
        fn drop(&mut self) {
            // A panic has its reason already.
            if !std::thread::panicking() {
                assert_unlocked();
            }
        }
    }
}

#[cfg(not(debug_assertions))]
mod holding {
    use super::Link;

    pub(in crate::conn) struct Holding(());

    impl Holding {
        #[inline]
        pub(in crate::conn) const fn begin(_: &Link) -> Self {
            Self(())
        }
    }

    #[inline]
    pub(in crate::conn) const fn assert_unlocked() {}

    #[inline]
    pub(in crate::conn) fn exempt<T>(run: impl FnOnce() -> T) -> T {
        run()
    }
}

pub(super) use self::holding::{Holding, assert_unlocked, exempt};
