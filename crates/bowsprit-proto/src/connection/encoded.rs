//! Messages that are encoded outside of the connections that send them: once for many, or on
//! another thread.

use alloc::{vec, vec::Vec};

use bytes::Bytes;

use super::output::MIN_SHARED_LEN;
use crate::{
    FrameHeader, Message, MessageKind,
    deflate::{Compressor, CompressorConfig},
    pieces::Pieces,
};

/// The encoding that a connection needs, which determines whether it can share the bytes with
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "with context takeover, without, or not at all")]
pub enum Encoding {
    /// Uncompressed: no compression was negotiated, or it gains nothing.
    Plain,
    /// Compressed by itself, with this configuration.
    Compressed(CompressorConfig),
    /// Compressed with the connection's own context, see
    /// [`Sender::begin_compressing`](crate::Sender::begin_compressing), or uncompressed: messages
    /// may refer to earlier ones of the same connection.
    Own,
}

/// A message encoded as a frame, for any connection that needs the same [`Encoding`].
///
/// A server's frame has no mask, so all connections send the same bytes; large frames are shared
/// instead of copied. A client masks a copy of the payload for each connection.
#[derive(Clone, Debug)]
pub struct EncodedMessage {
    pub(super) kind: MessageKind,
    /// The configuration that its payload was compressed with.
    pub(super) compressed: Option<CompressorConfig>,
    /// Compressed with the connection's own context.
    pub(super) own: bool,
    /// Its header, without a mask, and a short payload.
    pub(super) frame: Bytes,
    header_len: usize,
    /// A long payload.
    pub(super) pieces: Vec<Bytes>,
}

impl EncodedMessage {
    /// Encodes a message without compressing it. A long payload is shared with the message.
    #[must_use]
    pub fn new(message: &Message) -> Self {
        let payload = message.as_bytes();
        let encode = |short, long| Self::encode(message.kind(), None, payload.len(), short, long);
        if payload.len() < MIN_SHARED_LEN {
            encode(&[&payload[..]], Vec::new())
        } else {
            encode(&[], vec![payload.clone()])
        }
    }

    /// Encodes a compressed payload.
    fn compressed(kind: MessageKind, config: CompressorConfig, payload: &mut Pieces) -> Self {
        let len = payload.len();
        let encode = |short, long| Self::encode(kind, Some(config), len, short, long);
        if len < MIN_SHARED_LEN {
            encode(&payload.iter().collect::<Vec<_>>(), Vec::new())
        } else {
            encode(&[], payload.take().collect())
        }
    }

    fn encode(
        kind: MessageKind,
        compressed: Option<CompressorConfig>,
        payload_len: usize,
        short: &[&[u8]],
        pieces: Vec<Bytes>,
    ) -> Self {
        let header = FrameHeader {
            fin: true,
            // RFC 7692 §6: "a "Per-Message Compressed" bit"
            rsv1: compressed.is_some(),
            opcode: kind.opcode(),
            masking_key: None,
            payload_len: payload_len as u64,
        };
        let short_len: usize = short.iter().map(|part| part.len()).sum();
        let mut frame = Vec::with_capacity(short_len + FrameHeader::MAX_LEN);
        header.encode(&mut frame);
        let header_len = frame.len();
        short.iter().for_each(|part| frame.extend_from_slice(part));
        Self { kind, compressed, own: false, frame: frame.into(), header_len, pieces }
    }

    /// The length of the frame that a server sends.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.frame.len() + self.pieces.iter().map(Bytes::len).sum::<usize>()
    }

    /// The length of the payload on the wire.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.frame_len() - self.header_len
    }

    /// Whether the payload is compressed.
    #[must_use]
    pub const fn is_compressed(&self) -> bool {
        self.compressed.is_some()
    }

    pub(super) fn payload(&self) -> impl Iterator<Item = &[u8]> {
        [&self.frame[self.header_len..]]
            .into_iter()
            .chain(self.pieces.iter().map(|piece| &piece[..]))
    }

    /// All bytes of the frame that a server sends.
    fn parts(&self) -> impl Iterator<Item = &Bytes> {
        [&self.frame].into_iter().chain(&self.pieces)
    }
}

/// Messages encoded as consecutive frames, for all connections of a server that would compress none
/// of them.
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
        if messages.peek().is_none() && first.pieces.is_empty() {
            return Self { frames: first.frame.clone(), is_compressed };
        }
        let mut frames = Vec::new();
        for message in [first].into_iter().chain(messages) {
            is_compressed |= message.is_compressed();
            message.parts().for_each(|part| frames.extend_from_slice(part));
        }
        Self { frames: frames.into(), is_compressed }
    }
}

/// A context that compresses messages outside of the connections that will send them.
#[derive(Debug)]
pub struct DetachedCompressor {
    pub(super) compressor: Compressor,
    /// The context belongs to a connection whose messages refer to earlier ones.
    own: bool,
}

impl DetachedCompressor {
    /// Creates a context that compresses each message by itself, for [`Encoding::Compressed`] with
    /// the same configuration.
    #[must_use]
    pub const fn new(compressor: Compressor) -> Self {
        Self { compressor, own: false }
    }

    pub(super) const fn own(compressor: Compressor) -> Self {
        Self { compressor, own: true }
    }

    /// Compresses a message. This takes about 4 ms per MiB at level 1, and four times as long at
    /// level 6. A message that would become longer is left uncompressed.
    pub fn message(&mut self, message: &Message) -> EncodedMessage {
        if !self.own {
            self.compressor.reset();
        }
        let config = self.compressor.config();
        let compressed = self.compressor.frame(message.as_bytes(), true);
        // What has entered a context must be sent, or the peer's context would differ.
        let encoded = if self.own || compressed.len() < message.len() {
            EncodedMessage::compressed(message.kind(), config, compressed)
        } else {
            // Before any other allocation, which could keep the freed memory from returning to the
            // system.
            self.compressor.shrink();
            EncodedMessage::new(message)
        };
        self.compressor.shrink();
        EncodedMessage { own: self.own, ..encoded }
    }

    /// Returns the context, for a pool.
    #[must_use]
    pub fn into_compressor(self) -> Compressor {
        self.compressor
    }
}
