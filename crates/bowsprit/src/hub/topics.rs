//! Topics: connections that want to hear of the same thing.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Offer, Publication, SlowConsumer};
use crate::{Handle, Prepared, link::Link};

/// The number of the next topic. 0 stands for none.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Topics that connections of this process join and leave, and that messages are published to.
///
/// A connection leaves by itself when it ends; a topic is there while somebody has joined it.
/// Cloning is cheap; all clones have the same topics.
///
/// How many topics a connection joins is the application's to limit: each costs some 100 bytes.
///
/// ```no_run
/// # async fn example(ws: bowsprit::WebSocket) {
/// use bowsprit::{SlowConsumer, Topics};
///
/// let topics = Topics::new().slow_consumers(SlowConsumer::DropOldest);
/// topics.join("weather/hamburg", &ws.handle());
/// let delivery = topics.publish("weather/hamburg", "rain").await;
/// println!("{} know, {} messages were left out", delivery.queued, delivery.dropped);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Topics {
    shared: Arc<Shared>,
    slow: SlowConsumer,
}

#[derive(Default)]
struct Shared {
    topics: RwLock<HashMap<Arc<str>, Topic>>,
}

struct Topic {
    number: u64,
    members: Mutex<HashMap<u64, Weak<Link>>>,
}

/// A connection's part in a topic, which it leaves when this is dropped.
pub(crate) struct TopicMembership {
    topics: Weak<Shared>,
    name: Arc<str>,
    id: u64,
}

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do where a member has no room for a publication, unless
    /// [that](Publication::slow_consumers) says something else. Default: close it with 1013.
    #[must_use]
    pub const fn slow_consumers(mut self, slow: SlowConsumer) -> Self {
        self.slow = slow;
        self
    }

    /// Has a connection hear of a topic, until it leaves it or ends. `false` if it has joined
    /// before, or has ended already.
    pub fn join(&self, topic: &str, member: &Handle) -> bool {
        let link = member.link();
        let Some(name) = self.shared.insert(topic, link) else { return false };
        let membership =
            TopicMembership { topics: Arc::downgrade(&self.shared), name, id: member.id() };
        link.join_topic(membership)
    }

    /// Has a connection hear no more of a topic. `false` if it has not joined it.
    pub fn leave(&self, topic: &str, member: &Handle) -> bool {
        let shared = Arc::as_ptr(&self.shared);
        let left = member.link().leave_topic(|membership| {
            *membership.name == *topic && membership.topics.as_ptr() == shared
        });
        left.is_some()
    }

    /// Publishes a message to the members of a topic at this moment.
    pub fn publish(&self, topic: &str, message: impl Into<Prepared>) -> Publication {
        let (number, members) = self.shared.members(topic).unwrap_or_default();
        let offer = Offer::new(message.into(), number, self.slow);
        Publication::new(offer, members.into_iter())
    }

    /// The members of a topic, in no order.
    pub fn members(&self, topic: &str) -> impl Iterator<Item = Handle> + use<> {
        let (_, members) = self.shared.members(topic).unwrap_or_default();
        members.into_iter()
    }

    /// The topics that somebody has joined, in no order.
    pub fn names(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        let names: Vec<_> = self.shared.topics().keys().cloned().collect();
        names.into_iter()
    }
}

impl Shared {
    /// Makes a connection a member of a topic, new or known. Its name, unless it was one before.
    fn insert(&self, name: &str, link: &Arc<Link>) -> Option<Arc<str>> {
        if let Some((name, topic)) = self.topics().get_key_value(name) {
            return topic.insert(link).then(|| Arc::clone(name));
        }
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        // It may have come into being meanwhile.
        let name = topics.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
        let topic = topics.entry(Arc::clone(&name)).or_insert_with(Topic::new);
        topic.insert(link).then_some(name)
    }

    fn remove(&self, name: &str, id: u64) {
        let topics = self.topics();
        let Some(topic) = topics.get(name) else { return };
        topic.members().remove(&id);
        let deserted = topic.members().is_empty();
        drop(topics);
        if deserted {
            let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody may have joined meanwhile.
            if topics.get(name).is_some_and(|topic| topic.members().is_empty()) {
                topics.remove(name);
            }
        }
    }

    /// A topic's number and members.
    fn members(&self, name: &str) -> Option<(u64, Vec<Handle>)> {
        let topics = self.topics();
        let topic = topics.get(name)?;
        let members = topic.members();
        let links = members.values().filter_map(Weak::upgrade);
        Some((topic.number, links.map(Handle::new).collect()))
    }

    fn topics(&self) -> RwLockReadGuard<'_, HashMap<Arc<str>, Topic>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topic {
    fn new() -> Self {
        Self { number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed), members: Mutex::default() }
    }

    /// Whether the connection has not been a member before.
    fn insert(&self, link: &Arc<Link>) -> bool {
        self.members().insert(link.id(), Arc::downgrade(link)).is_none()
    }

    fn members(&self) -> MutexGuard<'_, HashMap<u64, Weak<Link>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TopicMembership {
    fn drop(&mut self) {
        if let Some(topics) = self.topics.upgrade() {
            topics.remove(&self.name, self.id);
        }
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("slow_consumers", &self.slow).finish_non_exhaustive()
    }
}
