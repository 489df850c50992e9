//! Limits and memory that a driver provides to a queue.

use alloc::vec::Vec;

use crate::deflate::{Compressor, CompressorConfig};

/// How much a [`SendQueue`](super::SendQueue) may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// While more bytes than this wait to be written, the queue is full for [`Origin::Owner`], and
    /// messages that wait outside of the output are not moved into it. Default: 64 KiB.
    pub high_water_mark: usize,
    /// While more bytes than this wait to be written, the queue is full for [`Origin::Handle`] and
    /// for publications. Default: 1 MiB.
    pub max_queue_len: usize,
    /// Longer messages are compressed on another thread, as that takes long. Default: 64 KiB.
    pub max_inline_compression_len: usize,
}

/// The sender of a message, which determines what the message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever may send fragments, and all others")]
pub enum Origin {
    /// The holder of the sending half, who may send fragments.
    Owner,
    /// A handle, which also waits for the end of a fragmented message.
    Handle,
}

/// Limits, and memory that is lent while frames wait to be written.
///
/// A queue asks for memory when it needs it. [`QueueLimits`] is an implementation without pools: it
/// lends nothing, and the queue allocates.
pub trait Resources {
    /// Returns the limits of the queue.
    fn limits(&self) -> QueueLimits;

    /// Lends an empty block for frames. [`take_block`](super::SendQueue::take_block) returns it.
    fn block(&self) -> Vec<u8>;

    /// Lends a compression context of this configuration, if there is one.
    /// [`take_compressor`](super::SendQueue::take_compressor) returns it.
    fn compressor(&self, config: CompressorConfig) -> Option<Compressor>;
}

impl QueueLimits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        high_water_mark: 64 * 1024,
        max_queue_len: 1024 * 1024,
        max_inline_compression_len: 64 * 1024,
    };

    /// Sets the length of the queue above which the holder of the sending half has no room.
    #[must_use]
    pub const fn high_water_mark(mut self, high_water_mark: usize) -> Self {
        self.high_water_mark = high_water_mark;
        self
    }

    /// Sets the length of the queue above which handles and publications have no room.
    #[must_use]
    pub const fn max_queue_len(mut self, max_queue_len: usize) -> Self {
        self.max_queue_len = max_queue_len;
        self
    }

    /// Sets the length up to which messages are compressed in place.
    #[must_use]
    pub const fn max_inline_compression_len(mut self, max_inline_compression_len: usize) -> Self {
        self.max_inline_compression_len = max_inline_compression_len;
        self
    }

    /// How many bytes may be queued for a message of this origin to still have room.
    #[must_use]
    #[inline]
    pub const fn room(&self, origin: Origin) -> usize {
        match origin {
            Origin::Owner => self.high_water_mark,
            Origin::Handle => self.max_queue_len,
        }
    }
}

impl Resources for QueueLimits {
    fn limits(&self) -> QueueLimits {
        *self
    }

    fn block(&self) -> Vec<u8> {
        Vec::new()
    }

    fn compressor(&self, _: CompressorConfig) -> Option<Compressor> {
        None
    }
}
