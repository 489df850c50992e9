//! The frame and the message that are being received.

use super::Progress;
use crate::{FrameHeader, Limits, MessageKind, ProtocolError, utf8};

/// The frame in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    /// Payload bytes that are still to come.
    pub(super) remaining: u64,
}

/// The message in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct InMessage {
    pub(super) kind: MessageKind,
    pub(super) fragments: u32,
    pub(super) len: u64,
    pub(super) utf8: utf8::Validator,
    /// Part of it has been returned as a chunk.
    pub(super) begun: bool,
    /// RSV1 was set on its first frame.
    pub(super) compressed: bool,
    /// It is text that must be UTF-8.
    pub(super) checked: bool,
}

impl InMessage {
    /// The kind of event to return: unchecked text may contain any bytes.
    pub(super) const fn shown_kind(&self) -> MessageKind {
        if self.checked { MessageKind::Text } else { MessageKind::Binary }
    }

    /// Checks the lengths in the frame headers so far against the limits.
    pub(super) const fn check(&self, limits: Limits) -> Result<(), ProtocolError> {
        // Data that cannot be compressed becomes longer: with the codes of the standard up to nine
        // bits for each byte, and every fragment may end with an empty block.
        let overhead = if self.compressed {
            limits.max_message_len / 8 + 64 + 16 * self.fragments as u64
        } else {
            0
        };
        if self.len > limits.max_message_len.saturating_add(overhead) {
            return Err(ProtocolError::MessageTooLong);
        }
        if self.fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments);
        }
        Ok(())
    }

    /// Checks what decompression has added to a text.
    pub(super) fn check_inflated(&mut self, added: &[u8], last: bool) -> Result<(), ProtocolError> {
        if !self.checked {
            return Ok(());
        }
        self.utf8.push(added).map_err(|_| ProtocolError::TextUtf8)?;
        if last { self.utf8.finish().map_err(|_| ProtocolError::TextUtf8) } else { Ok(()) }
    }
}

/// The result of processing a piece of a frame.
pub(super) enum Step {
    Event(Progress),
    /// This many bytes complete the message; the maximum if that is not known.
    NeedData(u64),
    NextFrame,
}

/// The smaller of a length on the wire and a length in memory.
pub(super) fn bounded(wire: u64, memory: usize) -> usize {
    usize::try_from(wire).map_or(memory, |wire| wire.min(memory))
}

/// The phase of the masking key at `offset`, which may be larger than memory.
pub(super) const fn phase(offset: u64) -> usize {
    (offset & 3) as usize
}
