//! Topics: connections that want to hear of the same thing.

use std::{
    borrow::Borrow,
    collections::HashSet,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use super::{
    Publication,
    topic::{Joining, Memberships, Topic},
};
use crate::{Handle, PreparedMessage, SlowConsumerPolicy, prepared::Offer};

/// Topics that connections of this process join and leave, and that messages are published to.
///
/// A connection leaves by itself when it ends; a topic is there while somebody has joined it.
/// Cloning is cheap; all clones have the same topics.
///
/// How many topics a connection joins is the application's to limit: each takes some 45
/// bytes, and 140 beside the name in a topic that nobody else has joined.
///
/// All members get the publications of a topic in the same order, whoever publishes them and from
/// whichever thread, as far as they have room for them. Awaited publications that
/// [wait](SlowConsumerPolicy::Wait) for a member without room have later ones of this kind wait
/// behind them.
///
/// ```no_run
/// # async fn example(ws: bowsprit::WebSocket) {
/// use bowsprit::{Topics, topics::SlowConsumerPolicy};
///
/// let topics = Topics::new().slow_consumers(SlowConsumerPolicy::DropOldest);
/// topics.join("weather/hamburg", &ws.handle());
/// let delivery = topics.publish("weather/hamburg", "rain").await;
/// println!("{} know, {} messages were left out", delivery.queued, delivery.dropped);
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Topics {
    shared: Arc<Shared>,
    slow: SlowConsumerPolicy,
}

#[derive(Default)]
pub(super) struct Shared {
    topics: RwLock<HashSet<ByName>>,
}

/// A topic, found by its name.
struct ByName(Arc<Topic>);

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do where a member has no room for a publication, unless
    /// [that](Publication::slow_consumers) says something else. Default: close it with 1013.
    #[must_use]
    pub const fn slow_consumers(mut self, slow: SlowConsumerPolicy) -> Self {
        self.slow = slow;
        self
    }

    /// Has a connection hear of a topic, until it leaves it or ends. `false` if it has joined
    /// before, or has ended already.
    pub fn join(&self, topic: &str, member: &Handle) -> bool {
        let link = member.link();
        loop {
            let topic = self.shared.find_or_insert(topic);
            match Memberships::change(link, |joined| joined.join(&topic, link)) {
                Some(Joining::Abandoned) => {}
                Some(joining) => return joining == Joining::Joined,
                None => {
                    topic.abandon_if_deserted();
                    return false;
                }
            }
        }
    }

    /// Has a connection hear no more of a topic. `false` if it has not joined it.
    pub fn leave(&self, topic: &str, member: &Handle) -> bool {
        let Some(topic) = self.shared.find(topic) else { return false };
        let left = Memberships::change(member.link(), |joined| joined.leave(&topic)).flatten();
        if left == Some(true) {
            topic.abandon_if_deserted();
        }
        left.is_some()
    }

    /// Publishes a message to the members of a topic at this moment.
    pub fn publish(&self, topic: &str, message: impl Into<PreparedMessage>) -> Publication {
        let message = message.into();
        match self.shared.find(topic) {
            Some(topic) => {
                let offer = Offer::new(message, topic.number, self.slow);
                Publication::new(offer, topic.handles().into_iter()).of(topic)
            }
            None => Publication::new(Offer::new(message, 0, self.slow), [].into_iter()),
        }
    }

    /// The members of a topic, in no order.
    pub fn members(&self, topic: &str) -> impl Iterator<Item = Handle> + use<> {
        let topic = self.shared.find(topic);
        topic.map(|topic| topic.handles()).unwrap_or_default().into_iter()
    }

    /// The topics that somebody has joined, in no order.
    pub fn names(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        let names: Vec<_> =
            self.shared.topics().iter().map(|topic| Arc::from(&*topic.0.name)).collect();
        names.into_iter()
    }
}

impl Shared {
    fn find(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics().get(name).map(|topic| Arc::clone(&topic.0))
    }

    fn find_or_insert(self: &Arc<Self>, name: &str) -> Arc<Topic> {
        if let Some(topic) = self.find(name) {
            return topic;
        }
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        // It may have come into being meanwhile.
        if let Some(topic) = topics.get(name) {
            return Arc::clone(&topic.0);
        }
        let topic = Arc::new(Topic::new(name, Arc::downgrade(self)));
        topics.insert(ByName(Arc::clone(&topic)));
        topic
    }

    /// Removes a topic, unless somebody has joined it meanwhile.
    pub(super) fn forget(&self, topic: &Topic) {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = if topic.abandon() { topics.take(&*topic.name) } else { None };
        drop(topics);
        drop(forgotten);
    }

    fn topics(&self) -> RwLockReadGuard<'_, HashSet<ByName>> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ByName {}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topics").field("slow_consumers", &self.slow).finish_non_exhaustive()
    }
}
