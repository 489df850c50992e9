//! Publications that leave together.

use std::sync::{Arc, OnceLock};

use bowsprit_proto::{EncodedBatch, EncodedMessage, queue};

use super::PreparedMessage;

/// How many leave together, which also bounds what dropping the last of them drops.
const MAX_COUNT: usize = 64;

/// From how many bytes on no more join them: they are in one block.
const MAX_LEN: usize = 60 * 1024;

/// What a connection has been offered since it was written out last, shared by those that have been
/// offered the same.
#[derive(Clone, Debug)]
#[expect(unnameable_types, reason = "what the trait wants of a type that is public")]
pub struct Batch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    before: Option<Batch>,
    last: EncodedMessage,
    count: usize,
    /// Bytes of all frames.
    len: usize,
    joined: OnceLock<EncodedBatch>,
}

impl queue::Batch<PreparedMessage> for Batch {
    fn join(before: Option<Self>, last: &PreparedMessage) -> Self {
        let last = last.plain().clone();
        let (count, len) = before.as_ref().map_or((0, 0), |before| (before.0.count, before.0.len));
        let (count, len) = (count + 1, len + last.frame_len());
        Self(Arc::new(Inner { before, last, count, len, joined: OnceLock::new() }))
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn is_full(&self) -> bool {
        self.0.count >= MAX_COUNT || self.0.len >= MAX_LEN
    }

    fn frames_len(&self) -> usize {
        self.0.len
    }

    fn joined(&self) -> &EncodedBatch {
        self.0.joined.get_or_init(|| {
            let mut messages = Vec::with_capacity(self.0.count);
            let mut batch = Some(self);
            while let Some(Self(inner)) = batch {
                messages.push(&inner.last);
                batch = inner.before.as_ref();
            }
            EncodedBatch::new(messages.into_iter().rev())
        })
    }
}
