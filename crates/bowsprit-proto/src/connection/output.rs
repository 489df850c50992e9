//! Output: frames on their way to the transport.
//!
//! Small frames are joined in one block, so that many leave in one write. A large payload that
//! needs no masking stays where it is and is shared, between two parts of the block:
//!
//! ```text
//!   block   ├─ written ─┼─ frames ─┼ header ┼─ frames ─┤
//!   shared                                ▲ payload goes here
//! ```
//!
//! A block that is full is shared as well, and another one begun: none is ever long.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::mem;

use bytes::{Buf, Bytes};

use crate::{FrameHeader, mask, pieces::MAX_PIECE_LEN};

/// Pongs that may wait to be written before only the newest is kept.
const MAX_UNSENT_PONGS: usize = 16;

/// Payloads from this length on are shared instead of copied.
pub(super) const MIN_SHARED_LEN: usize = 16 * 1024;

/// Frames that wait to be written.
///
/// The driver writes [`slices`](Self::slices) in order and reports with
/// [`advance`](Self::advance). An empty output holds no memory once its block is
/// [taken](Self::take_block).
#[derive(Debug, Default)]
pub struct Output {
    block: Vec<u8>,
    written: usize,
    /// Only while some wait: most connections have none.
    shared: Option<Box<Shared>>,
    /// Made at the first ping.
    pongs: Option<Box<Pongs>>,
}

/// Payloads that were not copied, and blocks that were full. There is at least one.
#[derive(Debug, Default)]
struct Shared {
    /// Each with the position in the block that it comes at.
    payloads: VecDeque<(usize, Bytes)>,
    len: usize,
}

/// What is known about pongs that are not written yet.
#[derive(Debug, Default)]
struct Pongs {
    /// Total bytes ever written.
    position: u64,
    /// Where each unsent pong ends.
    ends: VecDeque<u64>,
    /// The newest pong, if too many wait before it.
    newest: Vec<u8>,
}

impl Output {
    /// An output without a block.
    #[must_use]
    pub const fn new() -> Self {
        Self { block: Vec::new(), written: 0, shared: None, pongs: None }
    }

