//! One topic: its members, what they have joined, and the order of its publications.

use std::{
    any::Any,
    borrow::Borrow,
    cell::Cell,
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hash, Hasher},
    mem,
    num::NonZeroU64,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::topics::Shared;
use crate::{
    Handle,
    conn::{Keep, Kept, Link},
};

/// The number of the next topic. 0 stands for none.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Smaller tables are not worth shrinking.
const MIN_SHRUNK_LEN: usize = 64;

thread_local! {
    /// This thread is offering a publication to the members of a topic.
    static IS_PUBLISHING: Cell<bool> = const { Cell::new(false) };
}

pub(super) struct Topic {
    pub(super) name: Box<str>,
    pub(super) number: u64,
    topics: Weak<Shared>,
    // Under a link's lock this may be taken, but not the other way round.
    members: Mutex<Members>,
    /// Held while a publication is offered to the members, so that all get it in one order.
    offering: Mutex<()>,
    /// Held by a publication that waits for members without room, so that none gets in before it.
    /// In the order of coming.
    waiting: OnceLock<Box<tokio::sync::Mutex<()>>>,
}

/// Most topics have many members or one.
enum Members {
    None,
    One(u64, Weak<Link>),
    #[expect(clippy::box_collection, reason = "a topic with one member has no room for a table")]
    Many(Box<HashMap<u64, Weak<Link>, NumberHash>>),
    /// The topic is no longer among the others: whoever joins needs a new one.
    Abandoned,
}

/// What has come of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joining {
    Joined,
    /// It had joined before.
    Already,
    /// The topic has been abandoned meanwhile.
    Abandoned,
}

/// The topics that a connection has joined. It leaves them when it is over, and forgets which they
/// were when all have been told.
pub(super) struct Memberships {
    /// Until it is over.
    member: Option<NonZeroU64>,
    topics: HashSet<ByNumber, NumberHash>,
}

/// Topics that the others forget when this is dropped, unless somebody has joined meanwhile.
struct Deserted(Vec<Arc<Topic>>);

type NumberHash = BuildHasherDefault<NumberHasher>;

/// Hashes numbers that we have given ourselves, one after the other: nobody chooses them, so that
/// this takes no more than spreading them over all bits.
#[derive(Default)]
struct NumberHasher(u64);

/// A topic, found by its number.
struct ByNumber(Arc<Topic>);

impl Topic {
    pub(super) fn new(name: &str, topics: Weak<Shared>) -> Self {
        Self {
            name: name.into(),
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            topics,
            members: Mutex::new(Members::None),
            offering: Mutex::default(),
            waiting: OnceLock::new(),
        }
    }

    /// The members of this moment.
    pub(super) fn handles(&self) -> Vec<Handle> {
        let handle = |link: &Weak<Link>| link.upgrade().map(Handle::new);
        match &*self.members() {
            Members::None | Members::Abandoned => Vec::new(),
            Members::One(_, link) => handle(link).into_iter().collect(),
            Members::Many(links) => {
                let mut handles = Vec::with_capacity(links.len());
                handles.extend(links.values().filter_map(handle));
                handles
            }
        }
    }

    /// Gives the topic up if nobody is in it. Whether it is to be forgotten.
    pub(super) fn abandon(&self) -> bool {
        let mut members = self.members();
        let is_deserted = members.is_empty();
        if is_deserted {
            *members = Members::Abandoned;
        }
        is_deserted
    }

    /// Has the others forget the topic if nobody is in it.
    pub(super) fn abandon_if_deserted(&self) {
        if self.members().is_empty()
            && let Some(topics) = self.topics.upgrade()
        {
            topics.forget(self);
        }
    }

    /// Runs what offers a publication to the members, one after the other.
    ///
    /// What an offer runs on the way, such as a subscriber of `tracing`, may publish something
    /// itself. That cannot wait for the publication that it is a part of, so it goes out in the
    /// midst of it.
    pub(super) fn in_order<T>(&self, offer: impl FnOnce() -> T) -> T {
        if IS_PUBLISHING.replace(true) {
            return offer();
        }
        let _publishing = Publishing;
        let _order = self.offering.lock().unwrap_or_else(PoisonError::into_inner);
        offer()
    }

