//! Messages that are encoded apart from the connections that send them: once for many, or on
//! another thread.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{
    FrameHeader, Message, MessageKind,
    deflate::{Compressor, CompressorConfig},
};

/// What a connection needs a message encoded as, in order to share the bytes with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "with context takeover, without, or not at all")]
pub enum Encoding {
    /// As it is: no compression was agreed on, or it gains nothing.
    Plain,
    /// Compressed by itself, with this configuration.
    Compressed(CompressorConfig),
    /// Compressed by [`Sender::begin_compressing`](crate::Sender::begin_compressing), or as it is:
    /// messages may refer to earlier ones of the same connection.
    Own,
}

/// A message as a frame, ready for any connection of the same [`Encoding`].
///
/// A server's frame has no mask, so that all connections send the same bytes; large ones are shared
/// instead of copied. A client masks the payload anew for each.
#[derive(Clone, Debug)]
pub struct EncodedMessage {
    pub(super) kind: MessageKind,
    /// What its payload was compressed with.
    pub(super) compressed: Option<CompressorConfig>,
    /// Compressed with the connection's own context.
    pub(super) own: bool,
    /// Without a mask.
    pub(super) frame: Bytes,
    header_len: usize,
}

impl EncodedMessage {
    /// Encodes a message without compressing it.
    #[must_use]
    pub fn new(message: &Message) -> Self {
        Self::encode(message.kind(), message.as_bytes(), None)
    }

    fn encode(kind: MessageKind, payload: &[u8], compressed: Option<CompressorConfig>) -> Self {
        let header = FrameHeader {
            fin: true,
            // RFC 7692 §6: "a "Per-Message Compressed" bit"
            rsv1: compressed.is_some(),
            opcode: kind.opcode(),
            masking_key: None,
            payload_len: payload.len() as u64,
        };
        let mut frame = Vec::with_capacity(payload.len() + FrameHeader::MAX_LEN);
        header.encode(&mut frame);
        let header_len = frame.len();
        frame.extend_from_slice(payload);
        Self { kind, compressed, own: false, frame: frame.into(), header_len }
    }

    /// Bytes of the frame that a server sends.
    #[must_use]
    pub const fn frame_len(&self) -> usize {
        self.frame.len()
    }

    /// Bytes of the payload on the wire.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.frame.len() - self.header_len
    }

    /// Whether the payload is compressed.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.compressed.is_some()
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.frame[self.header_len..]
    }
}

/// Messages as frames that leave one after the other, for all connections of a server that would
/// compress none of them.
#[derive(Clone, Debug)]
pub struct EncodedBatch {
    pub(super) frames: Bytes,
    pub(super) is_compressed: bool,
}

impl EncodedBatch {
    /// The bytes that [`Sender::batch`](crate::Sender::batch) queues.
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// Joins messages; a single one is shared.
    pub fn new<'m>(messages: impl IntoIterator<Item = &'m EncodedMessage>) -> Self {
        let mut messages = messages.into_iter().peekable();
        let Some(first) = messages.next() else {
            return Self { frames: Bytes::new(), is_compressed: false };
        };
        let mut is_compressed = first.is_compressed();
        if messages.peek().is_none() {
            return Self { frames: first.frame.clone(), is_compressed };
        }
        let mut frames = first.frame.to_vec();
        for message in messages {
            is_compressed |= message.is_compressed();
            frames.extend_from_slice(&message.frame);
        }
        Self { frames: frames.into(), is_compressed }
    }
}

/// A context that compresses messages apart from the connections that will send them.
#[derive(Debug)]
pub struct Compressing {
    pub(super) compressor: Compressor,
    /// The context is that of a connection whose messages refer to earlier ones.
    own: bool,
}

impl Compressing {
    /// Compresses each message by itself, for [`Encoding::Compressed`] with the configuration of
    /// this context.
    #[must_use]
    pub const fn new(compressor: Compressor) -> Self {
        Self { compressor, own: false }
    }

    pub(super) const fn own(compressor: Compressor) -> Self {
        Self { compressor, own: true }
    }

    /// Compresses a message: some 4 ms for each MiB at level 1, four times that at level 6. One
    /// that would become longer is left as it is.
    pub fn message(&mut self, message: &Message) -> EncodedMessage {
        if !self.own {
            self.compressor.reset();
        }
        let config = self.compressor.config();
        let compressed = self.compressor.frame(message.as_bytes(), true);
        // What has entered a context must be sent, or the peer's context would differ.
        let encoded = if self.own || compressed.len() < message.len() {
            EncodedMessage::encode(message.kind(), compressed, Some(config))
        } else {
            EncodedMessage::new(message)
        };
        self.compressor.shrink();
        EncodedMessage { own: self.own, ..encoded }
    }

    /// The context, for a pool.
    #[must_use]
    pub fn into_compressor(self) -> Compressor {
        self.compressor
    }
}
