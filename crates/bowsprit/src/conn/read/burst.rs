//! How much a connection may do before others have their turn.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll},
};

use tokio::task::yield_now;

use crate::stats::PendingCounts;

/// A connection that reads this much, or has this many events, without a pause lets other tasks
/// run. Tens of thousands of tiny messages fit into the length. What a task has sent is written out
/// when it pauses, so fewer events would cost more system calls: a quarter of this halves the rate
/// of tiny messages that are sent without waiting for answers.
const MAX_BURST_LEN: u32 = 128 * 1024;
const MAX_BURST_EVENTS: u32 = 512;

/// What has come since the last pause.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Burst {
    pub(super) len: u32,
    pub(super) events: u32,
    pub(super) tally: PendingCounts,
}

impl Burst {
    pub(super) fn add(&mut self, len: usize) {
        self.len = self.len.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
    }

    pub(super) const fn is_over(self) -> bool {
        self.len >= MAX_BURST_LEN || self.events >= MAX_BURST_EVENTS
    }
}

/// Lets other tasks, sockets and timers have their turn before this task is polled again.
///
/// A task that just wakes itself is polled again before the runtime looks at any socket, dozens of
/// times in a row on a current-thread runtime.
pub(super) fn poll_yield<T>(cx: &mut Context<'_>) -> Poll<T> {
    // It remembers the waker, so it can be dropped.
    let yielded = pin!(yield_now()).poll(cx);
    debug_assert!(yielded.is_pending(), "polled for the first time");
    Poll::Pending
}
