//! Decompression while receiving, RFC 7692 §6.2, §7.2.2.

use super::{
    ReceiveBuffer,
    receiver::{Frame, bounded, phase},
};
use crate::{
    ProtocolError,
    deflate::{Decompressor, InvalidDeflate, Side},
};

/// What the peer's compression needs of us.
#[derive(Debug)]
pub(super) struct Inflation {
    /// The peer compresses every message by itself.
    no_context_takeover: bool,
    /// Made, or lent, when first needed.
    decompressor: Option<Decompressor>,
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflationState {
    /// All there was has been decompressed.
    Drained,
    /// The output has reached its limit.
    Full,
    /// The message is complete.
    Ended,
}

impl Inflation {
    pub(super) const fn new(peer: &Side) -> Self {
        Self { no_context_takeover: peer.no_context_takeover, decompressor: None }
    }

    pub(super) fn begin_message(&mut self) {
        if self.no_context_takeover
            && let Some(decompressor) = &mut self.decompressor
        {
            decompressor.reset();
        }
    }

    /// Decompresses what has come of a frame's payload, until the message holds `limit` bytes.
    pub(super) fn data(
        &mut self,
        frame: &mut Frame,
        input: &mut ReceiveBuffer,
        limit: usize,
    ) -> Result<InflationState, ProtocolError> {
        let decompressor = self.decompressor.get_or_insert_default();
        let len = bounded(frame.remaining, input.unparsed_len());
        unmask(frame, input, len);
        let step = input.inflate(decompressor, len, limit)?;
        frame.unmasked = len - step.read;
        frame.remaining -= step.read as u64;
        if step.full {
            return Ok(InflationState::Full);
        }
        if frame.remaining > 0 || !frame.header.fin {
            return Ok(InflationState::Drained);
        }
        let end = input.finish_inflating(decompressor, limit)?;
        Ok(if end.full { InflationState::Full } else { InflationState::Ended })
    }

    pub(super) const fn wants_decompressor(&self) -> bool {
        self.decompressor.is_none()
    }

    pub(super) fn lend(&mut self, decompressor: Decompressor) {
        if self.decompressor.is_none() {
            let decompressor = self.decompressor.insert(decompressor);
            decompressor.reset();
        }
    }

    pub(super) fn take(&mut self) -> Option<Decompressor> {
        if self.no_context_takeover { self.decompressor.take() } else { None }
    }
}

/// Unmasks what has not been unmasked of the next `len` bytes.
fn unmask(frame: &Frame, input: &mut ReceiveBuffer, len: usize) {
    if let Some(key) = frame.header.masking_key {
        let done = frame.header.payload_len - frame.remaining + frame.unmasked as u64;
        input.unmask(frame.unmasked, len - frame.unmasked, key, phase(done));
    }
}

impl From<InvalidDeflate> for ProtocolError {
    fn from(_: InvalidDeflate) -> Self {
        Self::Compression
    }
}
