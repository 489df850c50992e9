//! Connections before their handshake and in it: how many there may be, and who has to wait.
//!
//! A *place* is for a handshake under way: from the client's first byte on, until it is answered. A
//! connection without one costs little, but a socket; the oldest of these go when there are too many.
//! So silent connections keep nobody out, and those of one address get a quarter of the places at
//! most.

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

use bytes::Bytes;
use http::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::gate::{network, shrink};
use crate::{
    Error,
    head::{HeadReader, ReadError, Received},
    io::Transport,
};

/// Handshakes that may be under way at a time, by default.
pub(super) const MAX_HANDSHAKES: usize = 1024;

/// Connections that may be without a place at a time, by default.
pub(super) const MAX_SILENT: usize = 16 * 1024;

/// The connections of a server's listeners that are not open yet.
pub(super) struct Pending {
    places: Semaphore,
    /// Places that one network may have.
    share: usize,
    networks: Mutex<HashMap<IpAddr, Network>>,
    max_silent: usize,
    silent: Mutex<Silent>,
    has_logged_wait: AtomicBool,
    has_logged_cut: AtomicBool,
}

/// Those who have handshakes under way, or wait for that, from one network.
struct Network {
    members: usize,
    places: Arc<Semaphore>,
}

/// Connections without a place, in the order in which they came.
#[derive(Default)]
struct Silent {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Pending {
    pub(super) fn new(max_handshakes: usize, max_silent: usize) -> Self {
        let max_handshakes = max_handshakes.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Semaphore::new(max_handshakes),
            share: (max_handshakes / 4).max(1),
            networks: Mutex::default(),
            max_silent: max_silent.max(1),
            silent: Mutex::default(),
            has_logged_wait: AtomicBool::new(false),
            has_logged_cut: AtomicBool::new(false),
        }
    }

    /// A connection that has no place yet.
    pub(super) const fn unplaced(&self) -> Unplaced<'_> {
        Unplaced { pending: self, id: None }
    }

    /// A place if one is free, that of a client at this address among its share.
    fn try_place(&self, client: Option<IpAddr>) -> Option<Place<'_>> {
        let share = match client.map(|client| self.join(network(client))) {
            Some(member) => {
                let permit = Arc::clone(&member.places).try_acquire_owned().ok()?;
                Some(Share { permit, member })
            }
            None => None,
        };
        Some(Place { _permit: Some(self.places.try_acquire().ok()?), _share: share })
    }

    /// Waits for a place.
    async fn place(&self, client: Option<IpAddr>) -> Place<'_> {
        let share = match client.map(|client| self.join(network(client))) {
            Some(member) => {
                let places = Arc::clone(&member.places);
                if places.available_permits() == 0 {
                    self.log_wait("one address has a quarter of them already");
                }
                // Nobody closes these semaphores, so that there always is a permit in the end.
                places.acquire_owned().await.ok().map(|permit| Share { permit, member })
            }
            None => None,
        };
        if self.places.available_permits() == 0 {
            self.log_wait("all are taken");
        }
        Place { _share: share, _permit: self.places.acquire().await.ok() }
    }

    fn join(&self, network: IpAddr) -> Member<'_> {
        let mut networks = self.networks();
        let fresh = || Network { members: 0, places: Arc::new(Semaphore::new(self.share)) };
        let joined = networks.entry(network).or_insert_with(fresh);
        joined.members += 1;
        Member { pending: self, network, places: Arc::clone(&joined.places) }
    }

    /// Counts a connection without a place, and has the oldest go if there are too many.
    fn enter(&self, waker: Waker) -> u64 {
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

    /// Only the first time: later ones would fill the log while somebody attacks.
    fn log_wait(&self, why: &'static str) {
        if !self.has_logged_wait.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                why,
                "handshakes have to wait for one of ServerBuilder::max_pending_handshakes places"
            );
        }
    }

    fn log_cut(&self) {
        if !self.has_logged_cut.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                max = self.max_silent,
                "the oldest silent connections are cut: there are more than \
                 ServerBuilder::max_silent_connections"
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

/// A handshake under way; the place is free again when this is dropped.
pub(super) struct Place<'p> {
    // Dropped first, so that who waits for the share finds the place free.
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
    places: Arc<Semaphore>,
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

/// How far a connection has come on its way in.
pub(super) enum Admission<'p> {
    /// It is the application's, which knows how many it accepts and may have read these bytes.
    Exempt(Bytes),
    /// It has no place yet, and will have one of this address's share.
    Unplaced(Unplaced<'p>, Option<IpAddr>),
    Placed(#[expect(dead_code, reason = "held until the request is answered")] Place<'p>),
}

impl<'p> Admission<'p> {
    /// Takes a place when the connection's first byte has come.
    #[cfg(any(feature = "proxy-protocol", feature = "tls"))]
    pub(super) async fn admit(
        self,
        first_byte: impl Future<Output = Result<(), Error>>,
    ) -> Result<Self, Error> {
        let Self::Unplaced(mut unplaced, client) = self else { return Ok(self) };
        unplaced.wait_for(first_byte).await??;
        Ok(Self::Placed(unplaced.place(client).await?))
    }

    /// Reads a request, in a place from its first byte on, and holds the place.
    ///
    /// The place is taken before it is known whether there are bytes, and given back if there are
    /// none: looking for them would be one more system call for each connection.
    pub(super) async fn read(
        &mut self,
        reader: &mut HeadReader,
        io: &mut Transport,
    ) -> Result<Received<Request<()>>, ReadError> {
        while let Self::Unplaced(unplaced, client) = self {
            let place = unplaced.place(*client).await.map_err(|Cut| ReadError::Cut)?;
            if let Some(read) = reader.begin(io).await {
                *self = Self::Placed(place);
                return read;
            }
            drop(place);
            unplaced.wait_for_wake().await.map_err(|Cut| ReadError::Cut)?;
        }
        let received = if let Self::Exempt(received) = self { &received[..] } else { &[] };
        reader.read(io, received).await
    }
}

/// A connection without a place had to make room for others.
#[derive(Debug)]
struct Cut;

impl From<Cut> for Error {
    fn from(_: Cut) -> Self {
        Self::Terminated
    }
}

/// A connection without a place. It is counted when it first has to wait.
pub(super) struct Unplaced<'p> {
    pending: &'p Pending,
    id: Option<u64>,
}

impl<'p> Unplaced<'p> {
    /// Waits for a place.
    async fn place(&mut self, client: Option<IpAddr>) -> Result<Place<'p>, Cut> {
        let pending = self.pending;
        match pending.try_place(client) {
            Some(place) => Ok(place),
            // Boxed: few have to wait.
            None => Box::pin(self.wait_for(pending.place(client))).await,
        }
    }

    /// Waits for `future`, unless too many others wait that have come later.
    ///
    /// # Errors
    ///
    /// This is the oldest of too many.
    async fn wait_for<F: Future>(&mut self, future: F) -> Result<F::Output, Cut> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll_cut(cx).map(Err),
        })
        .await
    }

    /// Waits until the task is woken, by whatever has been polled before.
    async fn wait_for_wake(&mut self) -> Result<(), Cut> {
        let mut has_waited = false;
        let woken = poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        self.wait_for(woken).await
    }

    fn poll_cut(&mut self, cx: &Context<'_>) -> Poll<Cut> {
        let Some(id) = self.id else {
            self.id = Some(self.pending.enter(cx.waker().clone()));
            return Poll::Pending;
        };
        match self.pending.silent().wakers.get_mut(&id) {
            Some(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(Cut),
        }
    }
}

