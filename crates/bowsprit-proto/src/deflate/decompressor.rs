//! Decompressing messages, within bounds, RFC 7692 §7.2.2.

use alloc::vec::Vec;
use core::fmt;

use zlib_rs::{InflateFlush, Status};

use super::{MAX_WINDOW_BITS, TAIL, compressor::difference};

/// How much room for output is made at a time.
const CHUNK_LEN: usize = 16 * 1024;

/// The furthest that data can refer back.
const MAX_WINDOW_LEN: usize = 1 << MAX_WINDOW_BITS;

/// Data that is not what RFC 1951 calls compressed, or does not end where its message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidDeflate;

/// What a step of decompression came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// Input bytes that were used.
    pub(crate) read: usize,
    /// The output has reached its limit; there may be more to come of the input that was used.
    pub(crate) full: bool,
}

/// A decompression context: some 48 KiB.
pub struct Decompressor {
    inflate: zlib_rs::Inflate,
    /// Has seen data since it was made or reset.
    used: bool,
    /// The last block was the final one of its stream, and nothing has followed yet.
    ended: bool,
    /// How much of the tail has been fed.
    tail: usize,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor {
    /// A fresh context.
    #[must_use]
    pub fn new() -> Self {
        // The largest window will do for every smaller one.
        let inflate = zlib_rs::Inflate::new(false, MAX_WINDOW_BITS);
        Self { inflate, used: false, ended: false, tail: 0 }
    }

    /// Forgets earlier messages.
    pub(crate) fn reset(&mut self) {
        if self.used {
            self.inflate.reset(false);
            (self.used, self.ended, self.tail) = (false, false, 0);
        }
    }

    /// Decompresses input of a message onto the end of `out`, until the input is used up or `out`
    /// holds `limit` bytes.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Inflated, InvalidDeflate> {
        self.used = true;
        let mut read = 0;
        loop {
            // §7.2.1: a block with BFINAL set may be followed by others in the same message.
            if self.ended {
                if read == input.len() {
                    return Ok(Inflated { read, full: false });
                }
                self.restart(out)?;
            }
            let step = self.step(&input[read..], out, limit, InflateFlush::NoFlush)?;
            read += step.read;
            if step.full || (read == input.len() && !self.ended) {
                return Ok(Inflated { read, full: step.full });
            }
        }
    }

    /// Ends a message: puts the tail back, and checks that the message ends with a block.
    ///
    /// If the output is full, call again when there is room.
    pub(crate) fn finish(
        &mut self,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Inflated, InvalidDeflate> {
        // A message whose last block is final needs no tail, and has no place for one.
        if self.ended {
            self.restart(out)?;
            self.tail = 0;
            return Ok(Inflated { read: 0, full: false });
        }
        let before_last = TAIL.len() - 1;
        while self.tail < before_last {
            let step = self.inflate(&TAIL[self.tail..before_last], out, limit)?;
            self.tail += step.read;
            if step.full {
                return Ok(step);
            }
        }
        self.finish_block(out, limit)
    }

    /// Feeds the last octet of the tail, which ends an empty stored block, and one more that is not
    /// to be used: at the end of a block zlib can be told to stop. Whoever takes it is in the middle
    /// of a block, so the message was cut short.
    fn finish_block(
        &mut self,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Inflated, InvalidDeflate> {
        let last = [TAIL[TAIL.len() - 1], 0];
        let step = self.step(&last, out, limit, InflateFlush::Block)?;
        if step.full || step.read != 1 {
            return Err(InvalidDeflate);
        }
        self.tail = 0;
        Ok(Inflated { read: 0, full: false })
    }

    /// Begins another stream that can refer to what this message has brought so far.
    fn restart(&mut self, out: &[u8]) -> Result<(), InvalidDeflate> {
        self.inflate.reset(false);
        self.ended = false;
        let window = &out[out.len().saturating_sub(MAX_WINDOW_LEN)..];
        self.inflate.set_dictionary(window).map(drop).map_err(|_| InvalidDeflate)
    }

    /// Runs zlib until the input is used up, the output is full, or a stream ends.
    fn step(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        limit: usize,
        flush: InflateFlush,
    ) -> Result<Inflated, InvalidDeflate> {
        let mut read = 0;
        loop {
            let start = out.len();
            let room = limit.saturating_sub(start).min(CHUNK_LEN);
            grow(out, room, limit);
            let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(&input[read..], &mut out[start..], flush);
            read += difference(self.inflate.total_in(), total_in);
            let written = difference(self.inflate.total_out(), total_out);
            out.truncate(start + written);
            self.ended = matches!(status, Ok(Status::StreamEnd));
            match status {
                Err(_) => return Err(InvalidDeflate),
                Ok(_) if self.ended => return Ok(Inflated { read, full: false }),
                Ok(_) if written < room => return Ok(Inflated { read, full: false }),
                Ok(_) if out.len() >= limit => return Ok(Inflated { read, full: true }),
                Ok(_) => {}
            }
        }
    }
}

/// Makes room for `room` more bytes: doubles the memory as a `Vec` does, but never beyond `limit`.
fn grow(out: &mut Vec<u8>, room: usize, limit: usize) {
    let len = out.len() + room;
    if len > out.capacity() {
        let doubled = (out.capacity() * 2).clamp(len, limit.max(len));
        out.reserve_exact(doubled - out.len());
    }
    out.resize(len, 0);
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("used", &self.used).finish_non_exhaustive()
    }
}
