//! Topics: named sets of connections.

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
/// A connection leaves its topics when it ends. A topic exists as long as it has members. Cloning
/// is cheap; all clones share the same topics.
///
/// The application must limit how many topics a connection joins: each takes some 45 bytes, or 140
/// plus the name if the topic has no other member.
///
/// All members get the publications of a topic in the same order, whichever tasks and threads
/// publish them, except for those that are dropped. While an awaited publication
/// [waits](SlowConsumerPolicy::Wait) for a member whose queue is full, later awaited publications
/// wait behind it.
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
    /// An empty set of topics.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What to do with members whose queue is full, unless [the
    /// publication](Publication::slow_consumers) overrides it. Default: close them with 1013.
    ///
    /// ```
    /// use bowsprit::{Topics, topics::SlowConsumerPolicy};
    ///
    /// let prices = Topics::new().slow_consumers(SlowConsumerPolicy::KeepLatest);
    /// ```
    #[must_use]
    pub const fn slow_consumers(mut self, slow: SlowConsumerPolicy) -> Self {
        self.slow = slow;
        self
    }

    /// Adds a connection to a topic until it leaves or ends. Returns `false` if it was a member
    /// already, or has ended.
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

    /// Removes a connection from a topic. Returns `false` if it was not a member, or has ended.
    pub fn leave(&self, topic: &str, member: &Handle) -> bool {
        let Some(topic) = self.shared.find(topic) else { return false };
        let left = Memberships::look(member.link(), |joined| joined.leave(&topic)).flatten();
        if left == Some(true) {
            topic.abandon_if_deserted();
        }
        left.is_some()
    }

    /// Publishes a message to the current members of a topic.
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

    /// The names of the topics that a connection is a member of, in no order.
    ///
    /// When a connection has ended, [`on_disconnect`] still sees the topics that it was in until
    /// then, so that it can tell the other members. After that, and for a connection of a client
    /// that has ended, there are none.
    ///
    /// ```
    /// use bowsprit::{Server, Topics};
    ///
    /// let topics = Topics::new();
    /// let rooms = topics.clone();
    /// let server = Server::builder().on_disconnect(move |client| {
    ///     for room in rooms.of(client) {
    ///         rooms.publish(&room, format!("{} has left {room}", client.id())).send_now();
    ///     }
    /// });
    /// ```
    ///
    /// [`on_disconnect`]: crate::server::ServerBuilder::on_disconnect
    pub fn of(&self, member: &Handle) -> impl Iterator<Item = Arc<str>> + use<> {
        let joined = Memberships::look(member.link(), |joined| joined.among(&self.shared));
        joined.unwrap_or_default().into_iter().map(|topic| Arc::from(&*topic.name))
    }

    /// The names of all topics, in no order.
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
