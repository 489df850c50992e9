//! Taking messages out of the buffer: short ones are copied, long ones take ownership of their
//! block.

use core::ops::Range;

use bytes::Bytes;

use super::{Block, Pending, ReceiveBuffer, Source, block::block_of};
use crate::{Message, MessageKind, Utf8Bytes};

/// Payloads below this are copied out of the block, so that keeping one does not keep the block.
const MIN_HANDOVER_LEN: usize = 16 * 1024;

impl<B: Block> ReceiveBuffer<B> {
    /// Takes the message that the last `receive` completed, or returns `None` if that was something
    /// else.
    ///
    /// A small payload is copied, so that it keeps no other memory alive. A large one that fills at
    /// least half of the block takes ownership of the block.
    #[must_use]
    #[inline]
    pub fn take_message(&mut self) -> Option<Message> {
        let Some(Pending::Message { kind, .. }) = self.event else { return None };
        let payload = self.take_payload();
        Some(match kind {
            MessageKind::Text => Message::Text(Utf8Bytes::from_checked(payload)),
            MessageKind::Binary => Message::Binary(payload),
        })
    }

    /// Takes the payload of the event as owned bytes; see [`take_message`](Self::take_message).
    ///
    /// Returns no bytes if there is no event.
    #[must_use]
    #[inline]
    pub fn take_payload(&mut self) -> Bytes {
        let span = match self.event.take() {
            None => return Bytes::new(),
            Some(Pending::Ping(span) | Pending::Pong(span) | Pending::Close(span, _)) => {
                return Bytes::copy_from_slice(&self.block[span]);
            }
            Some(Pending::Chunk { held, source: Source::Block, .. }) => self.start..self.end - held,
            Some(Pending::Message { source: Source::Block, .. }) => self.start..self.end,
            Some(Pending::Chunk { held, source: Source::Inflated, .. }) => {
                return self.take_inflated_part(self.inflated().len() - held);
            }
            Some(Pending::Message { source: Source::Inflated, .. }) => return self.take_inflated(),
        };
        self.start = span.end;
        if !is_worth_handing_over(span.len(), self.block.len()) || span.end != self.end {
            let copy = copy_of::<B>(&self.block[span]);
            self.rewind();
            return copy;
        }
        self.hand_over(span)
    }

    /// Gives the block away with its payload; unparsed input moves to a block of its own.
    fn hand_over(&mut self, span: Range<usize>) -> Bytes {
        (self.start, self.end) = (self.parse, self.parse);
        let block = self.replace_block(block_of(self.filled - self.parse));
        block.into_bytes().slice(span)
    }
}

/// Whether a payload is large, and fills enough of its memory, to be handed over together with it.
pub(super) const fn is_worth_handing_over(payload_len: usize, memory_len: usize) -> bool {
    payload_len >= MIN_HANDOVER_LEN && payload_len >= memory_len / 2
}

/// Copies a payload, into a block if it is long.
#[inline]
pub(super) fn copy_of<B: Block>(payload: &[u8]) -> Bytes {
    if payload.len() < MIN_HANDOVER_LEN {
        Bytes::copy_from_slice(payload)
    } else {
        copy_in_block::<B>(payload)
    }
}

#[inline(never)]
fn copy_in_block<B: Block>(payload: &[u8]) -> Bytes {
    let mut block: B = block_of(payload.len());
    block[..payload.len()].copy_from_slice(payload);
    block.into_bytes().slice(..payload.len())
}
