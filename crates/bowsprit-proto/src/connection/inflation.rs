//! Decompression while receiving, RFC 7692 §6.2, §7.2.2.

use super::{
    Block, ReceiveBuffer,
    incoming::{Frame, bounded, phase},
};
use crate::{
    ProtocolError,
    deflate::{Backend, Decompressor, InflateError, MAX_WINDOW_BITS, Side},
};

/// How much a receiver decompresses before it [pauses](crate::Receiver::limit_inflation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what can be limited: input and output")]
pub struct InflationLimits {
    /// It pauses in front of that many bytes of a frame, or more, that have arrived.
    pub input_len: usize,
    /// It pauses after that many more bytes of output.
    pub output_len: usize,
}

impl InflationLimits {
    /// It never pauses.
    pub const NONE: Self = Self { input_len: usize::MAX, output_len: usize::MAX };
}

/// Decompresses the peer's messages.
#[derive(Debug)]
pub(super) struct Inflation {
    /// The peer compresses every message by itself.
    no_context_takeover: bool,
    /// The peer's maximum window size, as a power of 2.
    window_bits: u8,
    backend: Backend,
    /// How many unprocessed bytes of the frame are already unmasked, because decompression stopped
    /// before them.
    unmasked: usize,
    /// How many decompressed bytes have been checked to be UTF-8 but not returned yet.
    checked: usize,
    /// How many bytes of the message have been returned, in chunks.
    handed_out: u64,
    limits: InflationLimits,
    /// It has stopped at these limits.
    paused: bool,
    /// There may be more output of the input so far.
    full: bool,
    /// Allocated, or lent, when first needed.
    decompressor: Option<Decompressor>,
}

/// The progress of decompressing a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflationState {
    /// All available input has been decompressed.
    Drained,
    /// The output has reached its limit.
    Full,
    /// The limits of `limit` do not allow for more.
    Paused,
    /// The message is complete.
    Ended,
}

impl Inflation {
    pub(super) fn new(peer: &Side, backend: Backend) -> Self {
        Self {
            no_context_takeover: peer.no_context_takeover,
            window_bits: peer.window_bits(),
            backend,
            unmasked: 0,
            checked: 0,
            handed_out: 0,
            limits: InflationLimits::NONE,
            paused: false,
            full: false,
            decompressor: None,
        }
    }

    pub(super) fn begin_message(&mut self) {
        self.handed_out = 0;
        if self.no_context_takeover
            && let Some(decompressor) = &mut self.decompressor
        {
            decompressor.reset();
        }
    }

    /// Decompresses the payload bytes that have arrived, until the message holds `limit` bytes, or
    /// has reached the limits at which to pause.
    pub(super) fn data<B: Block>(
        &mut self,
        frame: &mut Frame,
        input: &mut ReceiveBuffer<B>,
        limit: usize,
    ) -> Result<InflationState, InflateError> {
        let len = bounded(frame.remaining, input.unparsed_len());
        let InflationLimits { input_len, output_len } = self.limits;
        let is_more = len > 0 || self.full;
        self.paused = is_more && (output_len == 0 || len >= input_len);
        if self.paused {
            return Ok(InflationState::Paused);
        }
        let before = input.inflated().len();
        // What ends a message produces nothing, and is done in any case.
        let pause = if is_more { before.saturating_add(output_len) } else { usize::MAX };
        let state = self.decompress(frame, input, len, limit.min(pause));
        if output_len < usize::MAX {
            self.limits.output_len = output_len - (input.inflated().len() - before);
        }
        self.full = state == Ok(InflationState::Full);
        self.paused = self.full && input.inflated().len() < limit;
        if self.paused { Ok(InflationState::Paused) } else { state }
    }

    fn decompress<B: Block>(
        &mut self,
        frame: &mut Frame,
        input: &mut ReceiveBuffer<B>,
        len: usize,
        limit: usize,
    ) -> Result<InflationState, InflateError> {
        self.unmask(frame, input, len);
        let (backend, window_bits) = (self.backend, self.context_bits());
        let decompressor = self
            .decompressor
            .get_or_insert_with(|| Decompressor::with_window_bits(backend, window_bits));
        let step = input.inflate(decompressor, len, limit)?;
        self.unmasked = len - step.read;
        frame.remaining -= step.read as u64;
        if step.full {
            return Ok(InflationState::Full);
        }
        if frame.remaining > 0 || !frame.header.fin {
            return Ok(InflationState::Drained);
        }
        decompressor.finish()?;
        Ok(InflationState::Ended)
    }

    /// Returns the output that decompression has added since the last call.
    pub(super) fn unchecked<'o>(&mut self, output: &'o [u8]) -> &'o [u8] {
        let unchecked = output.get(self.checked..).unwrap_or_default();
        self.checked = output.len();
        unchecked
    }

    /// Records that this output is returned, except for its last `held` bytes. Later data may refer
    /// to it, unless the next message is compressed by itself.
    pub(super) fn hand_out(&mut self, output: &[u8], held: usize, last: bool) {
        self.checked = held;
        self.handed_out = self.handed_out.saturating_add(output.len() as u64);
        if let Some(decompressor) = self.decompressor.as_mut()
            && !(last && self.no_context_takeover)
        {
            decompressor.remember(output, 1 << self.window_bits);
        }
    }

    /// Unmasks those of the next `len` bytes that are still masked.
    fn unmask<B: Block>(&self, frame: &Frame, input: &mut ReceiveBuffer<B>, len: usize) {
        if let Some(key) = frame.header.masking_key {
            let done = frame.header.payload_len - frame.remaining + self.unmasked as u64;
            input.unmask(self.unmasked, len - self.unmasked, key, phase(done));
        }
    }

    pub(super) const fn limit(&mut self, limits: InflationLimits) {
        self.limits = limits;
    }

    pub(super) const fn is_paused(&self) -> bool {
        self.paused
    }

    /// How many bytes of the message have been returned.
    pub(super) const fn handed_out(&self) -> u64 {
        self.handed_out
    }

    pub(super) fn take_work(&mut self) -> usize {
        self.decompressor.as_mut().map_or(0, Decompressor::take_work)
    }

    /// The window size of a context for this peer: as small as possible for one that the connection
    /// keeps, the maximum for one that other connections will use.
    const fn context_bits(&self) -> u8 {
        if self.no_context_takeover { MAX_WINDOW_BITS } else { self.window_bits }
    }

    pub(super) const fn has_decompressor(&self) -> bool {
        self.decompressor.is_some()
    }

    /// The backend of a context that could be lent.
    pub(super) fn wanted(&self) -> Option<Backend> {
        let wanted = self.decompressor.is_none() && self.context_bits() == MAX_WINDOW_BITS;
        wanted.then_some(self.backend)
    }

    pub(super) fn lend(&mut self, decompressor: Decompressor) {
        if self.wanted() == Some(decompressor.backend()) {
            let decompressor = self.decompressor.insert(decompressor);
            decompressor.reset();
        }
    }

    pub(super) fn take(&mut self) -> Option<Decompressor> {
        let mut taken = self.decompressor.take_if(|_| self.no_context_takeover)?;
        taken.reset();
        Some(taken)
    }
}

impl From<InflateError> for ProtocolError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Invalid(error) => Self::Compression(error),
            InflateError::TooManyFinalBlocks => Self::TooManyFinalBlocks,
        }
    }
}
