//! The task that looks at the timers of all connections a few times a second, so that none needs a
//! timer of its own.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{conn::Link, pool};

/// A compression context that was not used for once to twice this long is dropped.
const CONTEXT_IDLE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct TimerTask {
    watched: Mutex<TimerList>,
    /// A connection was added to none, or one with a shorter timer to others.
    changed: Notify,
}

#[derive(Debug)]
struct TimerList {
    links: Vec<Weak<Link>>,
    /// The shortest that a connection asks for.
    tick: Duration,
    /// The runtime has dropped the task.
    ended: bool,
}

impl Default for TimerList {
    fn default() -> Self {
        Self { links: Vec::new(), tick: Duration::MAX, ended: false }
    }
}

impl TimerTask {
    /// Looks at a link's timers from now on, unless the runtime has ended.
    pub(super) fn watch(&self, link: &Arc<Link>) -> bool {
        let tick = link.config().timers().tick_interval();
        let mut watched = self.lock();
        if watched.ended {
            return false;
        }
        let wake = watched.links.is_empty() || tick < watched.tick;
        watched.tick = watched.tick.min(tick);
        watched.links.push(Arc::downgrade(link));
        drop(watched);
        if wake {
            self.changed.notify_one();
        }
        true
    }

    /// Watches nothing any longer; returns the connections that there still are.
    pub(super) fn end(&self) -> impl Iterator<Item = Arc<Link>> {
        let mut watched = self.lock();
        watched.ended = true;
        let links = mem::take(&mut watched.links);
        links.into_iter().filter_map(|link| link.upgrade())
    }

    /// Sweeps for ever; sleeps for good while there are no connections.
    pub(super) async fn run(&self) {
        let start = Instant::now();
        let mut contexts_seen = Duration::ZERO;
        loop {
            match self.tick() {
                None => self.changed.notified().await,
                Some(tick) => {
                    // Waking early for a shorter tick is no harm: timers measure the time that has
                    // really passed.
                    let _shorter = tokio::time::timeout(tick, self.changed.notified()).await;
                    let now = start.elapsed();
                    let contexts = now >= contexts_seen + CONTEXT_IDLE;
                    if contexts {
                        contexts_seen = now;
                    }
                    self.sweep(now, contexts);
                }
            }
        }
    }

    /// Time until the next sweep, or `None` if there is nothing to sweep.
    fn tick(&self) -> Option<Duration> {
        // Twice, when the last connections are gone: what was needed until now, is not any more.
        pool::trim_large_blocks();
        let mut watched = self.lock();
        if watched.links.is_empty() {
            pool::trim_large_blocks();
            *watched = TimerList::default();
            return None;
        }
        Some(watched.tick)
    }

    /// Looks at the timers of all connections, and from time to time at their compression contexts.
    fn sweep(&self, now: Duration, contexts: bool) {
        let links = mem::take(&mut self.lock().links);
        let mut alive: Vec<Weak<Link>> = Vec::with_capacity(links.len());
        for weak in links {
            let Some(link) = weak.upgrade() else { continue };
            if link.has_ended() {
                link.release();
            } else {
                if contexts {
                    link.drop_idle_compressor();
                }
                link.sweep(now);
                alive.push(weak);
            }
        }
        let mut watched = self.lock();
        alive.append(&mut watched.links);
        watched.links = alive;
    }

    fn lock(&self) -> MutexGuard<'_, TimerList> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
