//! Compressing messages, RFC 7692 §7.2.1.

use alloc::boxed::Box;
use core::fmt;

use super::{Backend, Deflate, MAX_WINDOW_BITS, Side, Strategy, TAIL, backend};
use crate::pieces::{MAX_PIECE_LEN, Pieces};

/// The smallest window that zlib can compress raw data with.
const MIN_ZLIB_WINDOW_BITS: u8 = 9;

/// The least room for output that is made at a time.
const MIN_CHUNK_LEN: usize = 64;

/// The buffer of a frame that was longer than this is freed instead of kept.
const MAX_KEPT_LEN: usize = 16 * 1024;

/// What a compressor was made with: contexts of equal configuration can stand in for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CompressorConfig {
    pub(super) backend: Backend,
    pub(super) level: u8,
    pub(super) mem_level: u8,
    pub(super) strategy: Strategy,
    pub(super) window_bits: u8,
    chunk_len: usize,
}

impl CompressorConfig {
    /// What `deflate` asks for under the parameters of this side.
    pub(crate) fn new(deflate: &Deflate, side: &Side) -> Self {
        Self {
            backend: deflate.backend,
            level: deflate.level.min(9),
            mem_level: deflate.mem_level.clamp(1, 9),
            strategy: deflate.strategy,
            // zlib cannot write for a window of 2^8 bytes, but with 2^9 it refers back at most 250
            // bytes (2^9 less its longest lookahead), which a window of 2^8 can follow.
            window_bits: side.window_bits().clamp(MIN_ZLIB_WINDOW_BITS, MAX_WINDOW_BITS),
            chunk_len: deflate.chunk_len.max(MIN_CHUNK_LEN),
        }
    }
}

/// A compression context: 380 kB at the default settings and at least 137 kB, with
/// `Backend::Zlib` 269 kB and 10 kB.
pub struct Compressor {
    /// Boxed, as every connection that may compress has room for a context.
    deflate: Box<backend::Deflate>,
    config: CompressorConfig,
    /// Has seen data since it was made or reset.
    used: bool,
    /// Compressed data of the frame under way.
    frame: Pieces,
}

impl Compressor {
    /// A fresh context.
    #[must_use]
    pub fn new(config: CompressorConfig) -> Self {
        let deflate = Box::new(backend::Deflate::new(config));
        Self { deflate, config, used: false, frame: Pieces::default() }
    }

    /// What the context was made with.
    #[must_use]
    pub const fn config(&self) -> CompressorConfig {
        self.config
    }

    /// Forgets earlier messages.
    pub(crate) fn reset(&mut self) {
        if self.used {
            self.deflate.reset();
            self.used = false;
        }
    }

    /// Compresses the payload of a frame; `fin` ends the message.
    pub(crate) fn frame(&mut self, payload: &[u8], fin: bool) -> &mut Pieces {
        self.frame.clear(usize::MAX);
        self.used = true;
        self.compress(payload);
        if fin {
            // §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
            self.frame.strip(&TAIL);
            // A flush that follows a flush writes nothing. §7.2.3.6: an empty message is an empty
            // block, of which one octet is left.
            if self.frame.len() == 0 {
                self.frame.last_mut(1).push(0);
            }
        }
        &mut self.frame
    }

    /// Gives the buffer of a large frame back to the system.
    pub(crate) fn shrink(&mut self) {
        self.frame.clear(MAX_KEPT_LEN);
    }

    fn compress(&mut self, payload: &[u8]) {
        let mut rest = payload;
        self.frame.begin(payload.len());
        loop {
            let out = self.frame.last_mut(MIN_CHUNK_LEN);
            let start = out.len();
            let room = (rest.len() / 2 + MIN_CHUNK_LEN).min(self.config.chunk_len);
            let room = room.min(MAX_PIECE_LEN - start);
            out.resize(start + room, 0);
            let (read, written) = (self.deflate.total_in(), self.deflate.total_out());
            let goes_on = self.deflate.compress(rest, &mut out[start..]);
            let read = difference(self.deflate.total_in(), read);
            let written = difference(self.deflate.total_out(), written);
            out.truncate(start + written);
            rest = &rest[read..];
            // Only output that is full can hide more, and only 4 GiB are read at a time.
            if (written < room && rest.is_empty()) || !goes_on {
                return;
            }
        }
    }
}

/// By how much a total has grown; never more than a slice is long.
pub(super) fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now - before).unwrap_or(usize::MAX)
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").field("config", &self.config).finish_non_exhaustive()
    }
}
