//! Bytes in pieces, which avoids long blocks that an allocator may not return to the system.

use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

/// The longest piece.
pub(crate) const MAX_PIECE_LEN: usize = 64 * 1024;

/// Consecutive bytes, in more than one piece if there are many.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    full: Vec<Vec<u8>>,
    full_len: usize,
    last: Vec<u8>,
}

impl Pieces {
    /// Room for at least `min` more bytes at the end of a piece.
    pub(crate) fn last_mut(&mut self, min: usize) -> &mut Vec<u8> {
        if self.last.len() + min > MAX_PIECE_LEN {
            self.full_len += self.last.len();
            self.full.push(mem::replace(&mut self.last, Vec::with_capacity(MAX_PIECE_LEN)));
        }
        &mut self.last
    }

    /// Takes what up to `len` bytes need beside their pieces, and the first piece, if there will be
    /// more of them. Short memory between two pieces would keep an allocator from giving them back.
    pub(crate) fn begin(&mut self, len: usize) {
        if len > MAX_PIECE_LEN {
            self.full.reserve_exact(len / MAX_PIECE_LEN + 2);
            self.last.reserve_exact(MAX_PIECE_LEN);
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.full_len + self.last.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.full.iter().chain([&self.last]).map(|piece| &piece[..])
    }

    /// Removes the suffix `end`, if the bytes have it.
    pub(crate) fn strip(&mut self, end: &[u8]) {
        if self.last.len() < end.len()
            && let Some(mut before) = self.full.pop()
        {
            self.full_len -= before.len();
            before.reserve_exact(self.last.len());
            before.append(&mut self.last);
            self.last = before;
        }
        if self.last.ends_with(end) {
            self.last.truncate(self.last.len() - end.len());
        }
    }

    /// Clears the bytes, keeping at most this much memory.
    pub(crate) fn clear(&mut self, max_kept: usize) {
        (self.full, self.full_len) = (Vec::new(), 0);
        if self.last.capacity() > max_kept {
            self.last = Vec::new();
        }
        self.last.clear();
    }

    /// Takes the pieces without copying.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Bytes> {
        let Self { full, last, .. } = mem::take(self);
        full.into_iter().chain([last]).map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PIECE_LEN, Pieces};

    const END: &[u8] = &[0, 0, 0xff, 0xff];

    /// Bytes of which the last piece has only so many of the end's.
    fn ending_across(split: usize) -> Pieces {
        let mut pieces = Pieces::default();
        pieces.last_mut(MAX_PIECE_LEN).resize(MAX_PIECE_LEN - END.len() + split, 7);
        pieces.last_mut(0).extend_from_slice(&END[..END.len() - split]);
        pieces.last_mut(END.len()).extend_from_slice(&END[END.len() - split..]);
        pieces
    }

    #[test]
    fn an_end_is_taken_away_wherever_it_is_split() {
        for split in 0..=END.len() {
            let mut pieces = ending_across(split);
            let len = pieces.len() - END.len();
            pieces.strip(END);
            assert_eq!(pieces.len(), len, "{split}");
            assert_eq!(pieces.iter().map(<[u8]>::len).sum::<usize>(), len, "{split}");
            assert!(pieces.iter().flatten().all(|byte| *byte == 7), "{split}");
        }
    }

    #[test]
    fn what_is_not_the_end_stays() {
        let mut pieces = ending_across(2);
        let len = pieces.len();
        pieces.strip(&[1, 0, 0xff, 0xff]);
        assert_eq!(pieces.len(), len);
    }
}
