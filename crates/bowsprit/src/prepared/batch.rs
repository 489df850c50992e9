//! Publications that are written together.

use std::sync::{Arc, OnceLock};

use bowsprit_proto::{EncodedBatch, EncodedMessage, queue};

use super::PreparedMessage;

/// The maximum number in a batch, which also bounds what dropping the last reference frees.
const MAX_COUNT: usize = 64;

/// A batch of at least this many bytes takes no more: it is in one block.
const MAX_LEN: usize = 60 * 1024;

/// The publications offered to a connection since its output was last written out. Connections that
/// were offered the same ones share it.
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
