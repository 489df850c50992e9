//! Receiving in memory that the caller owns, such as a chunk that a runtime has read.
//!
//! The caller lends it as a [`Block`] that does not own its bytes, and takes it back before it is
//! freed:
//!
//! 1. when the buffer is empty, call [`replace_block`](ReceiveBuffer::replace_block) with the lent
//!    block, and [`advance`](ReceiveBuffer::advance) over its input;
//! 2. receive, and get the [`event_span`](ReceiveBuffer::event_span) of each event;
//! 3. [`take_back`](ReceiveBuffer::take_back) the unparsed input, unless the buffer should keep it,
//!    and call `replace_block` with a block that owns its bytes, for the rest of a message in
//!    progress.

use core::ops::Range;

use super::{Block, Pending, ReceiveBuffer, Source};

impl<B: Block> ReceiveBuffer<B> {
    /// The range of the event's payload in the block. For a close frame it includes the code.
    ///
    /// `None` without an event, and for data that was decompressed, which is not in the block.
    #[must_use]
    pub fn event_span(&self) -> Option<Range<usize>> {
        match self.event.as_ref()? {
            Pending::Message { source: Source::Block, .. } => Some(self.start..self.end),
            Pending::Chunk { held, source: Source::Block, .. } => Some(self.start..self.end - held),
            Pending::Ping(span) | Pending::Pong(span) | Pending::Close(span, _) => {
                Some(span.clone())
            }
            Pending::Message { .. } | Pending::Chunk { .. } => None,
        }
    }

    /// Removes the unparsed input from the buffer, and returns its length. The caller still has
    /// these bytes, and passes them in again.
    ///
    /// Discards the event.
    pub fn take_back(&mut self) -> usize {
        self.release();
        let len = self.unparsed_len();
        self.filled = self.parse;
        self.rewind();
        len
    }
}
