//! Compression of frames without a connection, RFC 7692 §7.2.

use alloc::vec::Vec;

use super::{Compressor, CompressorConfig, Decompressor, Deflate, Side};
use crate::ProtocolError;

/// The least room for decompressed data that is made at a time.
const MIN_ROOM: usize = 1024;

/// Compresses the payloads of one side's frames, for those who do without a
/// [`Sender`](crate::Sender).
///
/// ```
/// use bowsprit_proto::deflate::{Deflate, FrameCompressor, FrameDecompressor, Side};
///
/// let (side, deflate) = (Side::default(), Deflate::client());
/// let mut compressor = FrameCompressor::new(&side, &deflate);
/// let mut decompressor = FrameDecompressor::new(&side, &deflate);
/// let (mut compressed, mut payload) = (Vec::new(), Vec::new());
/// compressor.frame(b"Hello", true, &mut compressed);
/// decompressor.frame(&compressed, true, 1024, &mut payload)?;
/// assert_eq!(payload, b"Hello");
/// # Ok::<(), bowsprit_proto::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct FrameCompressor {
    compressor: Compressor,
    no_context_takeover: bool,
    begins_message: bool,
}

impl FrameCompressor {
    /// A fresh context under what was agreed on for this side; `deflate` says how hard to try.
    #[must_use]
    pub fn new(own: &Side, deflate: &Deflate) -> Self {
        Self {
            compressor: Compressor::new(CompressorConfig::new(deflate, own)),
            no_context_takeover: own.no_context_takeover,
            begins_message: true,
        }
    }

    /// Compresses the payload of the next frame, and appends it to `out`. `fin` ends the message.
    ///
    /// What was compressed has to be sent: later messages may refer to it.
    pub fn frame(&mut self, payload: &[u8], fin: bool, out: &mut Vec<u8>) {
        if self.begins_message && self.no_context_takeover {
            self.compressor.reset();
        }
        self.begins_message = fin;
        let compressed = self.compressor.frame(payload, fin);
        out.reserve(compressed.len());
        compressed.iter().for_each(|piece| out.extend_from_slice(piece));
        self.compressor.shrink();
    }
}

/// Decompresses the payloads of the peer's frames, for those who do without a
/// [`Receiver`](crate::Receiver).
#[derive(Debug)]
pub struct FrameDecompressor {
    decompressor: Decompressor,
    no_context_takeover: bool,
    window_len: usize,
    begins_message: bool,
}

impl FrameDecompressor {
    /// A fresh context under what was agreed on for the peer. Of `deflate` only the backend
    /// matters.
    #[must_use]
    pub fn new(peer: &Side, deflate: &Deflate) -> Self {
        Self {
            decompressor: Decompressor::with_window_bits(deflate.backend, peer.window_bits()),
            no_context_takeover: peer.no_context_takeover,
            window_len: 1 << peer.window_bits(),
            begins_message: true,
        }
    }

    /// Decompresses the payload of the next frame of a compressed message, and appends it to `out`.
    /// `fin` ends the message.
    ///
    /// # Errors
    ///
    /// The peer is at fault: [`ProtocolError::Compression`] for what is not compressed data, or cut
    /// short; [`ProtocolError::TooManyFinalBlocks`]; [`ProtocolError::MessageTooLong`] for a frame
    /// that would become longer than `max_len`, of which no more than that is made. Then nothing is
    /// appended, and the context is as fresh.
    pub fn frame(
        &mut self,
        payload: &[u8],
        fin: bool,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        if self.begins_message && self.no_context_takeover {
            self.decompressor.reset();
        }
        self.begins_message = fin;
        let start = out.len();
        self.inflate(payload, fin, max_len, out).inspect_err(|_| {
            out.truncate(start);
            self.decompressor.reset();
            self.begins_message = true;
        })?;
        // What follows a final block may refer to it.
        if !(fin && self.no_context_takeover) {
            self.decompressor.remember(&out[start..], self.window_len);
        }
        Ok(())
    }

    fn inflate(
        &mut self,
        payload: &[u8],
        fin: bool,
        max_len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ProtocolError> {
        let (start, mut len, mut rest) = (out.len(), 0, payload);
        loop {
            // A byte more than may be, to find out whether there is one.
            let room = payload.len().max(len).max(MIN_ROOM).min(max_len.saturating_add(1) - len);
            out.resize(start + len + room, 0);
            let step = self.decompressor.inflate(rest, &mut out[start..], &mut len)?;
            rest = &rest[step.read..];
            if len > max_len {
                return Err(ProtocolError::MessageTooLong);
            }
            if !step.full {
                break;
            }
        }
        out.truncate(start + len);
        if fin {
            self.decompressor.finish()?;
        }
        Ok(())
    }
}
