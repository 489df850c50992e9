//! The open connections of a server.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    vec,
};

use slab::Slab;
use tokio::sync::Notify;

use super::{
    callback,
    limiter::ConnectionPermit,
    phase::{Phase, Phases, wait_until},
};
use crate::{
    CloseCode, Handle, Role,
    conn::{Link, List, Membership},
    stats::Counters,
};

/// How many lists the connections of a path are spread over, which reduces lock contention.
const SHARDS: usize = 8;

/// Called when a connection opens or ends.
pub(super) type Hook = Box<dyn Fn(&Handle) + Send + Sync>;

/// State shared by all connections of a server, on whichever path.
pub(super) struct Registry {
    pub(super) on_connect: Option<Hook>,
    pub(super) on_disconnect: Option<Hook>,
    pub(super) counters: Arc<Counters>,
    count: AtomicUsize,
    departed: AtomicUsize,
    /// Opening handshakes that began before the shutdown.
    handshakes: AtomicUsize,
    pub(super) phases: Phases,
    /// Notified when the last connection or the last handshake has ended.
    pub(super) left: Notify,
    /// Notified of each.
    freed: Notify,
}

/// The open connections of one path.
pub(crate) struct Members {
    shared: Arc<Shared>,
    /// The same, as the connections know it.
    list: Arc<Box<dyn List>>,
}

struct Shared {
    registry: Arc<Registry>,
    shards: [Mutex<Slab<Member>>; SHARDS],
}

struct Member {
    link: Weak<Link>,
    /// That of the limiter, where the number of connections is limited.
    permit: Option<ConnectionPermit>,
}

impl Registry {
    pub(super) fn new(on_connect: Option<Hook>, on_disconnect: Option<Hook>) -> Self {
        Self {
            on_connect,
            on_disconnect,
            counters: Arc::new(Counters::new(Role::Server)),
            count: AtomicUsize::new(0),
            departed: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            phases: Phases::default(),
            left: Notify::new(),
            freed: Notify::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// The number of handshakes that a shutdown waits for.
    pub(super) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::SeqCst)
    }

    /// Records that a handshake begins and returns the current phase. A shutdown waits for the
    /// handshake if that is the first phase.
    pub(super) fn begin_handshake(&self) -> Phase {
        // Counted before the phase is read, so that the thread that changes the phase sees it.
        self.handshakes.fetch_add(1, Ordering::SeqCst);
        let phase = self.phases.now();
        if phase > Phase::Open {
            self.end_handshake(Phase::Open);
        }
        phase
    }

    /// Records the end of a handshake that began in this phase.
    pub(super) fn end_handshake(&self, begun_in: Phase) {
        if begun_in > Phase::Open {
            return;
        }
        if self.handshakes.fetch_sub(1, Ordering::SeqCst) == 1 && self.phases.now() > Phase::Open {
            self.left.notify_waiters();
        }
        self.freed.notify_waiters();
    }

    /// Waits until connections or handshakes have ended so that there `is_room`.
    pub(super) async fn room(&self, is_room: impl Fn() -> bool) {
        wait_until(&self.freed, is_room).await;
    }

    /// The number of connections that have ended so far.
    pub(super) fn departed(&self) -> usize {
        self.departed.load(Ordering::SeqCst)
    }
}

impl Members {
    pub(super) fn new(registry: Arc<Registry>) -> Arc<Self> {
        let shared = Arc::new(Shared { registry, shards: Default::default() });
        Arc::new(Self { list: Arc::new(Box::new(Arc::clone(&shared))), shared })
    }

    /// Lists a connection, and holds its permit, until it ends.
    ///
    /// The hook runs first, so that no connection leaves before it has joined.
    pub(super) fn join(&self, link: &Arc<Link>, permit: Option<ConnectionPermit>) {
        let registry = &self.shared.registry;
        run_hook(registry.on_connect.as_ref(), link);
        registry.count.fetch_add(1, Ordering::SeqCst);
        let key = self.shared.insert(link.id(), Member { link: Arc::downgrade(link), permit });
        link.join(Membership::new(Arc::clone(&self.list), key));
        if registry.phases.now() > Phase::Open {
            // Its handshake was accepted before.
            let _closing = link.close(&CloseCode::GOING_AWAY.into());
        }
    }

    fn handles_in(&self, shard: usize) -> Vec<Handle> {
        let members = self.shared.lock(shard);
        let mut handles = Vec::with_capacity(members.len());
        handles.extend(
            members.iter().filter_map(|(_, member)| Some(Handle::new(member.link.upgrade()?))),
        );
        handles
    }
}

impl Shared {
    /// Lists a connection and returns its key.
    fn insert(&self, id: u64, member: Member) -> u32 {
        let shard = usize::try_from(id).unwrap_or_default() % SHARDS;
        let index = self.lock(shard).insert(member);
        u32::try_from(index * SHARDS + shard)
            .unwrap_or_else(|_| unreachable!("so many do not fit into memory"))
    }

    fn remove(&self, key: u32) -> Member {
        let key = usize::try_from(key).unwrap_or_default();
        let mut members = self.lock(key % SHARDS);
        let member = members.remove(key / SHARDS);
        if members.is_empty() {
            // Free memory that a burst of connections needed.
            *members = Slab::new();
        }
        member
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Slab<Member>> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List for Arc<Shared> {
    fn leave(&self, key: u32) {
        let Member { link, permit } = self.remove(key);
        // Released before the callback and the waiters run, so that they can open another
        // connection.
        drop(permit);
        if let Some(link) = link.upgrade() {
            run_hook(self.registry.on_disconnect.as_ref(), &link);
            link.on_told();
        }
        self.registry.departed.fetch_add(1, Ordering::SeqCst);
        if self.registry.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.registry.left.notify_waiters();
        }
        self.registry.freed.notify_waiters();
    }
}

fn run_hook(hook: Option<&Hook>, link: &Arc<Link>) {
    let Some(hook) = hook else { return };
    let handle = Handle::new(Arc::clone(link));
    let _told = callback::run(|| hook(&handle));
}

/// An iterator over the handles of a server's open connections; see
/// [`Server::clients`](crate::Server::clients).
///
/// ```
/// use std::collections::BTreeMap;
/// use bowsprit::Server;
///
/// /// How many clients there are on each path.
/// fn by_path(server: &Server) -> BTreeMap<String, usize> {
///     let mut counts = BTreeMap::new();
///     for client in server.clients() {
///         *counts.entry(client.path().to_owned()).or_default() += 1;
///     }
///     counts
/// }
///
/// assert!(by_path(&Server::builder().build()).is_empty());
/// ```
pub struct Clients {
    members: vec::IntoIter<Arc<Members>>,
    current: Option<(Arc<Members>, usize)>,
    handles: vec::IntoIter<Handle>,
}

impl Clients {
    pub(super) fn new(members: Vec<Arc<Members>>) -> Self {
        Self { members: members.into_iter(), current: None, handles: Vec::new().into_iter() }
    }

    /// The handles of the next list; `None` after the last.
    fn refill(&mut self) -> Option<vec::IntoIter<Handle>> {
        let (members, shard) = match self.current.take() {
            Some((members, shard)) if shard + 1 < SHARDS => (members, shard + 1),
            _ => (self.members.next()?, 0),
        };
        let handles = members.handles_in(shard);
        self.current = Some((members, shard));
        Some(handles.into_iter())
    }
}

impl Iterator for Clients {
    type Item = Handle;

    fn next(&mut self) -> Option<Handle> {
        loop {
            if let Some(handle) = self.handles.next() {
                return Some(handle);
            }
            self.handles = self.refill()?;
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}
