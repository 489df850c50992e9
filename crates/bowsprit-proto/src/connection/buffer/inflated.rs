//! The memory into which messages are decompressed.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{
    Block, ReceiveBuffer,
    taking::{copy_of, is_worth_handing_over},
};
use crate::deflate::{Decompressor, InflateError, Inflated};

/// Minimum and maximum of the first allocation, which is four times the length of the input.
const FIRST_ROOM: [usize; 2] = [256, 16 * 1024];

/// The decompressed part of a message.
#[derive(Debug, Default)]
pub(super) struct Scratch<B> {
    block: B,
    len: usize,
}

impl<B: Block> ReceiveBuffer<B> {
    /// Takes the memory for decompressed messages, if it is empty, for a pool.
    #[must_use]
    pub fn take_scratch(&mut self) -> Option<B> {
        self.release();
        self.scratch.take_if(|scratch| scratch.len == 0).map(|scratch| scratch.block)
    }

    /// The decompressed part of the message in progress.
    pub(crate) fn inflated(&self) -> &[u8] {
        self.scratch.as_ref().map_or(&[], |scratch| &scratch.block[..scratch.len])
    }

    /// Drops the first `len` bytes of it.
    pub(super) fn drop_inflated(&mut self, len: usize) {
        if let Some(scratch) = &mut self.scratch {
            scratch.block.copy_within(len..scratch.len, 0);
            scratch.len -= len;
        }
    }

    /// Takes the whole message.
    pub(super) fn take_inflated(&mut self) -> Bytes {
        let is_worth_it =
            |scratch: &mut Box<Scratch<B>>| is_worth_handing_over(scratch.len, scratch.block.len());
        if let Some(Scratch { block, len }) = self.scratch.take_if(is_worth_it).map(|it| *it) {
            return block.into_bytes().slice(..len);
        }
        self.take_inflated_part(self.inflated().len())
    }

    /// Takes the first `len` bytes of it.
    pub(super) fn take_inflated_part(&mut self, len: usize) -> Bytes {
        let copy = copy_of::<B>(&self.inflated()[..len]);
        self.drop_inflated(len);
        copy
    }
}

impl<B: Block> Scratch<B> {
    /// Decompresses input of a message, until it is used up or there are `limit` bytes.
    pub(super) fn inflate(
        &mut self,
        decompressor: &mut Decompressor,
        input: &[u8],
        limit: usize,
    ) -> Result<Inflated, InflateError> {
        let mut read = 0;
        while self.len < limit {
            if self.len == self.block.len() {
                self.grow(input.len() - read, limit);
            }
            let end = self.block.len().min(limit);
            let out = &mut self.block[..end];
            let step = decompressor.inflate(&input[read..], out, &mut self.len)?;
            read += step.read;
            if !step.full {
                return Ok(Inflated { read, full: false });
            }
        }
        Ok(Inflated { read, full: true })
    }

    /// Doubles the block, up to `limit` bytes, or allocates the first one.
    fn grow(&mut self, input_len: usize, limit: usize) {
        let [least, most] = FIRST_ROOM;
        let first = input_len.saturating_mul(4).clamp(least, most);
        let len = self.len.saturating_mul(2).max(first).min(limit);
        // Output this close to the limit is not to be moved for the last few bytes.
        let len = if limit - len <= len / 8 { limit } else { len };
        self.block.grow(self.len, len);
    }
}
