//! The receive buffer: one block of memory, owned by the driver, in which frames become messages.
//!
//! ```text
//!   0        start          end        parse          filled            block.len()
//!   ├─ used ──┼── message ───┼── used ──┼── unparsed ───┼───── spare ─────┤
//!             unmasked, joined          as it was read    next read goes here
//! ```
//!
//! A message in one frame never moves. The payload of a later fragment is moved down to `end`, over
//! the header in between. A control frame is unmasked in place, while the message around it waits.

mod block;
mod inflated;
mod lending;
mod receiving;
mod taking;

use alloc::{boxed::Box, vec::Vec};
use core::{mem, ops::Range};

pub use self::block::Block;
use self::{block::block_of, inflated::Scratch};
use super::Event;
use crate::{Chunk, Close, MessageKind, handshake::Version, utf8};

/// The length of the first block, if the driver provides none.
const MIN_BLOCK_LEN: usize = 4096;

/// Input bytes that a receiver decodes into events.
///
/// The driver reads into [`spare_mut`](Self::spare_mut), reports with [`advance`](Self::advance),
/// calls a [`Receiver`](crate::Receiver), and takes its [`event`](Self::event). An empty buffer
/// holds no memory until it is read into. Blocks can be lent by a pool and returned to it.
#[derive(Debug)]
pub struct ReceiveBuffer<B = Vec<u8>> {
    block: B,
    start: usize,
    end: usize,
    parse: usize,
    filled: usize,
    /// How many more bytes complete the message in progress; the maximum while that is not known.
    wanted: u64,
    event: Option<Pending>,
    /// The decompressed part of the message in progress. Most connections have none, and spend one
    /// word on it.
    scratch: Option<Box<Scratch<B>>>,
}

/// What the last `receive` completed.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    Message {
        kind: MessageKind,
        source: Source,
    },
    /// A chunk that ends `held` bytes before the buffered message does, because these are part of
    /// an incomplete character.
    Chunk {
        kind: MessageKind,
        first: bool,
        last: bool,
        held: usize,
        source: Source,
    },
    Ping(Range<usize>),
    Pong(Range<usize>),
    Close(Range<usize>, Version),
}

/// The location of a message's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Block,
    Inflated,
}

impl ReceiveBuffer {
    /// Creates a buffer without a block, which allocates blocks as needed.
    #[must_use]
    pub const fn new() -> Self {
        Self::over(Vec::new())
    }
}

impl<B: Block> Default for ReceiveBuffer<B> {
    fn default() -> Self {
        Self::over(B::default())
    }
}

impl<B> ReceiveBuffer<B> {
    /// Creates a buffer that uses this block.
    #[must_use]
    pub const fn over(block: B) -> Self {
        Self {
            block,
            start: 0,
            end: 0,
            parse: 0,
            filled: 0,
            wanted: u64::MAX,
            event: None,
            scratch: None,
        }
    }
}

