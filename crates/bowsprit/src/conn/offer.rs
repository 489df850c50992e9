//! A publication, as each of the connections is offered it.

use std::sync::Arc;

use super::{SlowConsumerPolicy, batch::Batch};
use crate::PreparedMessage;

/// Longer messages are not copied to join others.
const MAX_JOINED_LEN: usize = 4096;

/// What each of the connections is offered.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(super) message: PreparedMessage,
    /// The topic, by number; 0 is none.
    pub(super) topic: u64,
    pub(crate) slow: SlowConsumerPolicy,
    step: Option<Step>,
}

/// What a publication has made of the batch of the connection before, for the next one most likely
/// has the same.
#[derive(Clone, Debug)]
struct Step {
    before: Option<Arc<Batch>>,
    after: Arc<Batch>,
}

impl Offer {
    pub(crate) const fn new(
        message: PreparedMessage,
        topic: u64,
        slow: SlowConsumerPolicy,
    ) -> Self {
        Self { message, topic, slow, step: None }
    }

    /// Whether the message may leave together with others.
    pub(super) fn may_join(&self) -> bool {
        // What waits as the latest can still be left out, so it must not be joined to others.
        self.slow != SlowConsumerPolicy::KeepLatest
            && self.message.message().len() <= MAX_JOINED_LEN
    }

    /// The batch of a connection with this message behind those `before`.
    pub(super) fn join(&mut self, before: Option<Arc<Batch>>) -> Arc<Batch> {
        if let Some(step) = &self.step
            && step.before.as_ref().map(Arc::as_ptr) == before.as_ref().map(Arc::as_ptr)
        {
            return Arc::clone(&step.after);
        }
        let after = Batch::new(before.clone(), self.message.plain().clone());
        self.step = Some(Step { before, after: Arc::clone(&after) });
        after
    }
}
