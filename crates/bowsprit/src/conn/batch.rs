//! Publications that leave together.

use std::sync::{Arc, OnceLock};

use bowsprit_proto::{EncodedBatch, EncodedMessage};

/// How many leave together, which also bounds what dropping the last of them drops.
const MAX_COUNT: usize = 64;

/// From how many bytes on no more join them: they are in one block.
const MAX_LEN: usize = 60 * 1024;

/// What a connection has been offered since it was written out last.
///
/// Connections that have been offered the same share it, and with it the bytes to write: of a
/// thousand messages to a thousand connections each costs a connection the exchange of a pointer.
#[derive(Debug)]
pub(super) struct Batch {
    before: Option<Arc<Self>>,
    last: EncodedMessage,
    count: usize,
    /// Bytes of all frames.
    len: usize,
    joined: OnceLock<EncodedBatch>,
}

impl Batch {
    /// The messages of `before`, and one more.
    pub(super) fn new(before: Option<Arc<Self>>, last: EncodedMessage) -> Arc<Self> {
        let (count, len) = before.as_ref().map_or((0, 0), |before| (before.count, before.len));
        let (count, len) = (count + 1, len + last.frame_len());
        Arc::new(Self { before, last, count, len, joined: OnceLock::new() })
    }

    pub(super) const fn is_full(&self) -> bool {
        self.count >= MAX_COUNT || self.len >= MAX_LEN
    }

    /// Bytes of all frames.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// All of them, as they are written.
    pub(super) fn joined(&self) -> &EncodedBatch {
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
