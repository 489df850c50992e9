//! Output: frames that wait to be written to the transport.
//!
//! Small frames are collected in one block, so that many go out in one write. A large payload that
//! needs no masking is shared instead of copied, and is written between two parts of the block:
//!
//! ```text
//!   block   ├─ written ─┼─ frames ─┼ header ┼─ frames ─┤
//!   shared                                ▲ payload goes here
//! ```
//!
//! A full block becomes a shared payload as well, and a new block is begun, so blocks stay short.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::mem;

use bytes::{Buf, Bytes};

use crate::{FrameHeader, mask, pieces::MAX_PIECE_LEN};

/// How many pongs may wait to be written before only the newest is kept.
const MAX_UNSENT_PONGS: usize = 16;

/// Payloads of at least this length are shared instead of copied.
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
    /// Present only while some wait: most connections have none.
    shared: Option<Box<Shared>>,
    /// Allocated at the first ping.
    pongs: Option<Box<Pongs>>,
}

/// Payloads that were not copied, and full blocks. There is at least one.
#[derive(Debug, Default)]
struct Shared {
    /// Each with its position in the block.
    payloads: VecDeque<(usize, Bytes)>,
    len: usize,
}

/// Bookkeeping of pongs that are not written yet.
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
    /// Creates an output without a block.
    #[must_use]
    pub const fn new() -> Self {
        Self { block: Vec::new(), written: 0, shared: None, pongs: None }
    }

    /// The number of bytes that wait to be written.
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

    /// All bytes that wait to be written, if they are contiguous, so that no vectored write is
    /// needed.
    #[must_use]
    #[inline]
    pub fn contiguous(&self) -> Option<&[u8]> {
        self.shared.is_none().then(|| &self.block[self.written..])
    }

    /// The slices that wait to be written, in order, for a vectored write. None of them is empty.
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

    /// Reports that the first `written` bytes have been written.
    ///
    /// # Panics
    ///
    /// If that is more than [`len`](Self::len).
    pub fn advance(&mut self, written: usize) {
        self.advance_with(written, drop);
    }

    /// Like [`advance`](Self::advance), but passes the shared payloads that have been written to
    /// `finished`, for callers that must not drop them here: dropping may run code of the owner of
    /// the bytes.
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

    /// Takes the block, once everything is written, so that a pool can lend it to others.
    #[must_use]
    pub fn take_block(&mut self) -> Option<Vec<u8>> {
        (self.is_empty() && self.block.capacity() > 0).then(|| {
            self.written = 0;
            mem::take(&mut self.block)
        })
    }

    /// Whether there is memory for frames; if not, [`set_block`](Self::set_block) can lend some.
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

    /// Appends a frame; a client's is masked while it is copied. Inlined, because a call would cost
    /// a twentieth of what a short message costs here.
    #[inline(always)]
    pub(super) fn push_frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        if self.block.len() + payload.len() > MAX_PIECE_LEN - FrameHeader::MAX_LEN {
            return self.push_long_frame(header, [payload]);
        }
        header.encode(&mut self.block);
        copy(payload, header.masking_key, 0, &mut self.block);
    }

    /// Like [`push_frame`](Self::push_frame), for a payload that does not fit into the rest of the
    /// block, or is in pieces.
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

    /// Returns the block, with room to append this many bytes.
    #[inline]
    pub(super) fn block(&mut self, len: usize) -> &mut Vec<u8> {
        if self.block.len() + len > MAX_PIECE_LEN {
            self.begin_block();
        }
        &mut self.block
    }

    /// Moves the block's contents to the shared payloads, in order, and begins a new block.
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

    /// Records where the pong ends that was just appended.
    fn note_pong(&mut self) {
        let end = self.len() as u64;
        if let Some(pongs) = &mut self.pongs {
            pongs.ends.push_back(pongs.position + end);
        }
    }

    /// Appends the pong that was held back as soon as there is room, and frees the bookkeeping once
    /// it is empty.
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

    /// Drops a pong that was held back: a close frame follows.
    pub(super) fn drop_late_pong(&mut self) {
        if let Some(pongs) = &mut self.pongs {
            pongs.newest.clear();
        }
    }

    /// Advances over at most `limit` bytes of the first slice.
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

    /// Frees the written part of the block: at once if it is the whole block, else once it is more
    /// than the rest, so that each byte moves at most once on average.
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
    /// The position of the first payload in the block.
    fn position(&self) -> Option<usize> {
        self.payloads.front().map(|(position, _)| *position)
    }

    /// Advances over at most `limit` bytes of the first payload.
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
