//! The helpers of a runtime: one task that writes out what others have queued, and one that looks
//! at the timers. Two tasks for all connections, none for each.

use std::{
    collections::HashMap,
    future::poll_fn,
    mem,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use tokio::runtime::{Handle, Id};

use super::{Link, sweeper::Sweeper};

/// The helpers of each runtime that has connections.
static HELPERS: LazyLock<Mutex<HashMap<Id, Weak<Helpers>>>> = LazyLock::new(Mutex::default);

/// What the connections of a runtime share.
#[derive(Debug)]
pub(super) struct Helpers {
    flusher: Mutex<Flusher>,
    sweeper: Sweeper,
}

/// The links that have something to write.
#[derive(Debug, Default)]
pub(super) struct Flusher {
    links: Vec<Arc<Link>>,
    task: Option<Waker>,
    /// The runtime has ended: nothing will be written any more.
    ended: bool,
}

impl Helpers {
    /// The helpers of the runtime that we are in, started when they are first asked for. They end
    /// with the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub(super) fn of_current_runtime() -> Arc<Self> {
        let runtime = Handle::current();
        let id = runtime.id();
        let mut all = lock(&HELPERS);
        if let Some(helpers) = all.get(&id).and_then(Weak::upgrade) {
            return helpers;
        }
        let helpers = Arc::new(Self { flusher: Mutex::default(), sweeper: Sweeper::default() });
        all.insert(id, Arc::downgrade(&helpers));
        // A runtime that is ending drops a new task at once, and its `Registration` wants the lock.
        drop(all);
        runtime.spawn(tokio::task::unconstrained(flush(Arc::clone(&helpers))));
        runtime.spawn(sweep(Registration { id, helpers: Arc::clone(&helpers) }));
        helpers
    }

    /// Has a link written out once the current poll has ended.
    pub(super) fn schedule(&self, link: Arc<Link>) {
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

    /// Has a link's timers looked at until it is gone.
    pub(super) fn watch(&self, link: &Arc<Link>) {
        self.sweeper.watch(link);
    }

    fn poll_flush(&self, cx: &Context<'_>) -> Poll<()> {
        loop {
            let mut flusher = lock(&self.flusher);
            if flusher.links.is_empty() {
                flusher.task = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let links = mem::take(&mut flusher.links);
            drop(flusher);
            for link in links {
                link.write_out();
            }
        }
    }
}

async fn flush(helpers: Arc<Helpers>) {
    poll_fn(|cx| helpers.poll_flush(cx)).await;
}

/// Retires the helpers when their runtime drops its tasks.
struct Registration {
    id: Id,
    helpers: Arc<Helpers>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&HELPERS).remove(&self.id);
        let mut flusher = lock(&self.helpers.flusher);
        flusher.ended = true;
        // Links keep their helpers alive, and must not be kept alive by them in turn.
        let links = mem::take(&mut flusher.links);
        drop(flusher);
        drop(links);
    }
}

async fn sweep(registration: Registration) {
    registration.helpers.sweeper.run().await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