impl<B: Block> ReceiveBuffer<B> {
    /// Returns the free part of the block, at least one byte: read into it, then call
    /// [`advance`](Self::advance).
    ///
    /// Grows the block when it is nearly full, to at most twice what it has to hold, or less if the
    /// message in progress is known to need less. A length that a peer merely announces reserves no
    /// memory.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.release();
        if self.spare_len() < (self.block.len() / 2).max(1) {
            self.make_room();
        }
        &mut self.block[self.filled..]
    }

    /// Compacts a block that is more than half full, or grows it, if that is worthwhile.
    fn make_room(&mut self) {
        let wanted = usize::try_from(self.wanted).unwrap_or(usize::MAX).max(1);
        if self.spare_len() < wanted.min(self.block.len() / 2) && self.is_worth_closing(wanted) {
            self.close_gaps();
        }
        if self.spare_len() < wanted.min(self.block.len() / 8).max(1) {
            self.grow(wanted);
        }
    }

    /// Reports that the first `filled` bytes of [`spare_mut`](Self::spare_mut) have been filled.
    ///
    /// # Panics
    ///
    /// If that is more than the length of `spare_mut`.
    pub fn advance(&mut self, filled: usize) {
        assert!(filled <= self.block.len() - self.filled, "more was read than there was room for");
        self.filled += filled;
        // If more than `wanted` is read before the receiver runs, the block grows as if the length
        // were unknown.
        self.wanted =
            self.wanted.checked_sub(filled as u64).filter(|rest| *rest > 0).unwrap_or(u64::MAX);
    }

    /// Appends bytes that were read elsewhere, such as those that came with the handshake.
    pub fn extend(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let spare = self.spare_mut();
            let len = spare.len().min(bytes.len());
            let (now, later) = bytes.split_at(len);
            spare[..len].copy_from_slice(now);
            self.advance(len);
            bytes = later;
        }
    }

    /// Returns what the last `receive` completed, until the next call on this buffer or its
    /// receiver.
    #[must_use]
    #[inline(always)]
    pub fn event(&self) -> Option<Event<'_>> {
        let event = match self.event.as_ref()? {
            Pending::Message { kind: MessageKind::Text, source } => {
                Event::Text(text(self.message(*source, 0)))
            }
            Pending::Message { kind: MessageKind::Binary, source } => {
                Event::Binary(self.message(*source, 0))
            }
            Pending::Chunk { kind, first, last, held, source } => Event::Chunk(Chunk {
                kind: *kind,
                payload: self.message(*source, *held),
                first: *first,
                last: *last,
            }),
            Pending::Ping(span) => Event::Ping(&self.block[span.clone()]),
            Pending::Pong(span) => Event::Pong(&self.block[span.clone()]),
            Pending::Close(span, version) => {
                // The receiver has parsed it once, so this cannot fail.
                Event::Close(Close::parse(&self.block[span.clone()], *version, true).ok()?)
            }
        };
        Some(event)
    }

    /// Whether the buffer holds nothing: no unparsed input, no part of a message, no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live_len() == 0 && self.inflated().is_empty() && self.event.is_none()
    }

    /// The number of bytes that the buffer has to keep: those of the message in progress, and
    /// unparsed ones.
    #[must_use]
    pub const fn live_len(&self) -> usize {
        (self.end - self.start) + (self.filled - self.parse)
    }

    /// Length of the block.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.block.len()
    }

    /// Returns the length of a block that would hold the message in progress, if the current one is
    /// full and too short. [`spare_mut`](Self::spare_mut) would at most double it.
    ///
    /// `None` while most of the block is gaps, which can be closed: a flood of short messages, or a
    /// message that is decompressed or handed out as it comes, would have it grow with each read.
    #[must_use]
    pub fn wanted_block_len(&self) -> Option<usize> {
        let live_len = self.live_len();
        if self.filled < self.block.len() || live_len <= self.block.len() / 2 {
            return None;
        }
        let wanted = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        let len = live_len.saturating_add(wanted);
        (len > self.block.len()).then_some(len)
    }

    /// Returns the block, discarding its content: for a pool, when the connection has ended.
    #[must_use]
    pub fn into_block(self) -> B {
        self.block
    }

    /// Moves the bytes that are still needed into `block` and returns the old block.
    ///
    /// The whole length of `block` is used. Call this to lend a pooled block for a read, or to
    /// shrink a buffer that is about to wait.
    ///
    /// # Panics
    ///
    /// If `block` is shorter than [`live_len`](Self::live_len).
    #[must_use]
    pub fn replace_block(&mut self, mut block: B) -> B {
        self.release();
        if self.live_len() == 0 {
            self.rewind();
            return mem::replace(&mut self.block, block);
        }
        let message = &self.block[self.start..self.end];
        let unparsed = &self.block[self.parse..self.filled];
        let (message_len, live_len) = (message.len(), message.len() + unparsed.len());
        block[..message_len].copy_from_slice(message);
        block[message_len..live_len].copy_from_slice(unparsed);
        (self.start, self.end, self.parse, self.filled) = (0, message_len, message_len, live_len);
        mem::replace(&mut self.block, block)
    }

    fn spare_len(&self) -> usize {
        self.block.len() - self.filled
    }

    /// Whether compacting gains at least half as many bytes as it moves, so that bytes are rarely
    /// moved on average, or makes room for the rest of the message.
    fn is_worth_closing(&self, wanted: usize) -> bool {
        let live_len = self.live_len();
        let gap_len = self.filled - live_len;
        gap_len > 0 && (gap_len >= live_len / 2 || self.block.len() - live_len >= wanted)
    }

    /// Moves to a block that is longer by the number of live bytes, or by `wanted` if that is less.
    fn grow(&mut self, wanted: usize) {
        let live_len = self.live_len();
        let len = live_len.saturating_add(wanted.min(live_len)).max(MIN_BLOCK_LEN);
        drop(self.replace_block(block_of(len)));
    }

    fn close_gaps(&mut self) {
        let message_len = self.end - self.start;
        let live_len = self.live_len();
        self.block.copy_within(self.start..self.end, 0);
        self.block.copy_within(self.parse..self.filled, message_len);
        (self.start, self.end, self.parse, self.filled) = (0, message_len, message_len, live_len);
    }

    /// The bytes of the message so far, without the last `held` ones.
    #[inline]
    fn message(&self, source: Source, held: usize) -> &[u8] {
        match source {
            Source::Block => &self.block[self.start..self.end - held],
            Source::Inflated => &self.inflated()[..self.inflated().len() - held],
        }
    }

    fn message_len_in(&self, source: Source) -> usize {
        match source {
            Source::Block => self.end - self.start,
            Source::Inflated => self.inflated().len(),
        }
    }
}

/// Text that the receiver has checked.
fn text(checked: &[u8]) -> &str {
    utf8::from_utf8(checked).unwrap_or_default()
}