    /// Bytes that wait to be written.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.block.len() - self.written + self.shared.as_ref().map_or(0, |shared| shared.len)
    }

    /// Whether nothing waits to be written.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that waits to be written, if it is in one piece: there is no need for a vectored write.
    #[must_use]
    #[inline]
    pub fn contiguous(&self) -> Option<&[u8]> {
        self.shared.is_none().then(|| &self.block[self.written..])
    }

    /// What waits to be written, in order, for a vectored write. None of the slices is empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.written;
        let payloads = self.shared.iter().flat_map(|shared| &shared.payloads);
        let parts = payloads.flat_map(move |(position, payload)| {
            let before = &self.block[from..*position];
            from = *position;
            [before, &payload[..]]
        });
        let shared = self.shared.as_ref().and_then(|shared| shared.payloads.back());
        let last = shared.map_or(self.written, |(position, _)| *position);
        parts.chain([&self.block[last..]]).filter(|slice| !slice.is_empty())
    }

    /// Tells that the first `written` bytes have been written.
    ///
    /// # Panics
    ///
    /// If that is more than [`len`](Self::len).
    pub fn advance(&mut self, written: usize) {
        self.advance_with(written, drop);
    }

    /// The same, and hands over the shared payloads that have been written, for those who must not
    /// drop them here: that may run code of whoever owns the bytes.
    ///
    /// # Panics
    ///
    /// As [`advance`](Self::advance).
    pub fn advance_with(&mut self, written: usize, mut finished: impl FnMut(Bytes)) {
        assert!(written <= self.len(), "more was written than there is");
        let mut rest = written;
        while rest > 0 && self.shared.is_some() {
            rest -= self.advance_once(rest, &mut finished);
        }
        self.written += rest;
        self.reclaim();
        if let Some(pongs) = &mut self.pongs {
            pongs.advance(written);
            self.queue_newest_pong();
        }
    }

    /// Takes the block, once all is written, so that a pool can lend it to others.
    #[must_use]
    pub fn take_block(&mut self) -> Option<Vec<u8>> {
        (self.is_empty() && self.block.capacity() > 0).then(|| {
            self.written = 0;
            mem::take(&mut self.block)
        })
    }

    /// Whether there is memory to put frames into; if not, [`set_block`](Self::set_block) can lend
    /// some.
    #[must_use]
    pub const fn has_block(&self) -> bool {
        self.block.capacity() > 0
    }

    /// Lends an empty block to an output that has none.
    pub fn set_block(&mut self, block: Vec<u8>) {
        if !self.has_block() && block.is_empty() {
            self.block = block;
        }
    }

    /// Appends a frame; a client's is masked while it is copied. A call for it costs a twentieth of
    /// what a short message does here.
    #[inline(always)]
    pub(super) fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        if self.block.len() + payload.len() > MAX_PIECE_LEN - FrameHeader::MAX_LEN {
            return self.push_long_frame(header, [payload]);
        }
        header.encode(&mut self.block);
        copy(payload, header.masking_key, 0, &mut self.block);
    }

    /// The same for a payload that needs more than the rest of the block, or is in pieces.
    #[inline(never)]
    pub(super) fn push_long_frame<'p>(
        &mut self,
        header: &FrameHeader,
        payload: impl IntoIterator<Item = &'p [u8]>,
    ) {
        header.encode(self.block(FrameHeader::MAX_LEN));
        let mut offset = 0;
        for mut piece in payload {
            while !piece.is_empty() {
                let block = self.block(1);
                let (now, later) = piece.split_at(piece.len().min(MAX_PIECE_LEN - block.len()));
                copy(now, header.masking_key, offset, block);
                offset += now.len();
                piece = later;
            }
        }
    }

    /// The block, to append this many bytes to.
    #[inline]
    pub(super) fn block(&mut self, len: usize) -> &mut Vec<u8> {
        if self.block.len() + len > MAX_PIECE_LEN {
            self.begin_block();
        }
        &mut self.block
    }

    /// Shares what is in the block, between those that are shared already, and begins another.
    #[cold]
    fn begin_block(&mut self) {
        let block = Bytes::from(mem::replace(&mut self.block, Vec::with_capacity(MAX_PIECE_LEN)));
        let mut from = mem::take(&mut self.written);
        let Shared { payloads, len } = &mut **self.shared.get_or_insert_default();
        *len += block.len() - from;
        let before = payloads.partition_point(|(position, _)| *position <= from);
        let between = payloads.split_off(before);
        if from > 0 {
            payloads.iter_mut().for_each(|(position, _)| *position = 0);
        }
        for (position, payload) in between {
            if position > from {
                payloads.push_back((0, block.slice(from..position)));
            }
            payloads.push_back((0, payload));
            from = position;
        }
        if from < block.len() {
            payloads.push_back((0, block.slice(from..)));
        }
    }

    /// Appends a payload without copying it.
    pub(super) fn push_shared(&mut self, payload: Bytes) {
        if payload.is_empty() {
            return;
        }
        let shared = self.shared.get_or_insert_default();
        shared.len += payload.len();
        shared.payloads.push_back((self.block.len(), payload));
    }

    /// Appends a pong, or keeps it as the newest if too many are unsent.
    ///
    /// §5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response
    /// to previous Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most
    /// recently processed Ping frame."
    pub(super) fn push_pong(&mut self, header: &FrameHeader, payload: &[u8]) {
        let pongs = self.pongs.get_or_insert_default();
        if pongs.ends.len() < MAX_UNSENT_PONGS {
            self.push_frame(header, payload);
            self.note_pong();
        } else {
            pongs.newest.clear();
            header.encode(&mut pongs.newest);
            copy(payload, header.masking_key, 0, &mut pongs.newest);
        }
    }

    /// Remembers where a pong ends that was appended just now.
    fn note_pong(&mut self) {
        let end = self.len() as u64;
        if let Some(pongs) = &mut self.pongs {
            pongs.ends.push_back(pongs.position + end);
        }
    }

    /// Appends the pong that was kept back as soon as there is room for it, and frees the book of
    /// pongs when it has become empty.
    fn queue_newest_pong(&mut self) {
        let Some(pongs) = &mut self.pongs else { return };
        if pongs.ends.len() < MAX_UNSENT_PONGS && !pongs.newest.is_empty() {
            let newest = mem::take(&mut pongs.newest);
            self.block(newest.len()).extend_from_slice(&newest);
            self.note_pong();
        } else if pongs.ends.is_empty() {
            self.pongs = None;
        }
    }

    /// Forgets a pong that was kept back: a close frame follows.
    pub(super) fn drop_late_pong(&mut self) {
        if let Some(pongs) = &mut self.pongs {
            pongs.newest.clear();
        }
    }

    /// Steps over at most `limit` bytes of the first slice.
    fn advance_once(&mut self, limit: usize, finished: &mut impl FnMut(Bytes)) -> usize {
        let end = self.shared.as_ref().and_then(|shared| shared.position());
        let step = limit.min(end.unwrap_or(self.block.len()) - self.written);
        if step > 0 {
            self.written += step;
            return step;
        }
        let step = self.shared.as_mut().map_or(0, |shared| shared.advance(limit, finished));
        self.shared.take_if(|shared| shared.payloads.is_empty());
        step
    }

    /// Frees the written part of the block: at once when it is all, else when it is most, so that
    /// each byte moves at most once on average.
    fn reclaim(&mut self) {
        if self.is_empty() {
            self.block.clear();
            self.written = 0;
        } else if self.written > self.block.len() / 2 && self.written > MIN_SHARED_LEN {
            self.block.drain(..self.written);
            let shared = self.shared.iter_mut().flat_map(|shared| &mut shared.payloads);
            shared.for_each(|(position, _)| *position -= self.written);
            self.written = 0;
        }
    }
}

/// Appends a part of a payload that begins at `offset`.
#[inline]
fn copy(payload: &[u8], key: Option<[u8; 4]>, offset: usize, block: &mut Vec<u8>) {
    match key {
        Some(key) => mask::copy_masked(payload, key, offset, block),
        None => block.extend_from_slice(payload),
    }
}

impl Shared {
    /// Where in the block the first payload comes.
    fn position(&self) -> Option<usize> {
        self.payloads.front().map(|(position, _)| *position)
    }

    /// Steps over at most `limit` bytes of the first payload.
    fn advance(&mut self, limit: usize, finished: &mut impl FnMut(Bytes)) -> usize {
        let Some((_, payload)) = self.payloads.front_mut() else { return 0 };
        let step = limit.min(payload.len());
        payload.advance(step);
        self.len -= step;
        if payload.is_empty()
            && let Some((_, payload)) = self.payloads.pop_front()
        {
            finished(payload);
        }
        step
    }
}

impl Pongs {
    fn advance(&mut self, written: usize) {
        self.position += written as u64;
        while self.ends.front().is_some_and(|end| *end <= self.position) {
            self.ends.pop_front();
        }
    }
}
