//! Decompressing messages, within bounds, RFC 7692 §7.2.2.

use alloc::{boxed::Box, vec::Vec};
use core::{fmt, mem};

use super::{
    Backend, DataError, MAX_WINDOW_BITS, TAIL,
    backend::{Inflate, Stop},
    compressor::difference,
};

/// The furthest that data can refer back.
const MAX_WINDOW_LEN: usize = 1 << MAX_WINDOW_BITS;

/// How many times a message may end the stream of blocks and begin another. Nobody has a use for
/// it, and each time costs as much as decompressing a whole window.
const MAX_RESTARTS: u32 = 1024;

/// Why data cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// It is not what RFC 1951 calls compressed, or does not end where its message does.
    Invalid(DataError),
    TooManyFinalBlocks,
}

const INCOMPLETE: InflateError = InflateError::Invalid(DataError::INCOMPLETE);

/// What a step of decompression came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// Input bytes that were used.
    pub(crate) read: usize,
    /// The output is full; there may be more to come of the input that was used.
    pub(crate) full: bool,
}

/// A decompression context: 48 kB, and the negotiated window once more (at most 32 KiB) if messages
/// may refer to earlier ones. With `Backend::Zlib` it is 7 kB and its window, which is the
/// negotiated one unless a driver lends the context.
pub struct Decompressor {
    /// Boxed, as every connection that may decompress has room for a context.
    inflate: Box<Inflate>,
    /// Has seen data since it was made or reset.
    used: bool,
    /// Whether zlib has come to the end of a stream, after which it takes nothing more.
    stream: Stream,
    /// The end of what was decompressed and is no longer in the output.
    history: Vec<u8>,
    /// How often the message under way has begun another stream.
    restarts: u32,
    /// Bytes written since somebody asked.
    work: usize,
}

/// A stream ends with a block that has BFINAL set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Open,
    /// Nothing has followed in the same message yet.
    Ended,
    /// It ended with an earlier message.
    EndedBefore,
}

impl Decompressor {
    /// A fresh context that can be lent to every receiver with this backend: the largest window
    /// will do for every smaller one.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self::with_window_bits(backend, MAX_WINDOW_BITS)
    }

    /// The library that it is a context of.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.inflate.backend()
    }

    /// A context for data that refers back at most 2^n bytes, n from 8 to 15.
    pub(crate) fn with_window_bits(backend: Backend, window_bits: u8) -> Self {
        let inflate = Box::new(Inflate::new(backend, window_bits));
        Self {
            inflate,
            used: false,
            stream: Stream::Open,
            history: Vec::new(),
            restarts: 0,
            work: 0,
        }
    }

    /// Forgets earlier messages.
    pub(crate) fn reset(&mut self) {
        if self.used {
            self.inflate.reset();
            (self.used, self.stream, self.history) = (false, Stream::Open, Vec::new());
            self.restarts = 0;
        }
    }

    /// How many bytes were written since the last call: what was decompressed, and the window each
    /// time it was loaded again.
    pub(crate) fn take_work(&mut self) -> usize {
        mem::take(&mut self.work)
    }

    /// Decompresses input of a message into `out`, of which `len` bytes are written already, until
    /// the input is used up or `out` is full.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        len: &mut usize,
    ) -> Result<Inflated, InflateError> {
        self.used = true;
        let mut read = 0;
        loop {
            // §7.2.1: a block with BFINAL set may be followed by others in the same message.
            if self.stream != Stream::Open && read < input.len() {
                self.restart(&out[..*len])?;
            }
            if self.stream == Stream::Open {
                read += self.step(&input[read..], out, len)?;
            }
            let full = *len == out.len();
            if full || read == input.len() {
                return Ok(Inflated { read, full });
            }
        }
    }

    /// Ends a message whose output is not full: puts the tail back, and checks that the message
    /// ends with a block.
    pub(crate) fn finish(&mut self) -> Result<(), InflateError> {
        self.restarts = 0;
        // A message whose last block is final needs no tail, and has no place for one.
        if self.stream == Stream::Ended {
            self.stream = Stream::EndedBefore;
            return Ok(());
        }
        if self.stream == Stream::EndedBefore {
            // Not even the header of an empty block came: the tail completes nothing.
            return Err(INCOMPLETE);
        }
        let (begin, last) = TAIL.split_at(TAIL.len() - 1);
        self.feed_tail(begin, begin.len(), Stop::AtEnd)?;
        // The last octet ends an empty stored block. The one after it is not to be used: at the end
        // of a block zlib can be told to stop. Whoever takes it is in the middle of a block, so the
        // message was cut short.
        self.feed_tail(&[last[0], 0], 1, Stop::AtBlock)
    }

    /// Feeds a part of the tail, of which `expected` octets have to be used. None of it is data:
    /// what a message that was cut short would take it for may not come out.
    fn feed_tail(&mut self, tail: &[u8], expected: usize, stop: Stop) -> Result<(), InflateError> {
        let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
        let ended = self.inflate.decompress(tail, &mut [0], stop).map_err(|()| INCOMPLETE)?;
        if ended {
            self.stream = Stream::EndedBefore;
        }
        let read = difference(self.inflate.total_in(), total_in);
        let is_tail = read == expected && self.inflate.total_out() == total_out;
        if is_tail { Ok(()) } else { Err(INCOMPLETE) }
    }

    /// Remembers output that is about to be taken away, as far as `window_len` bytes back: what
    /// follows a final block may refer to it.
    pub(crate) fn remember(&mut self, output: &[u8], window_len: usize) {
        let output = &output[output.len().saturating_sub(window_len)..];
        let excess = (self.history.len() + output.len()).saturating_sub(window_len);
        drop(self.history.drain(..excess));
        self.history.extend_from_slice(output);
    }

    /// Begins another stream, which may refer to what came before it like any block, §7.2.2.
    fn restart(&mut self, out: &[u8]) -> Result<(), InflateError> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(InflateError::TooManyFinalBlocks);
        }
        self.inflate.reset();
        self.stream = Stream::Open;
        let out = &out[out.len().saturating_sub(MAX_WINDOW_LEN)..];
        let before = self.history.len().min(MAX_WINDOW_LEN - out.len());
        let before = &self.history[self.history.len() - before..];
        self.work += before.len() + out.len();
        for part in [before, out] {
            let set = self.inflate.set_dictionary(part);
            set.map_err(|()| InflateError::Invalid(DataError::new(None)))?;
        }
        Ok(())
    }

    /// Runs zlib until the input is used up, the output is full, or a stream ends; returns how much
    /// of the input was used.
    fn step(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        len: &mut usize,
    ) -> Result<usize, InflateError> {
        let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
        let ended = self.inflate.decompress(input, &mut out[*len..], Stop::AtEnd);
        let written = difference(self.inflate.total_out(), total_out);
        *len += written;
        self.work += written;
        if ended.map_err(|()| self.invalid())? {
            self.stream = Stream::Ended;
        }
        Ok(difference(self.inflate.total_in(), total_in))
    }

    /// What zlib says about the last error.
    #[cold]
    fn invalid(&mut self) -> InflateError {
        InflateError::Invalid(DataError::new(self.inflate.error_message()))
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("used", &self.used).finish_non_exhaustive()
    }
}
