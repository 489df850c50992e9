//! The helpers of a runtime: one task that writes out what others have queued, and one that looks
//! at the timers. Two tasks for all connections, none for each. When the runtime drops them, it has
//! ended, and so do its connections.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    mem,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::runtime::{Handle, Id};

use super::{timer_task::TimerTask, workers::Workers};
use crate::{
    conn::{Link, lock::assert_unlocked},
    error::EndReason,
};

/// The helpers of each runtime that has connections.
static HELPERS: LazyLock<Mutex<HashMap<Id, Weak<Helpers>>>> = LazyLock::new(Mutex::default);

/// What the connections of a runtime share.
#[derive(Debug)]
pub(in crate::conn) struct Helpers {
    flusher: Mutex<Flusher>,
    timer_task: TimerTask,
    workers: Arc<Workers>,
}

/// The links that have something to write.
#[derive(Debug, Default)]
struct Flusher {
    links: Vec<Arc<Link>>,
    task: Option<Waker>,
    /// The runtime has dropped the task.
    ended: bool,
}

impl Helpers {
    /// The helpers of the runtime that we are in, started when they are first asked for. They end
    /// with the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without timers.
    pub(in crate::conn) fn of_current_runtime() -> Arc<Self> {
        let runtime = Handle::current();
        let id = runtime.id();
        let mut all = lock(&HELPERS);
        if let Some(helpers) = all.get(&id).and_then(Weak::upgrade) {
            return helpers;
        }
        // Panics without timers: in the timer task nobody would notice.
        drop(tokio::time::sleep(Duration::ZERO));
        let helpers = Arc::new(Self {
            flusher: Mutex::default(),
            timer_task: TimerTask::default(),
            workers: Workers::new(runtime.clone()),
        });
        all.insert(id, Arc::downgrade(&helpers));
        // A runtime that is ending drops tasks at once, and that needs the lock.
        drop(all);
        runtime.spawn(tokio::task::unconstrained(flush(Flushing(Arc::clone(&helpers)))));
        runtime.spawn(run_timers(Registration { id, helpers: Arc::clone(&helpers) }));
        helpers
    }

    /// Has a link written out once the current poll has ended.
    pub(in crate::conn) fn schedule(&self, link: Arc<Link>) {
        assert_unlocked();
        let mut flusher = lock(&self.flusher);
        if flusher.ended {
            return;
        }
        flusher.links.push(link);
        if let Some(task) = flusher.task.take() {
            drop(flusher);
            task.wake();
        }
    }

    /// Has a link's messages compressed, by one of at most `max` threads.
    pub(in crate::conn) fn compress(&self, link: Arc<Link>, max: usize) {
        assert_unlocked();
        self.workers.add(link, max);
    }

    /// Runs something in the background; a runtime that has ended drops it.
    pub(in crate::conn) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        assert_unlocked();
        if let Some(runtime) = self.workers.runtime() {
            drop(runtime.spawn(task));
        }
    }

    /// Has a link's timers looked at until it is gone, and ends it with the runtime.
    pub(in crate::conn) fn watch(&self, link: &Arc<Link>) {
        if !self.timer_task.watch(link) {
            link.fail(EndReason::Terminated);
        }
    }

    /// Ends the connections of a runtime that has ended, and lets go of it: whoever keeps a handle
    /// would keep its descriptors.
    fn end(&self) {
        self.workers.leave_runtime();
        for link in self.timer_task.end() {
            // What was sent in the last moment, as far as the transport takes it at once.
            link.write_out();
            link.fail(EndReason::Terminated);
        }
    }

    /// Writes out the links that are on the list. Those that come meanwhile have to wait, for
    /// other tasks want to run as well.
    fn poll_flush(&self, cx: &Context<'_>) -> Poll<()> {
        let mut flusher = lock(&self.flusher);
        flusher.task = Some(cx.waker().clone());
        let mut links = mem::take(&mut flusher.links);
        drop(flusher);
        // A transport that wakes whenever it is polled is polled twice below: what that puts on the
        // list must not double from one time to the next.
        links.dedup_by(|one, other| Arc::ptr_eq(one, other));
        for link in links {
            link.write_out();
            link.watch();
        }
        Poll::Pending
    }
}

async fn flush(flushing: Flushing) {
    poll_fn(|cx| flushing.0.poll_flush(cx)).await;
}

/// Forgets the links when the runtime drops the task: they keep the helpers, and would keep
/// themselves that way.
struct Flushing(Arc<Helpers>);

impl Drop for Flushing {
    fn drop(&mut self) {
        let mut flusher = lock(&self.0.flusher);
        flusher.ended = true;
        let (links, task) = (mem::take(&mut flusher.links), flusher.task.take());
        drop(flusher);
        drop((links, task));
    }
}

/// Removes the helpers from the list when their runtime drops its tasks.
struct Registration {
    id: Id,
    helpers: Arc<Helpers>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&HELPERS).remove(&self.id);
        self.helpers.end();
    }
}

async fn run_timers(registration: Registration) {
    registration.helpers.timer_task.run().await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
