//! What few connections have, behind one pointer.

use std::{any::Any, sync::Arc};

use super::{Link, Out, deferred::Deferred, outbox::Outbox};
use crate::{Close, hub::TopicMembership, reader::Reader};

/// Something of the application's.
type Data = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(super) struct Extras {
    data: Option<Data>,
    topics: Vec<TopicMembership>,
    /// What the application has dropped, until the task of a `serve` wrapper takes it.
    pub(super) returned: Option<Box<Reader>>,
    /// What the peer has closed the connection with.
    pub(super) peer_close: Option<Box<Close<'static>>>,
    /// Messages that wait for one that is being compressed.
    pub(super) deferred: Option<Box<Deferred>>,
    pub(super) outbox: Outbox,
    /// Publications that were left out.
    pub(super) dropped: u64,
    /// Its place among the connections that the server allows.
    #[cfg(feature = "server")]
    slot: Option<Box<crate::server::Slot>>,
}

/// What a connection gives up when it has ended. Dropping it may run the application's code.
#[derive(Default)]
pub(super) struct Left {
    topics: Vec<TopicMembership>,
    #[cfg(feature = "server")]
    slot: Option<Box<crate::server::Slot>>,
    #[cfg(feature = "server")]
    membership: Option<crate::server::Membership>,
}

impl Link {
    /// Keeps this for the application; returns what was there.
    pub(crate) fn set_data(&self, data: Data) -> Option<Data> {
        self.lock().extras().data.replace(data)
    }

    pub(crate) fn data(&self) -> Option<Data> {
        self.lock().extras.as_ref()?.data.clone()
    }

    /// How many publications were left out.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().extras.as_ref().map_or(0, |extras| extras.dropped)
    }

    /// Stays in a topic until the connection ends. Whether it has not ended already.
    pub(crate) fn join_topic(&self, membership: TopicMembership) -> bool {
        let mut out = self.lock();
        out.extras().topics.push(membership);
        out.ended.is_none()
    }

    /// Leaves the topic that is meant.
    pub(crate) fn leave_topic(
        &self,
        is_meant: impl Fn(&TopicMembership) -> bool,
    ) -> Option<TopicMembership> {
        let mut out = self.lock();
        let topics = &mut out.extras.as_mut()?.topics;
        let found = topics.iter().position(is_meant)?;
        Some(topics.swap_remove(found))
    }

    /// Keeps the connection's place until it ends.
    #[cfg(feature = "server")]
    pub(crate) fn occupy(&self, slot: Box<crate::server::Slot>) {
        self.lock().extras().slot = Some(slot);
    }

    /// Stays on its server's list until it ends.
    #[cfg(feature = "server")]
    pub(crate) fn join(&self, membership: crate::server::Membership) {
        self.lock().membership = Some(membership);
    }
}

impl Out {
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    #[cfg(feature = "server")]
    pub(super) fn take_returned(&mut self) -> Option<Box<Reader>> {
        self.extras.as_mut()?.returned.take()
    }

    pub(super) fn peer_close(&self) -> Option<&Close<'static>> {
        self.extras.as_ref()?.peer_close.as_deref()
    }

    /// Gives up what only open connections have.
    pub(super) fn leave(&mut self) -> Option<Box<Left>> {
        let mut left = Left::default();
        if let Some(extras) = &mut self.extras {
            left.topics = std::mem::take(&mut extras.topics);
            #[cfg(feature = "server")]
            (left.slot = extras.slot.take());
        }
        #[cfg(feature = "server")]
        (left.membership = self.membership.take());
        (!left.is_empty()).then(|| Box::new(left))
    }
}

impl Left {
    const fn is_empty(&self) -> bool {
        #[cfg(feature = "server")]
        if self.slot.is_some() || self.membership.is_some() {
            return false;
        }
        self.topics.is_empty()
    }
}