    /// Waits for publications that wait for members without room.
    pub(super) async fn wait_for_others(&self) -> impl Drop + Send + use<'_> {
        self.waiting.get_or_init(Box::default).lock().await
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when the thread does not publish any longer.
struct Publishing;

impl Drop for Publishing {
    fn drop(&mut self) {
        IS_PUBLISHING.set(false);
    }
}

impl Members {
    fn insert(&mut self, link: &Arc<Link>) -> Joining {
        let (id, weak) = (link.id(), Arc::downgrade(link));
        match self {
            Self::Abandoned => return Joining::Abandoned,
            Self::One(member, _) if *member == id => return Joining::Already,
            Self::None => *self = Self::One(id, weak),
            Self::One(..) => {
                let Self::One(other_id, other) = mem::replace(self, Self::None) else {
                    unreachable!("it has just been looked at")
                };
                *self = Self::Many(Box::new(HashMap::from_iter([(other_id, other), (id, weak)])));
            }
            Self::Many(links) => {
                if links.insert(id, weak).is_some() {
                    return Joining::Already;
                }
            }
        }
        Joining::Joined
    }

    /// Whether nobody is left.
    fn remove(&mut self, id: u64) -> bool {
        match self {
            Self::One(member, _) if *member == id => *self = Self::None,
            Self::Many(links) => {
                links.remove(&id);
                if links.is_empty() {
                    *self = Self::None;
                } else if is_sparse(links.len(), links.capacity()) {
                    links.shrink_to_fit();
                }
            }
            Self::None | Self::One(..) | Self::Abandoned => {}
        }
        self.is_empty()
    }

    const fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Memberships {
    fn new(member: u64) -> Self {
        Self { member: NonZeroU64::new(member), topics: HashSet::default() }
    }

    /// Changes those of a connection; `None` if it has ended, or is about to.
    #[inline]
    pub(super) fn change<T>(link: &Arc<Link>, change: impl FnOnce(&mut Self) -> T) -> Option<T> {
        link.change_kept(|kept| {
            let kept = kept.get_or_insert_with(|| Box::new(Self::new(link.id())));
            change(Self::from_kept(kept))
        })
    }

    /// Looks at those of a connection, until all have been told of its end; `None` if there are
    /// none.
    #[inline]
    pub(super) fn look<T>(link: &Arc<Link>, look: impl FnOnce(&mut Self) -> T) -> Option<T> {
        link.with_kept(|kept| look(Self::from_kept(kept)))
    }

    fn from_kept(kept: &mut Kept) -> &mut Self {
        let kept: &mut dyn Any = &mut **kept;
        match kept.downcast_mut() {
            Some(memberships) => memberships,
            None => unreachable!("only topics have a connection keep something"),
        }
    }

    /// Those among `topics`.
    pub(super) fn among(&self, topics: &Arc<Shared>) -> Vec<Arc<Topic>> {
        let joined = self.topics.iter().map(|ByNumber(topic)| topic);
        joined.filter(|topic| topic.topics.as_ptr() == Arc::as_ptr(topics)).cloned().collect()
    }

    #[inline]
    pub(super) fn join(&mut self, topic: &Arc<Topic>, link: &Arc<Link>) -> Joining {
        let joining = topic.members().insert(link);
        if joining == Joining::Joined {
            self.topics.insert(ByNumber(Arc::clone(topic)));
        }
        joining
    }

    /// Whether the topic is deserted now; `None` if the connection was not in it, or is over.
    #[inline]
    pub(super) fn leave(&mut self, topic: &Topic) -> Option<bool> {
        let member = self.member?;
        self.topics.take(&topic.number)?;
        if is_sparse(self.topics.len(), self.topics.capacity()) {
            self.topics.shrink_to_fit();
        }
        Some(topic.members().remove(member.get()))
    }
}

impl Keep for Memberships {
    fn on_over(&mut self) -> Option<Box<dyn Send>> {
        let member = self.member.take()?.get();
        let topics = self.topics.iter().map(|ByNumber(topic)| topic);
        let deserted = topics.filter(|topic| topic.members().remove(member));
        let deserted = Deserted(deserted.cloned().collect());
        (!deserted.0.is_empty()).then(|| Box::new(deserted) as _)
    }
}

/// A link that nobody uses any longer was not over for those who have dropped it.
impl Drop for Memberships {
    fn drop(&mut self) {
        let _deserted = self.on_over();
    }
}

impl Drop for Deserted {
    fn drop(&mut self) {
        self.0.iter().for_each(|topic| topic.abandon_if_deserted());
    }
}

impl Borrow<u64> for ByNumber {
    fn borrow(&self) -> &u64 {
        &self.0.number
    }
}

impl PartialEq for ByNumber {
    fn eq(&self, other: &Self) -> bool {
        self.0.number == other.0.number
    }
}

impl Eq for ByNumber {}

impl Hash for ByNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.number.hash(state);
    }
}

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio.
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(self.0 ^ u64::from(byte)));
    }
}

/// Whether a table has so much room to spare that it is to be made smaller. Rarely, so that
/// removing takes constant time all the same.
const fn is_sparse(len: usize, capacity: usize) -> bool {
    capacity > MIN_SHRUNK_LEN && len < capacity / 8
}
