//! Compression while sending, RFC 7692 §6.1, §7.2.1.

use core::mem;

use super::encoded::{DetachedCompressor, Encoding};
use crate::{
    SendError,
    deflate::{Compressor, CompressorConfig, Deflate, Side},
    pieces::Pieces,
};

/// Compresses this side's messages.
#[derive(Debug)]
pub(super) struct Compression {
    no_context_takeover: bool,
    threshold: usize,
    config: CompressorConfig,
    /// Allocated, or lent, when first needed.
    compressor: Option<Compressor>,
    /// Something was compressed since the last check.
    used: bool,
    elsewhere: Elsewhere,
}

/// Whether the context is detached, compressing a message on another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Elsewhere {
    No,
    Compressing,
    /// The message has been sent, so that the context agrees with the peer's again.
    Sent,
}

impl Compression {
    pub(super) fn new(own: &Side, deflate: &Deflate) -> Self {
        Self {
            no_context_takeover: own.no_context_takeover,
            threshold: deflate.threshold,
            config: CompressorConfig::new(deflate, own),
            compressor: None,
            used: false,
            elsewhere: Elsewhere::No,
        }
    }

    /// Whether a message of this length can be compressed and is worth it.
    pub(super) const fn is_worth(&self, len: usize) -> bool {
        len >= self.threshold && self.is_here()
    }

    /// Whether messages can be compressed at present.
    pub(super) const fn is_here(&self) -> bool {
        matches!(self.elsewhere, Elsewhere::No)
    }

    /// How messages are encoded that are worth compressing.
    pub(super) const fn encoding(&self) -> Encoding {
        if self.no_context_takeover { Encoding::Compressed(self.config) } else { Encoding::Own }
    }

    /// Records that a message which was compressed elsewhere is about to be sent, if it may be.
    pub(super) fn admit(&mut self, config: CompressorConfig, own: bool) -> Result<(), SendError> {
        if self.config != config || (own && self.elsewhere != Elsewhere::Compressing) {
            return Err(SendError::Encoding);
        }
        if own {
            self.elsewhere = Elsewhere::Sent;
        } else if !self.no_context_takeover {
            self.forget();
        }
        Ok(())
    }

    /// Detaches the context to compress a message on another thread.
    pub(super) fn begin_elsewhere(&mut self) -> Option<DetachedCompressor> {
        if self.no_context_takeover || !self.is_here() {
            return None;
        }
        self.elsewhere = Elsewhere::Compressing;
        let compressor = self.compressor.take();
        Some(DetachedCompressor::own(compressor.unwrap_or_else(|| Compressor::new(self.config))))
    }

    /// Reattaches the context that `begin_elsewhere` detached. It is dropped if its message was not
    /// sent.
    pub(super) fn end_elsewhere(&mut self, compressor: Compressor) {
        let before = mem::replace(&mut self.elsewhere, Elsewhere::No);
        if before == Elsewhere::Sent {
            self.compressor = Some(compressor);
            self.used = true;
        }
    }

    /// Resets the context, as the peer's has seen a message that ours has not.
    fn forget(&mut self) {
        self.elsewhere = Elsewhere::No;
        self.compressor = None;
    }

    /// Compresses a whole message; `None` if that gains nothing and the message may be sent
    /// uncompressed.
    pub(super) fn message(&mut self, payload: &[u8]) -> Option<&Pieces> {
        // What has entered the context must be sent, or the peer's context would differ.
        let must = !self.no_context_takeover;
        let compressed = self.frame(payload, true, true);
        (must || compressed.len() < payload.len()).then_some(compressed)
    }

    /// Compresses a fragment.
    pub(super) fn frame(&mut self, payload: &[u8], first: bool, fin: bool) -> &Pieces {
        self.used = true;
        let config = self.config;
        let compressor = self.compressor.get_or_insert_with(|| Compressor::new(config));
        if first && self.no_context_takeover {
            compressor.reset();
        }
        compressor.frame(payload, fin)
    }

    /// The configuration of a compressor that could be lent.
    pub(super) fn wanted(&self) -> Option<CompressorConfig> {
        (self.compressor.is_none() && self.is_here()).then_some(self.config)
    }

    pub(super) fn lend(&mut self, mut compressor: Compressor) {
        if self.wanted() == Some(compressor.config()) {
            compressor.reset();
            self.compressor = Some(compressor);
        }
    }

    /// Takes the context, unless later messages may refer to earlier ones.
    pub(super) fn take(&mut self) -> Option<Compressor> {
        if !self.no_context_takeover {
            return None;
        }
        self.compressor.take()
    }

    /// Frees large output memory between frames.
    pub(super) fn shrink(&mut self) {
        if let Some(compressor) = &mut self.compressor {
            compressor.shrink();
        }
    }

    /// Drops the context if nothing was compressed since the last call. The next message then
    /// refers to nothing, which is always allowed.
    pub(super) fn clear_idle(&mut self) {
        if !mem::take(&mut self.used) {
            self.compressor = None;
        }
    }
}
