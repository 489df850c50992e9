//! Publications that leave together.

use std::sync::{Arc, OnceLock};

use bowsprit_proto::{EncodedBatch, EncodedMessage};

use super::{Offer, SlowConsumer};

/// Longer messages are not copied to join others.
const MAX_JOINED_LEN: usize = 4096;

/// How many leave together, which also bounds what dropping the last of them drops.
const MAX_COUNT: usize = 64;

/// From how many bytes on no more join them: they are in one block.
const MAX_LEN: usize = 60 * 1024;

/// What a connection has been offered since it was written out last.
///
/// Connections that have been offered the same share it, and with it the bytes to write: of a
/// thousand messages to a thousand connections each costs a connection the exchange of a pointer.
#[derive(Debug)]
pub(crate) struct Batch {
    before: Option<Arc<Self>>,
    last: EncodedMessage,
    count: usize,
    /// Bytes of all frames.
    len: usize,
    joined: OnceLock<EncodedBatch>,
}

/// What a publication has made of the batch of the connection before, for the next one most likely
/// has the same.
#[derive(Clone, Debug)]
pub(super) struct Step {
    before: Option<Arc<Batch>>,
    after: Arc<Batch>,
}

impl Batch {
    fn new(before: Option<Arc<Self>>, last: EncodedMessage) -> Arc<Self> {
        let (count, len) = before.as_ref().map_or((0, 0), |before| (before.count, before.len));
        let (count, len) = (count + 1, len + last.frame_len());
        Arc::new(Self { before, last, count, len, joined: OnceLock::new() })
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.count >= MAX_COUNT || self.len >= MAX_LEN
    }

    /// Bytes of all frames.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// All of them, as they are written.
    pub(crate) fn joined(&self) -> &EncodedBatch {
        self.joined.get_or_init(|| {
            let mut messages = Vec::with_capacity(self.count);
            let mut batch = Some(self);
            while let Some(Self { before, last, .. }) = batch {
                messages.push(last);
                batch = before.as_deref();
            }
            EncodedBatch::new(messages.into_iter().rev())
        })
    }
}

impl Offer {
    /// Whether the message may leave together with others.
    pub(crate) fn may_join(&self) -> bool {
        // What waits as the latest can still be left out, so it must not be joined to others.
        self.slow != SlowConsumer::KeepLatest && self.message.message().len() <= MAX_JOINED_LEN
    }

    /// The batch of a connection with this message behind those `before`.
    pub(crate) fn join(&mut self, before: Option<Arc<Batch>>) -> Arc<Batch> {
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
