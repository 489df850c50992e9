//! Receiving in memory that is the caller's, such as the chunk that a runtime has read.
//!
//! The caller lends it as a [`Block`] that does not own its bytes, and takes it away before it ends:
//!
//! 1. [`replace_block`](ReceiveBuffer::replace_block) with the lent block, when the buffer holds
//!    nothing, and [`advance`](ReceiveBuffer::advance) over its input;
//! 2. receive, and note the [`event_span`](ReceiveBuffer::event_span) of each event;
//! 3. [`take_back`](ReceiveBuffer::take_back) what has not been parsed, unless that is to be kept,
//!    and `replace_block` with one that owns its bytes, for what is left of a message under way.

use core::ops::Range;

use super::{Block, Pending, ReceiveBuffer, Source};

impl<B: Block> ReceiveBuffer<B> {
    /// Where in the block the payload of the event lies; of a close frame, with its code.
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

    /// Takes back the input that has not been parsed, and returns its length. The caller has it
    /// still, and gives it again.
    ///
    /// Forgets the event.
    pub fn take_back(&mut self) -> usize {
        self.release();
        let len = self.unparsed_len();
        self.filled = self.parse;
        self.rewind();
        len
    }
}
