//! Output: frames on their way to the transport.
//!
//! Small frames are joined in one block, so that many leave in one write. A large payload that
//! needs no masking stays where it is and is shared, between two parts of the block:
//!
//! ```text
//!   block   ├─ written ─┼─ frames ─┼ header ┼─ frames ─┤
//!   shared                                ▲ payload goes here
//! ```

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::mem;

use bytes::{Buf, Bytes};

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

/// Payloads that were not copied. There is at least one.
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

    /// The block, to append small frames to.
    pub(super) const fn block(&mut self) -> &mut Vec<u8> {
        &mut self.block
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
    pub(super) fn push_pong(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let pongs = self.pongs.get_or_insert_default();
        if pongs.ends.len() < MAX_UNSENT_PONGS {
            encode(&mut self.block);
            let end = self.len() as u64;
            if let Some(pongs) = &mut self.pongs {
                pongs.ends.push_back(pongs.position + end);
            }
        } else {
            pongs.newest.clear();
            encode(&mut pongs.newest);
        }
    }

    /// Appends the pong that was kept back as soon as there is room for it, and frees the book of
    /// pongs when it has become empty.
    fn queue_newest_pong(&mut self) {
        let Some(pongs) = &mut self.pongs else { return };
        if pongs.ends.len() < MAX_UNSENT_PONGS && !pongs.newest.is_empty() {
            let newest = mem::take(&mut pongs.newest);
            self.push_pong(|block| block.extend_from_slice(&newest));
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
