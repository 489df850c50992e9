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

use super::{Link, Out};

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
    /// Taken when dropped.
    guard: Option<MutexGuard<'l, Out>>,
}

/// Why there is always a guard.
const HELD: &str = "held until it is dropped";

impl<'l> Locked<'l> {
    pub(super) const fn new(link: &'l Link, guard: MutexGuard<'l, Out>) -> Self {
        Self { link, guard: Some(guard) }
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        // Every message takes the lock, and few wake anybody.
        if let Some(guard) = self.guard.take()
            && (guard.wakers.is_some() || guard.ended.is_some())
        {
            give_back(self.link, guard);
        }
    }
}

/// Gives the lock back, then wakes those who wait and tells that an ended connection has left.
#[cold]
fn give_back(link: &Link, mut guard: MutexGuard<'_, Out>) {
    let due = guard.wakers.as_mut().map(|wakers| mem::take(&mut wakers.due)).unwrap_or_default();
    guard.wakers.take_if(|wakers| wakers.waiting.is_empty());
    let left = guard.ended.and_then(|cause| guard.leave(cause));
    drop(guard);
    if let Some(left) = &left {
        link.note_left(left);
    }
    due.into_iter().for_each(Waker::wake);
    drop(left);
}

impl Deref for Locked<'_> {
    type Target = Out;

    #[inline]
    fn deref(&self) -> &Out {
        self.guard.as_ref().expect(HELD)
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Out {
        self.guard.as_mut().expect(HELD)
    }
}
