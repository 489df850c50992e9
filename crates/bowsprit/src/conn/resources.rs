//! What a queue may hold, and what the pools of the thread lend it.

use bowsprit_proto::{
    deflate::{Compressor, CompressorConfig},
    queue::{QueueLimits, Resources},
};

use crate::{ConnectionConfig, pool};

/// Limits of this configuration, and the thread's pools.
pub(super) struct Pooled<'c>(pub(super) &'c ConnectionConfig);

impl Resources for Pooled<'_> {
    #[inline]
    fn limits(&self) -> QueueLimits {
        self.0.queue()
    }

    #[inline]
    fn block(&self) -> Vec<u8> {
        pool::take_write_block()
    }

    #[inline]
    fn compressor(&self, config: CompressorConfig) -> Option<Compressor> {
        pool::take_compressor(config)
    }
}
