//! The threads of a runtime that compress long messages.
//!
//! Compressing a megabyte takes milliseconds, in which a runtime's thread could have served a
//! thousand others. So a thread of the runtime's blocking pool does it. The queue says what is to
//! be compressed, and has what is sent after it wait.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bowsprit_proto::{DetachedCompressor, EncodedMessage, queue::Job};
use tokio::runtime::Handle;

use crate::{PreparedMessage, conn::Link, error::EndReason, prepared, stats::Policy};

/// Who has something to compress, and how many threads are at it.
#[derive(Debug)]
pub(super) struct Workers {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Until it ends.
    runtime: Option<Handle>,
    links: VecDeque<Arc<Link>>,
    running: usize,
}

/// One thread's work.
struct Worker {
    workers: Arc<Workers>,
    current: Option<Arc<Link>>,
    done: bool,
}

impl Workers {
    pub(super) fn new(runtime: Handle) -> Arc<Self> {
        let queue = Queue { runtime: Some(runtime), ..Queue::default() };
        Arc::new(Self { queue: Mutex::new(queue) })
    }

    /// Has a link's messages compressed, by one of at most `max` threads.
    pub(super) fn add(self: &Arc<Self>, link: Arc<Link>, max: usize) {
        let mut queue = self.lock();
        queue.links.push_back(link);
        if queue.running >= max.max(1) {
            return;
        }
        queue.running += 1;
        let runtime = queue.runtime.clone();
        drop(queue);
        let worker = Worker { workers: Arc::clone(self), current: None, done: false };
        if let Some(runtime) = runtime {
            drop(runtime.spawn_blocking(|| worker.run()));
        }
    }

    /// The runtime, until it ends.
    pub(super) fn runtime(&self) -> Option<Handle> {
        self.lock().runtime.clone()
    }

    /// The runtime has ended.
    pub(super) fn leave_runtime(&self) {
        let runtime = self.lock().runtime.take();
        drop(runtime);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Compresses one message of each link in turn.
    fn run(mut self) {
        while let Some(link) = self.next() {
            self.current = Some(Arc::clone(&link));
            if link.compress_first() {
                self.workers.lock().links.push_back(link);
            }
            self.current = None;
        }
    }

    fn next(&mut self) -> Option<Arc<Link>> {
        let mut queue = self.workers.lock();
        let link = queue.links.pop_front();
        if link.is_none() {
            queue.running -= 1;
            self.done = true;
        }
        link
    }
}

impl Link {
    /// Compresses the message that others wait for, and sends it with those behind it that need no
    /// such work. Whether there is another that does.
    fn compress_first(self: &Arc<Self>) -> bool {
        let job = self.lock().queue.begin_job();
        let (encoded, context) = job.map(compress).unzip();
        let mut out = self.lock();
        let compressed = encoded.as_ref().map(|encoded| (encoded, context.flatten()));
        let more = out.queue.end_job(compressed, &self.resources());
        out.collect(Policy::Closed);
        if !more {
            out.wake_for_progress(self.config());
        }
        self.request_flush(&mut out);
        more
    }
}

/// Does the work, and gives the connection's context back.
fn compress(job: Job<PreparedMessage>) -> (EncodedMessage, Option<DetachedCompressor>) {
    match job {
        Job::Alone(message, config) => (prepared::compress(&message, config), None),
        Job::Shared(prepared, config) => (prepared.compressed(config), None),
        Job::Own(message, mut context) => (context.message(&message), Some(context)),
    }
}

impl Drop for Worker {
    /// Ends the connections whose messages nobody will compress: the runtime has ended and has
    /// dropped this, or there was a panic.
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut queue = self.workers.lock();
        queue.running -= 1;
        let links = mem::take(&mut queue.links);
        drop(queue);
        for link in self.current.take().into_iter().chain(links) {
            link.fail(EndReason::Terminated);
        }
    }
}
