//! Compressed messages, and lending decompression contexts.

use super::{
    super::{
        Block, ReceiveBuffer,
        buffer::Source,
        incoming::{Frame, Step},
        inflation::{InflationLimits, InflationState},
    },
    Receiver,
};
use crate::{
    ProtocolError,
    deflate::{Backend, Decompressor},
};

/// The longest chunk of a compressed message.
const MAX_CHUNK_LEN: usize = 64 * 1024;

/// Decompression contexts.
impl Receiver {
    /// Returns the backend of a [`Decompressor`] that can be lent: compression was negotiated, and
    /// there is no context yet. If the peer may refer to earlier messages in a window below 2^15
    /// bytes, the connection creates a context for that window, which may be much smaller, and
    /// keeps it.
    #[must_use]
    #[inline]
    pub fn wanted_decompressor(&self) -> Option<Backend> {
        self.inflation.as_ref().and_then(|inflation| inflation.wanted())
    }

    /// Whether there is a context, lent or created.
    #[must_use]
    #[inline]
    pub fn has_decompressor(&self) -> bool {
        self.inflation.as_ref().is_some_and(|inflation| inflation.has_decompressor())
    }

    /// Lends a context from a pool; it is dropped if none is wanted. Without one, a context is
    /// created for the first compressed message.
    pub fn lend_decompressor(&mut self, decompressor: Decompressor) {
        if let Some(inflation) = &mut self.inflation {
            inflation.lend(decompressor);
        }
    }

    /// Takes the context back, unless it is still needed: inside a compressed message, and between
    /// messages if the peer may refer to earlier ones.
    #[must_use]
    #[inline]
    pub fn take_decompressor(&mut self) -> Option<Decompressor> {
        let inflation = self.inflation.as_mut()?;
        let inside = self.message.is_some_and(|message| message.compressed);
        if inside { None } else { inflation.take() }
    }
}

/// Decompression elsewhere.
impl Receiver {
    /// Sets how much the calls that follow decompress. [`InflationLimits::NONE`] by default.
    ///
    /// Where these limits are reached, [`receive`](Self::receive) and
    /// [`receive_chunk`](Self::receive_chunk) return
    /// [`Progress::NeedData`](crate::Progress::NeedData), and
    /// [`is_inflation_paused`](Self::is_inflation_paused) is true. Input is left, or output that
    /// has not been produced, and the next call after this one continues.
    ///
    /// This is for drivers that decompress short messages at once, and move the receiver and its
    /// buffer to another thread for long ones. How long a message becomes is not known before.
    pub fn limit_inflation(&mut self, limits: InflationLimits) {
        if let Some(inflation) = &mut self.inflation {
            inflation.limit(limits);
        }
    }

    /// Whether the last call has stopped at the limits of
    /// [`limit_inflation`](Self::limit_inflation).
    #[must_use]
    #[inline]
    pub fn is_inflation_paused(&self) -> bool {
        self.inflation.as_ref().is_some_and(|inflation| inflation.is_paused())
    }
}

impl Receiver {
    /// Decompresses the payload bytes of a data frame that have arrived.
    #[inline(never)]
    pub(super) fn compressed_data<B: Block>(
        &mut self,
        mut frame: Frame,
        input: &mut ReceiveBuffer<B>,
        chunks: bool,
    ) -> Result<Step, ProtocolError> {
        let (Some(message), Some(inflation)) = (&mut self.message, &mut self.inflation) else {
            return Err(ProtocolError::Rsv1Unexpected);
        };
        // Chunks of the message that have been returned count towards the limit.
        let is_limited = !chunks || self.policy.limits_chunks;
        let max_len = self.limits.max_message_len.saturating_sub(inflation.handed_out());
        let too_long = if is_limited { too_long(max_len) } else { usize::MAX };
        let limit = if chunks { MAX_CHUNK_LEN.min(too_long) } else { too_long };
        let state = inflation.data(&mut frame, input, limit);
        // The first error in the decompressed data is reported, so that the error does not depend
        // on how the input is split.
        let last = state == Ok(InflationState::Ended);
        message.check_inflated(inflation.unchecked(input.inflated()), last)?;
        if input.inflated().len() >= too_long {
            return Err(ProtocolError::MessageTooLong);
        }
        let state = state?;
        let open =
            frame.remaining > 0 || matches!(state, InflationState::Full | InflationState::Paused);
        self.frame = open.then_some(frame);
        let held = if self.policy.cuts_characters { 0 } else { message.utf8.pending() };
        let ready = input.inflated().len() - held;
        let is_chunk = chunks && (last || ready > 0);
        if is_chunk || last {
            inflation.hand_out(&input.inflated()[..ready], held, last);
        }
        if is_chunk {
            return Ok(Step::Event(self.chunk(last, held, Source::Inflated, input)));
        }
        if last {
            return Ok(Step::Event(self.message(Source::Inflated, input)));
        }
        Ok(if open { Step::NeedData(frame.remaining) } else { Step::NextFrame })
    }
}

/// A length that is just too long for a message.
fn too_long(max_message_len: u64) -> usize {
    usize::try_from(max_message_len).unwrap_or(usize::MAX).saturating_add(1)
}
