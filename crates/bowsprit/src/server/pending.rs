//! How many connections may be on their way in, and who has to wait.
//!
//! A handshake under way has a *permit*: from the client's first byte on, until it is answered. A
//! connection without one costs little but a socket, and the oldest of these are closed when there
//! are too many. So silent connections keep nobody out. Those of one address get a quarter of the
//! permits at most; clients with several addresses can have all of them, until the handshake
//! time-out.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::{
    admission::Queued,
    limiter::{network, shrink},
};

/// Handshakes that may be under way at a time, by default.
pub(super) const MAX_HANDSHAKES: usize = 1024;

/// Connections that may be without a permit at a time, by default.
pub(super) const MAX_SILENT: usize = 16 * 1024;

/// The connections of a server's listeners that are not open yet.
pub(super) struct Pending {
    permits: Semaphore,
    /// Permits that one network may have.
    share: usize,
    networks: Mutex<HashMap<IpAddr, Network>>,
    max_silent: usize,
    silent: Mutex<Silent>,
    has_logged_share: AtomicBool,
    has_logged_wait: AtomicBool,
    has_logged_cut: AtomicBool,
}

/// Those who have handshakes under way, or wait for that, from one network.
struct Network {
    members: usize,
    permits: Arc<Semaphore>,
}

/// Connections without a permit, in the order in which they came.
#[derive(Default)]
pub(super) struct Silent {
    next: u64,
    pub(super) wakers: BTreeMap<u64, Waker>,
}

impl Pending {
    pub(super) fn new(max_handshakes: usize, max_silent: usize) -> Self {
        let max_handshakes = max_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Semaphore::new(max_handshakes),
            share: (max_handshakes / 4).max(1),
            networks: Mutex::default(),
            max_silent: max_silent.max(1),
            silent: Mutex::default(),
            has_logged_share: AtomicBool::new(false),
            has_logged_wait: AtomicBool::new(false),
            has_logged_cut: AtomicBool::new(false),
        }
    }

    /// A connection that has no permit yet.
    pub(super) const fn queued(&self) -> Queued<'_> {
        Queued::new(self)
    }

    /// A permit if there is one, of the share of a client at this address.
    pub(super) fn try_acquire(&self, client: Option<IpAddr>) -> Option<HandshakePermit<'_>> {
        let share = match client.map(|client| self.join(network(client))) {
            Some(member) => {
                let permit = Arc::clone(&member.permits).try_acquire_owned().ok()?;
                Some(Share { permit, member })
            }
            None => None,
        };
        Some(HandshakePermit { _permit: Some(self.permits.try_acquire().ok()?), _share: share })
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self, client: Option<IpAddr>) -> HandshakePermit<'_> {
        let share = match client.map(|client| self.join(network(client))) {
            Some(member) => {
                let permits = Arc::clone(&member.permits);
                if permits.available_permits() == 0 {
                    self.log_share();
                }
                // Nobody closes these semaphores, so that there always is a permit in the end.
                permits.acquire_owned().await.ok().map(|permit| Share { permit, member })
            }
            None => None,
        };
        if self.permits.available_permits() == 0 {
            self.log_wait();
        }
        HandshakePermit { _share: share, _permit: self.permits.acquire().await.ok() }
    }

    fn join(&self, network: IpAddr) -> Member<'_> {
        let mut networks = self.networks();
        let fresh = || Network { members: 0, permits: Arc::new(Semaphore::new(self.share)) };
        let joined = networks.entry(network).or_insert_with(fresh);
        joined.members += 1;
        Member { pending: self, network, permits: Arc::clone(&joined.permits) }
    }

    /// Counts a connection without a permit, and has the oldest go if there are too many.
    pub(super) fn enter(&self, waker: Waker) -> u64 {
        let mut silent = self.silent();
        let id = silent.next;
        silent.next += 1;
        silent.wakers.insert(id, waker);
        let is_full = silent.wakers.len() > self.max_silent;
        let oldest = if is_full { silent.wakers.pop_first() } else { None };
        drop(silent);
        if let Some((_, oldest)) = oldest {
            self.log_cut();
            oldest.wake();
        }
        id
    }

    fn log_share(&self) {
        if is_first(&self.has_logged_share) {
            tracing::warn!(
                "handshakes are queued: one address has reached its quarter of \
                 ServerBuilder::max_pending_handshakes"
            );
        }
    }

    fn log_wait(&self) {
        if is_first(&self.has_logged_wait) {
            tracing::warn!(
                "handshakes are queued: ServerBuilder::max_pending_handshakes is reached"
            );
        }
    }

    fn log_cut(&self) {
        if is_first(&self.has_logged_cut) {
            tracing::warn!(
                max = self.max_silent,
                "closing the oldest silent connections: \
                 ServerBuilder::max_silent_connections is reached"
            );
        }
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, Network>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn silent(&self) -> MutexGuard<'_, Silent> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handshake under way; others may have its permit when this is dropped.
pub(super) struct HandshakePermit<'p> {
    // Dropped first, so that who waits for the share finds the permit free.
    _permit: Option<SemaphorePermit<'p>>,
    _share: Option<Share<'p>>,
}

struct Share<'p> {
    #[expect(dead_code, reason = "held")]
    permit: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held, and dropped after the permit")]
    member: Member<'p>,
}

/// One of those who are counted for a network.
struct Member<'p> {
    pending: &'p Pending,
    network: IpAddr,
    permits: Arc<Semaphore>,
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        let mut networks = self.pending.networks();
        match networks.get_mut(&self.network) {
            Some(network) if network.members > 1 => network.members -= 1,
            _ => drop(networks.remove(&self.network)),
        }
        shrink(&mut networks);
    }
}

/// What is logged only once: later lines would fill the log while somebody attacks.
fn is_first(has_logged: &AtomicBool) -> bool {
    !has_logged.swap(true, Ordering::Relaxed)
}

/// The connections without a permit that the system's limit on descriptors leaves room for: half of
/// them are for others.
pub(super) fn max_silent() -> usize {
    #[cfg(unix)]
    if let Some(max) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        return usize::try_from(max / 2).unwrap_or(MAX_SILENT).min(MAX_SILENT);
    }
    MAX_SILENT
}

#[cfg(test)]
mod tests;
