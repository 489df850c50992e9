//! The lock on a link, which wakes others only when it is given back.
//!
//! A waker may run code of other executors, and that code may use the link. So may what is dropped
//! with a waker.

use std::{
    mem,
    ops::{Deref, DerefMut},
    sync::MutexGuard,
    task::Waker,
};

use super::{Out, extras::Left};

pub(super) struct Locked<'l> {
    guard: MutexGuard<'l, Out>,
    /// Dropped after the guard.
    late: Late,
}

struct Late {
    wakers: Vec<Waker>,
    left: Option<Box<Left>>,
}

impl<'l> Locked<'l> {
    pub(super) const fn new(guard: MutexGuard<'l, Out>) -> Self {
        Self { guard, late: Late { wakers: Vec::new(), left: None } }
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        // Every message takes the lock, and few wake anybody.
        if !self.guard.due.is_empty() {
            self.late.wakers = mem::take(&mut self.guard.due);
        }
        if self.guard.ended.is_some() {
            self.late.left = self.guard.leave();
        }
    }
}

impl Drop for Late {
    #[inline]
    fn drop(&mut self) {
        if !self.wakers.is_empty() {
            mem::take(&mut self.wakers).into_iter().for_each(Waker::wake);
        }
    }
}

impl Deref for Locked<'_> {
    type Target = Out;

    fn deref(&self) -> &Out {
        &self.guard
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Out {
        &mut self.guard
    }
}
