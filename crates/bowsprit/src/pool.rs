//! Blocks of memory that the connections of a thread share.
//!
//! A connection holds a block only while it reads, or while something waits to be written. One that
//! is idle holds none; that is why ten thousand of them cost so little.

mod block;

use std::{cell::RefCell, thread::LocalKey};

use bowsprit_proto::deflate::{Compressor, CompressorConfig, Decompressor};

pub(crate) use self::block::{Block, READ_BLOCK_LEN, trim_large_blocks};

/// A block that has grown beyond this is freed instead of kept.
const MAX_WRITE_BLOCK_LEN: usize = 128 * 1024;

const FIRST_WRITE_BLOCK_LEN: usize = 4096;

/// How many blocks of each kind a thread keeps.
const MAX_KEPT: usize = 8;

/// How many compression contexts of each kind a thread keeps: some 400 KiB for a pair.
const MAX_KEPT_CONTEXTS: usize = 4;

thread_local! {
    static WRITE_BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static COMPRESSORS: RefCell<Vec<Compressor>> = const { RefCell::new(Vec::new()) };
    static DECOMPRESSORS: RefCell<Vec<Decompressor>> = const { RefCell::new(Vec::new()) };
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
