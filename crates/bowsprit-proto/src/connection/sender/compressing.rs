//! Lending compression contexts, and messages that are encoded elsewhere.

use super::{
    super::{DetachedCompressor, EncodedBatch, EncodedMessage, Encoding, Output},
    Sender, header,
};
use crate::{
    FrameHeader, SendError,
    deflate::{Compressor, CompressorConfig},
};

/// Compression contexts.
impl Sender {
    /// Returns the configuration of a [`Compressor`] that can be lent: compression was negotiated,
    /// and there is no context yet.
    #[must_use]
    pub fn wanted_compressor(&self) -> Option<CompressorConfig> {
        self.compression.as_ref().and_then(|compression| compression.wanted())
    }

    /// Lends a context from a pool, with the configuration that is wanted. Without one, a context
    /// is created when the first message is compressed.
    pub fn lend_compressor(&mut self, compressor: Compressor) {
        if let Some(compression) = &mut self.compression {
            compression.lend(compressor);
        }
    }

    /// Takes the context back, unless it is still needed: inside a message, and between messages if
    /// they may refer to earlier ones.
    #[must_use]
    pub fn take_compressor(&mut self) -> Option<Compressor> {
        let between = self.fragmented.is_none();
        self.compression.as_mut().filter(|_| between)?.take()
    }

    /// Drops a context that has compressed nothing since the last call. With context takeover it
    /// would otherwise live as long as the connection. The next message is compressed less well.
    pub fn drop_idle_compressor(&mut self) {
        if let Some(compression) = self.compression.as_mut().filter(|_| self.fragmented.is_none()) {
            compression.clear_idle();
        }
    }
}

/// Messages that are encoded elsewhere.
impl Sender {
    /// Returns the encoding that this connection needs for a message of this length.
    #[must_use]
    pub fn encoding(&self, len: usize) -> Encoding {
        match &self.compression {
            Some(compression) if compression.is_worth(len) => compression.encoding(),
            _ => Encoding::Plain,
        }
    }

    /// Sends a message that was encoded elsewhere.
    ///
    /// With context takeover, a compressed message that did not go through
    /// [`begin_compressing`](Self::begin_compressing) resets the context, as the peer's context has
    /// then seen data that ours has not.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text), and [`SendError::Encoding`] if it was compressed for connections of
    /// another [`Encoding`].
    pub fn encoded(&mut self, message: &EncodedMessage, out: &mut Output) -> Result<(), SendError> {
        self.check_message_may_begin()?;
        if let Some(config) = message.compressed {
            let compression = self.compression.as_mut().ok_or(SendError::Encoding)?;
            compression.admit(config, message.own)?;
        }
        if let Some(keys) = &mut self.keys {
            let header = FrameHeader {
                rsv1: message.is_compressed(),
                ..header(message.kind.opcode(), true, Some(keys.next_key()), message.payload_len())
            };
            out.push_long_frame(&header, message.payload());
            return Ok(());
        }
        out.block(message.frame.len()).extend_from_slice(&message.frame);
        message.pieces.iter().for_each(|piece| out.push_shared(piece.clone()));
        Ok(())
    }

    /// Whether a message of this length may be part of a [`batch`](Self::batch): this is a server
    /// that would not compress it.
    #[must_use]
    pub fn takes_batches(&self, len: usize) -> bool {
        self.keys.is_none() && self.encoding(len) == Encoding::Plain
    }

    /// Sends a batch of messages without copying them.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text), and [`SendError::Encoding`] if one is compressed, or on a client.
    pub fn batch(&mut self, batch: &EncodedBatch, out: &mut Output) -> Result<(), SendError> {
        self.check_message_may_begin()?;
        // §5.1: "a client MUST mask all frames that it sends to the server"
        if self.keys.is_some() || batch.is_compressed {
            return Err(SendError::Encoding);
        }
        out.push_shared(batch.frames.clone());
        Ok(())
    }

    /// Detaches the context to compress a message elsewhere, if [`encoding`](Self::encoding)
    /// returns [`Encoding::Own`]. Messages are sent uncompressed until
    /// [`end_compressing`](Self::end_compressing).
    ///
    /// `None` inside a fragmented message, while another one is compressed elsewhere, and if
    /// messages do not refer to earlier ones.
    #[must_use]
    pub fn begin_compressing(&mut self) -> Option<DetachedCompressor> {
        let between = self.fragmented.is_none();
        self.compression.as_mut().filter(|_| between)?.begin_elsewhere()
    }

    /// Reattaches the context after its message was [sent](Self::encoded). If it was not sent, the
    /// context is dropped, and the next message starts with an empty one.
    pub fn end_compressing(&mut self, compressing: DetachedCompressor) {
        if let Some(compression) = &mut self.compression {
            compression.end_elsewhere(compressing.into_compressor());
        }
    }
}
