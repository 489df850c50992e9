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

use super::{Link, Out, extras::Left};

/// Who waits for a connection.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    /// For room, the end of a fragmented message, or that of the connection.
    pub(super) waiting: Vec<Waker>,
    /// Woken when the lock is given back.
    pub(super) due: Vec<Waker>,
}

pub(super) struct Locked<'l> {
    link: &'l Link,
    guard: MutexGuard<'l, Out>,
    // Dropped after the guard.
    after: Option<Box<After<'l>>>,
}

/// What is done when the lock has been given back: the end of a connection is told, those who wait are
/// woken, and what an ended connection leaves is dropped.
struct After<'l> {
    link: &'l Link,
    due: Vec<Waker>,
    left: Option<Box<Left>>,
}

impl<'l> Locked<'l> {
    pub(super) const fn new(link: &'l Link, guard: MutexGuard<'l, Out>) -> Self {
        Self { link, guard, after: None }
    }

    #[cold]
    fn prepare_after(&mut self) {
        let (link, out) = (self.link, &mut *self.guard);
        let due = out.wakers.as_mut().map(|wakers| mem::take(&mut wakers.due)).unwrap_or_default();
        out.wakers.take_if(|wakers| wakers.waiting.is_empty());
        let left = out.ended.and_then(|cause| out.leave(cause));
        let is_any = !due.is_empty() || left.is_some();
        self.after = is_any.then(|| Box::new(After { link, due, left }));
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        // Every message takes the lock, and few wake anybody.
        if self.guard.wakers.is_some() || self.guard.ended.is_some() {
            self.prepare_after();
        }
    }
}

impl Drop for After<'_> {
    fn drop(&mut self) {
        if let Some(left) = &self.left {
            self.link.note_left(left);
        }
        mem::take(&mut self.due).into_iter().for_each(Waker::wake);
        drop(self.left.take());
    }
}

impl Deref for Locked<'_> {
    type Target = Out;

    #[inline]
    fn deref(&self) -> &Out {
        &self.guard
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Out {
        &mut self.guard
    }
}
