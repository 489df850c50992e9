//! Blocks of memory that the connections of a thread share.
//!
//! A connection holds a block only while it reads, or while something waits to be written. One that
//! is idle holds none; that is why ten thousand of them cost so little.
//!
//! Messages that are longer than a block are read into a larger one. Fresh memory costs more than
//! the copies that it is for, a page fault for every 4 KiB, so large blocks are kept as well: few,
//! for all threads, and only while they are being used.

use std::{
    cell::RefCell,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::LocalKey,
};

use bowsprit_proto::deflate::{Compressor, CompressorConfig, Decompressor};
use bytes::Bytes;

/// Length of the blocks that are read into.
pub(crate) const READ_BLOCK_LEN: usize = 64 * 1024;

/// A block that has grown beyond this is freed instead of kept.
const MAX_WRITE_BLOCK_LEN: usize = 256 * 1024;

const FIRST_WRITE_BLOCK_LEN: usize = 4096;

/// How many blocks of each kind a thread keeps.
const MAX_KEPT: usize = 8;

/// How many compression contexts of each kind a thread keeps: some 400 KiB for a pair.
const MAX_KEPT_CONTEXTS: usize = 4;

/// How many bytes of large blocks are kept.
const MAX_LARGE_KEPT_LEN: usize = 16 * 1024 * 1024;

static LARGE_BLOCKS: Mutex<LargeBlocks> =
    Mutex::new(LargeBlocks { blocks: Vec::new(), len: 0, unused: 0 });

/// Blocks of more than [`READ_BLOCK_LEN`] initialised bytes.
struct LargeBlocks {
    blocks: Vec<Vec<u8>>,
    /// Bytes in all of them.
    len: usize,
    /// How many have never been missing since the last trim. These are the first.
    unused: usize,
}

/// A block that a message was read into.
struct Lent(Vec<u8>);

thread_local! {
    static READ_BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static WRITE_BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static COMPRESSORS: RefCell<Vec<Compressor>> = const { RefCell::new(Vec::new()) };
    static DECOMPRESSORS: RefCell<Vec<Decompressor>> = const { RefCell::new(Vec::new()) };
}

/// A block of [`READ_BLOCK_LEN`] initialised bytes.
pub(crate) fn take_read_block() -> Vec<u8> {
    let kept = READ_BLOCKS.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| vec![0; READ_BLOCK_LEN])
}

/// A block that is longer than `len`, for a frame that needs `wanted` bytes.
///
/// What a peer has claimed reserves no memory: a block of all those bytes is taken if there happens
/// to be one, else the length is doubled.
pub(crate) fn take_larger_block(len: usize, wanted: usize) -> Vec<u8> {
    let larger = wanted.min(len.saturating_mul(2)).max(len + 1);
    let mut large = large_blocks();
    let kept = large.take(wanted).or_else(|| large.take(larger));
    drop(large);
    kept.unwrap_or_else(|| vec![0; larger])
}

/// Returns a block that was read into; one that is shorter than a read block is freed.
pub(crate) fn give_read_block(block: Vec<u8>) {
    if block.len() > READ_BLOCK_LEN {
        large_blocks().give(block);
    } else if block.len() == READ_BLOCK_LEN {
        keep(&READ_BLOCKS, block, MAX_KEPT);
    }
}

/// The bytes of a block, which is returned when they are dropped.
pub(crate) fn share_read_block(block: Vec<u8>) -> Bytes {
    Bytes::from_owner(Lent(block))
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
    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let fits = |block: &Vec<u8>| (len..=len.saturating_mul(2)).contains(&block.len());
        let block = self.blocks.remove(self.blocks.iter().rposition(fits)?);
        self.len -= block.len();
        self.unused = self.unused.min(self.blocks.len());
        Some(block)
    }

    fn give(&mut self, block: Vec<u8>) {
        if self.len + block.len() <= MAX_LARGE_KEPT_LEN {
            self.len += block.len();
            self.blocks.push(block);
        }
    }

    /// Takes out what was not needed since the last trim.
    fn trim(&mut self) -> Vec<Vec<u8>> {
        let unused: Vec<Vec<u8>> = self.blocks.drain(..self.unused).collect();
        self.len -= unused.iter().map(Vec::len).sum::<usize>();
        self.unused = self.blocks.len();
        self.blocks.shrink_to_fit();
        unused
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        give_read_block(std::mem::take(&mut self.0));
    }
}

/// An empty block to write frames into.
pub(crate) fn take_write_block() -> Vec<u8> {
    let kept = WRITE_BLOCKS.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| Vec::with_capacity(FIRST_WRITE_BLOCK_LEN))
}

/// Returns a block that has been written out.
pub(crate) fn give_write_block(mut block: Vec<u8>) {
    if block.capacity() <= MAX_WRITE_BLOCK_LEN {
        block.clear();
        keep(&WRITE_BLOCKS, block, MAX_KEPT);
    }
}

/// A compression context of this configuration, if one is kept.
pub(crate) fn take_compressor(config: CompressorConfig) -> Option<Compressor> {
    COMPRESSORS.with_borrow_mut(|kept| {
        let index = kept.iter().rposition(|compressor| compressor.config() == config)?;
        Some(kept.swap_remove(index))
    })
}

/// A compression context of this configuration, kept or fresh.
pub(crate) fn compressor(config: CompressorConfig) -> Compressor {
    take_compressor(config).unwrap_or_else(|| Compressor::new(config))
}

/// Returns a compression context; the one that was kept longest makes room for it.
pub(crate) fn give_compressor(compressor: Compressor) {
    // A thread that ends may drop connections after its pool is gone.
    let _gone = COMPRESSORS.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() >= MAX_KEPT_CONTEXTS {
            drop(kept.remove(0));
        }
        kept.push(compressor);
    });
}

/// A decompression context, if one is kept.
pub(crate) fn take_decompressor() -> Option<Decompressor> {
    DECOMPRESSORS.with_borrow_mut(Vec::pop)
}

/// Returns a decompression context.
pub(crate) fn give_decompressor(decompressor: Decompressor) {
    keep(&DECOMPRESSORS, decompressor, MAX_KEPT_CONTEXTS);
}

fn keep<T>(kept: &'static LocalKey<RefCell<Vec<T>>>, value: T, max: usize) {
    // A thread that ends may drop connections after its pool is gone.
    let _gone = kept.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < max {
            kept.push(value);
        }
    });
}