impl Drop for Unplaced<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let removed = self.pending.silent().wakers.remove(&id);
            drop(removed);
        }
    }
}

/// The connections without a place that the system's limit on descriptors leaves room for: half of
/// them are for others.
pub(super) fn max_silent() -> usize {
    #[cfg(unix)]
    if let Some(max) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        return usize::try_from(max / 2).unwrap_or(MAX_SILENT).min(MAX_SILENT);
    }
    MAX_SILENT
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    fn addr(addr: &str) -> Option<IpAddr> {
        Some(addr.parse().unwrap())
    }

    /// What is ready at once.
    async fn at_once<F: Future>(future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn an_address_gets_a_quarter_of_the_places() {
        let pending = Pending::new(8, 100);
        let one = pending.place(addr("192.0.2.1")).await;
        let _two = pending.place(addr("::ffff:192.0.2.1")).await;
        assert!(at_once(pending.place(addr("192.0.2.1"))).await.is_none());
        let _other = at_once(pending.place(addr("192.0.2.2"))).await.unwrap();
        let _exempt = [pending.place(None).await, pending.place(None).await];
        let _exempt = [pending.place(None).await, pending.place(None).await];
        let waiting = pending.place(addr("192.0.2.1"));
        let mut waiting = pin!(waiting);
        assert!(at_once(waiting.as_mut()).await.is_none());
        drop(one);
        assert!(at_once(waiting).await.is_some());
    }

    #[tokio::test]
    async fn all_places_are_limited_and_nothing_is_left_of_who_gave_up() {
        let pending = Pending::new(4, 100);
        let mut places = Vec::new();
        for last in 1..=4 {
            places
                .push(at_once(pending.place(addr(&format!("2001:db8:{last}::1")))).await.unwrap());
        }
        assert!(at_once(pending.place(addr("2001:db8:9::1"))).await.is_none());
        assert!(at_once(pending.place(None)).await.is_none());
        drop(places);
        assert_eq!(pending.networks().len(), 0);
        assert!(at_once(pending.place(None)).await.is_some());
    }

    #[tokio::test]
    async fn the_oldest_of_too_many_silent_connections_goes() {
        let pending: &Pending = Box::leak(Box::new(Pending::new(1, 2)));
        let silent = || tokio::spawn(async { pending.unplaced().wait_for_wake_never().await });
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(silent());
            yield_now().await;
        }
        assert!(matches!(waiting.remove(0).await.unwrap(), Err(Cut)));
        yield_now().await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
        // Who is gone is not counted.
        waiting.remove(0).abort();
        yield_now().await;
        waiting.push(silent());
        yield_now().await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
    }

    impl Unplaced<'_> {
        async fn wait_for_wake_never(mut self) -> Result<(), Cut> {
            self.wait_for(std::future::pending()).await
        }
    }
}
