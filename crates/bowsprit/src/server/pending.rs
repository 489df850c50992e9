//! Limits connections whose opening handshake is not complete.
//!
//! A handshake in progress holds a *permit* from the client's first byte until it is answered. A
//! connection without a permit costs little more than a socket, and the oldest of these are closed
//! when there are too many. So silent connections cannot lock out others. Connections of one
//! address get at most a quarter of the permits; clients with several addresses can hold all of
//! them until the handshake timeout.

use std::{
    collections::{BTreeMap, HashMap},
    future::{Future, poll_fn},
    net::IpAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::{
    guard::{Cut, HandshakeGuard},
    limiter::{network, shrink},
};

/// The default limit of concurrent handshakes.
pub(super) const MAX_HANDSHAKES: usize = 1024;

/// The default limit of connections without a permit.
pub(super) const MAX_SILENT: usize = 16 * 1024;

/// The connections of a server's listeners that are not open yet.
pub(super) struct Pending {
    permits: Semaphore,
    /// The number of permits that one network may hold.
    share: usize,
    networks: Mutex<HashMap<IpAddr, Network>>,
    max_silent: usize,
    silent: Mutex<Silent>,
    has_logged_share: AtomicBool,
    has_logged_wait: AtomicBool,
    has_logged_cut: AtomicBool,
}

/// The handshakes of one network that hold a permit or wait for one.
struct Network {
    members: usize,
    permits: Arc<Semaphore>,
}

/// Connections without a permit, in order of arrival.
#[derive(Default)]
struct Silent {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
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

    /// Returns a permit, if one is available, from the share of a client at this address.
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
                // These semaphores are never closed, so acquiring cannot fail.
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

    /// Counts a connection without a permit, and evicts the oldest if there are too many.
    fn enqueue(&self, waker: Waker) -> u64 {
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

    /// The number of connections that wait without a permit.
    pub(super) fn silent_len(&self) -> usize {
        self.silent().wakers.len()
    }

    /// Closes the connections that have waited longest without a permit, at most so many.
    pub(super) fn evict_oldest(&self, count: usize) {
        for _ in 0..count {
            let oldest = self.silent().wakers.pop_first();
            let Some((_, oldest)) = oldest else { return };
            oldest.wake();
        }
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

    fn silent(&self) -> MutexGuard<'_, Silent> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permit of a handshake in progress, which is released on drop.
pub(super) struct HandshakePermit<'p> {
    // Dropped first, so that a task that waits for the share finds the permit free.
    _permit: Option<SemaphorePermit<'p>>,
    _share: Option<Share<'p>>,
}

struct Share<'p> {
    #[expect(dead_code, reason = "held")]
    permit: OwnedSemaphorePermit,
    #[expect(dead_code, reason = "held, and dropped after the permit")]
    member: Member<'p>,
}

/// A handshake that is counted for its network.
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

/// A connection without a permit. It is counted when it first has to wait.
pub(super) struct Queued<'p> {
    pending: &'p Pending,
    /// Its key among those that are counted.
    id: Option<u64>,
}

impl<'p> Queued<'p> {
    const fn new(pending: &'p Pending) -> Self {
        Self { pending, id: None }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(
        &mut self,
        client: Option<IpAddr>,
        handshake: &HandshakeGuard,
    ) -> Result<HandshakePermit<'p>, Cut> {
        let pending = self.pending;
        match pending.try_acquire(client) {
            Some(permit) => Ok(permit),
            // Boxed: few have to wait.
            None => {
                let acquiring = self.wait_for(pending.acquire(client), || handshake.is_cut());
                Box::pin(acquiring).await
            }
        }
    }

    /// Waits for `future`, unless this connection is evicted by newer ones, or it `is_over`.
    ///
    /// # Errors
    ///
    /// This connection was the oldest of too many, or it is over.
    pub(super) async fn wait_for<F: Future>(
        &mut self,
        future: F,
        is_over: impl Fn() -> bool,
    ) -> Result<F::Output, Cut> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if is_over() => Poll::Ready(Err(Cut::ShuttingDown)),
            Poll::Pending => self.poll_cut(cx).map(Err),
        })
        .await
    }

    /// Waits until the task is woken by something that was polled before.
    pub(super) async fn wait_for_wake(&mut self, handshake: &HandshakeGuard) -> Result<(), Cut> {
        let mut has_waited = false;
        let woken = poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        self.wait_for(woken, || handshake.is_cut_in_silence()).await
    }

    fn poll_cut(&mut self, cx: &Context<'_>) -> Poll<Cut> {
        let Some(id) = self.id else {
            self.id = Some(self.pending.enqueue(cx.waker().clone()));
            return Poll::Pending;
        };
        match self.pending.silent().wakers.get_mut(&id) {
            Some(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(Cut::Evicted),
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let removed = self.pending.silent().wakers.remove(&id);
            drop(removed);
        }
    }
}

/// Whether this is the first time. Later lines are not logged, as they would fill the log during an
/// attack.
fn is_first(has_logged: &AtomicBool) -> bool {
    !has_logged.swap(true, Ordering::Relaxed)
}

#[cfg(test)]
mod tests;
