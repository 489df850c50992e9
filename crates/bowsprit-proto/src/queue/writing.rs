//! Writing the output, and lending its memory.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Batch, Resources, SendQueue, Shared};
use crate::deflate::Compressor;

/// Writing.
impl<P: Shared> SendQueue<P> {
    /// Whether nothing is ready to be written.
    #[must_use]
    #[inline]
    pub fn is_written(&self) -> bool {
        self.output.is_empty() && self.batch.is_none()
    }

    /// The number of bytes that are ready to be written.
    #[must_use]
    #[inline]
    pub fn output_len(&self) -> usize {
        self.output.len() + self.batch_len()
    }

    /// All bytes that are ready to be written, if they are contiguous, so that no vectored write is
    /// needed.
    #[must_use]
    #[inline]
    pub fn contiguous(&self) -> Option<&[u8]> {
        match &self.batch {
            None => self.output.contiguous(),
            Some(batch) => self.output.is_empty().then(|| batch.joined().frames()),
        }
    }

    /// The slices that are ready to be written, in order, for a vectored write. None of them is
    /// empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let batch = self.batch.iter().map(|batch| batch.joined().frames());
        self.output.slices().chain(batch)
    }

    /// Reports that the transport has taken `written` bytes, possibly none. Shared payloads that
    /// have been written are passed to `finished`, as dropping them may run code of the owner of
    /// the bytes.
    ///
    /// # Panics
    ///
    /// If that is more than [`output_len`](Self::output_len).
    #[inline(always)]
    pub fn advance_with(&mut self, written: usize, finished: impl FnMut(Bytes)) {
        if self.batch.is_none() || !self.advance_batch(written) {
            self.output.advance_with(written, finished);
        }
    }

    /// Returns whether exactly the whole batch was written. If not, the rest goes into the output,
    /// so that it is not copied again with each publication.
    fn advance_batch(&mut self, written: usize) -> bool {
        let is_all = written == self.batch_len() && self.output.is_empty();
        if is_all {
            self.batch = None;
        } else {
            self.settle();
        }
        is_all
    }
}

/// Lent memory.
impl<P: Shared> SendQueue<P> {
    #[inline]
    pub(super) fn lend_block(&mut self, resources: &impl Resources) {
        if !self.output.has_block() {
            self.output.set_block(resources.block());
        }
    }

    #[inline(always)]
    pub(super) fn lend_compressor(&mut self, resources: &impl Resources) {
        if let Some(config) = self.sender.wanted_compressor()
            && let Some(compressor) = resources.compressor(config)
        {
            self.sender.lend_compressor(compressor);
        }
    }

    /// Takes the block back, once everything is written.
    #[must_use]
    #[inline]
    pub fn take_block(&mut self) -> Option<Vec<u8>> {
        self.output.take_block()
    }

    /// Takes the compression context back, unless later messages need it.
    #[must_use]
    #[inline]
    pub fn take_compressor(&mut self) -> Option<Compressor> {
        self.sender.take_compressor()
    }

    /// Drops a compression context that has not been used since the last call.
    pub fn drop_idle_compressor(&mut self) {
        self.sender.drop_idle_compressor();
    }
}
