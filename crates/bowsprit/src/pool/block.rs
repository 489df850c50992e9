//! Blocks that are read into, and that messages are decompressed into.
//!
//! They are mappings of their own: what is no longer used goes back to the system at once, wherever
//! it lies between what is. An allocator keeps such memory in its heap, as soon as a few long
//! blocks have been freed. Only what is short comes from the heap: a part of a message that waits
//! for the rest.
//!
//! Fresh memory costs more than the copies that it is for, a page fault for every 4 KiB, so large
//! blocks are kept as well: few, for all threads, and only while they are being used.

use std::{
    cell::RefCell,
    mem,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bowsprit_proto as proto;
use bytes::Bytes;
use memmap2::MmapMut;

use super::{MAX_KEPT, keep};

/// Length of the blocks that are read into.
pub(crate) const READ_BLOCK_LEN: usize = 64 * 1024;

/// How many bytes of large blocks are kept.
const MAX_LARGE_KEPT_LEN: usize = 16 * 1024 * 1024;

static LARGE_BLOCKS: Mutex<LargeBlocks> =
    Mutex::new(LargeBlocks { blocks: Vec::new(), len: 0, unused: 0 });

thread_local! {
    static READ_BLOCKS: RefCell<Vec<Memory>> = const { RefCell::new(Vec::new()) };
}

/// Initialised bytes. A block that others can use is kept for them when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Block(Memory);

#[derive(Debug)]
enum Memory {
    Heap(Vec<u8>),
    Mapped(MmapMut),
}

/// Blocks of more than [`READ_BLOCK_LEN`] bytes.
struct LargeBlocks {
    blocks: Vec<Memory>,
    /// Bytes in all of them.
    len: usize,
    /// How many have never been missing since the last trim. These are the first.
    unused: usize,
}

impl Block {
    /// A block of [`READ_BLOCK_LEN`] bytes.
    pub(crate) fn to_read() -> Self {
        let kept = READ_BLOCKS.with_borrow_mut(Vec::pop);
        Self(kept.unwrap_or_else(|| Memory::new(READ_BLOCK_LEN)))
    }

    /// A block that is just long enough for what has come of a frame.
    pub(crate) fn to_wait(len: usize) -> Self {
        Self(Memory::Heap(vec![0; len]))
    }

    /// A block that is longer than `len`, for a frame that needs `wanted` bytes.
    ///
    /// What a peer has claimed reserves no memory: a block of all those bytes is taken if there
    /// happens to be one, else the length is doubled.
    pub(crate) fn larger(len: usize, wanted: usize) -> Self {
        let larger = wanted.min(len.saturating_mul(2)).max(len + 1);
        let mut large = large_blocks();
        let kept = large.take(wanted).or_else(|| large.take(larger));
        drop(large);
        Self(kept.unwrap_or_else(|| Memory::new(larger)))
    }
}

impl proto::Block for Block {
    fn grow(&mut self, kept: usize, len: usize) {
        let larger = match len {
            ..READ_BLOCK_LEN => Self(Memory::new(len)),
            READ_BLOCK_LEN => Self::to_read(),
            _ => {
                let kept = large_blocks().take(len);
                Self(kept.unwrap_or_else(|| Memory::new(len)))
            }
        };
        let shorter = mem::replace(self, larger);
        self[..kept].copy_from_slice(&shorter[..kept]);
    }

    fn into_bytes(mut self) -> Bytes {
        match &mut self.0 {
            Memory::Heap(block) if block.len() < READ_BLOCK_LEN => mem::take(block).into(),
            _ => Bytes::from_owner(self),
        }
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Block {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Memory::Heap(block) => block,
            Memory::Mapped(block) => block,
        }
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Block {
    #[inline]
    fn drop(&mut self) {
        if self.len() >= READ_BLOCK_LEN {
            mem::take(&mut self.0).give_back();
        }
    }
}

impl Memory {
    /// Fresh memory, which comes from the heap if it is short, or if there are no mappings: not on
    /// this system, or no more of them.
    fn new(len: usize) -> Self {
        if len >= READ_BLOCK_LEN
            && let Ok(block) = MmapMut::map_anon(len)
        {
            return Self::Mapped(block);
        }
        Self::Heap(vec![0; len])
    }

    #[inline(never)]
    fn give_back(self) {
        if self.len() == READ_BLOCK_LEN {
            keep(&READ_BLOCKS, self, MAX_KEPT);
        } else {
            let surplus = large_blocks().give(self);
            drop(surplus);
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Deref for Memory {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(block) => block,
            Self::Mapped(block) => block,
        }
    }
}

/// Frees the large blocks that nobody has needed since the last time.
pub(crate) fn trim_large_blocks() {
    let unused = large_blocks().trim();
    drop(unused);
}

fn large_blocks() -> MutexGuard<'static, LargeBlocks> {
    LARGE_BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LargeBlocks {
    /// Takes a block of `len` to twice as many bytes, the one that was used last: a message that
    /// fills less than half of its block is copied out of it.
    fn take(&mut self, len: usize) -> Option<Memory> {
        let fits = |block: &Memory| (len..=len.saturating_mul(2)).contains(&block.len());
        let block = self.blocks.remove(self.blocks.iter().rposition(fits)?);
        self.len -= block.len();
        self.unused = self.unused.min(self.blocks.len());
        Some(block)
    }

    /// Keeps a block, or returns it if there is no room, to be freed without the lock.
    fn give(&mut self, block: Memory) -> Option<Memory> {
        if self.len + block.len() > MAX_LARGE_KEPT_LEN {
            return Some(block);
        }
        self.len += block.len();
        self.blocks.push(block);
        None
    }

    /// Takes out what was not needed since the last trim.
    fn trim(&mut self) -> Vec<Memory> {
        let unused: Vec<Memory> = self.blocks.drain(..self.unused).collect();
        self.len -= unused.iter().map(|block| block.len()).sum::<usize>();
        self.unused = self.blocks.len();
        self.blocks.shrink_to_fit();
        unused
    }
}

#[cfg(test)]
mod tests {
    use proto::Block as _;

    use super::*;

    fn is_mapped(block: &Block) -> bool {
        matches!(block.0, Memory::Mapped(_))
    }

    #[test]
    fn a_block_is_a_mapping_from_the_length_on_that_is_read_at_once() {
        let mut block = Block::default();
        for (len, mapped) in [(100, false), (65_535, false), (65_536, true), (1 << 20, true)] {
            let kept = block.len();
            block.grow(kept, len);
            assert!(block.len() >= len);
            assert_eq!(is_mapped(&block), mapped, "{len}");
            assert!(block[..kept].iter().all(|byte| *byte == 7), "what was in it");
            block.fill(7);
        }
        let place = block.as_ptr();
        let bytes = block.into_bytes();
        assert_eq!(bytes.as_ptr(), place, "nothing is copied");
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for_and_nothing_that_is_not_used() {
        let mut large = LargeBlocks { blocks: Vec::new(), len: 0, unused: 0 };
        for _ in 0..16 {
            assert!(large.give(Memory::new(1 << 20)).is_none());
        }
        assert!(large.give(Memory::new(1 << 20)).is_some());
        assert_eq!(large.trim().len(), 0);
        let used = large.take(1 << 20).unwrap();
        assert!(large.give(used).is_none());
        assert_eq!((large.trim().len(), large.len), (15, 1 << 20));
        assert_eq!((large.trim().len(), large.len), (1, 0));
    }
}
