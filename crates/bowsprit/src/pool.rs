//! Blocks of memory that the connections of a thread share.
//!
//! A connection holds a block only while it reads, or while something waits to be written. One that
//! is idle holds none; that is why ten thousand of them cost so little.

mod block;

use std::{cell::RefCell, thread::LocalKey};

use bowsprit_proto::deflate::{Backend, Compressor, CompressorConfig, Decompressor};

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

/// Returns a compression context.
pub(crate) fn give_compressor(compressor: Compressor) {
    keep_context(&COMPRESSORS, compressor);
}

/// A decompression context of this backend, if one is kept.
pub(crate) fn take_decompressor(backend: Backend) -> Option<Decompressor> {
    DECOMPRESSORS.with_borrow_mut(|kept| {
        let index = kept.iter().rposition(|decompressor| decompressor.backend() == backend)?;
        Some(kept.swap_remove(index))
    })
}

/// Returns a decompression context.
pub(crate) fn give_decompressor(decompressor: Decompressor) {
    keep_context(&DECOMPRESSORS, decompressor);
}

/// Keeps a context; the one that was kept longest, which may be of a configuration that nobody uses
/// any more, makes room for it.
fn keep_context<T>(kept: &'static LocalKey<RefCell<Vec<T>>>, context: T) {
    // A thread that ends may drop connections after its pool is gone.
    let _gone = kept.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() >= MAX_KEPT_CONTEXTS {
            drop(kept.remove(0));
        }
        kept.push(context);
    });
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

#[cfg(all(test, feature = "zlib"))]
mod tests {
    use super::*;

    #[test]
    fn a_context_goes_only_to_connections_with_its_backend() {
        for _ in 0..2 {
            give_decompressor(Decompressor::new(Backend::Zlib));
            give_decompressor(Decompressor::new(Backend::ZlibRs));
        }
        for backend in [Backend::Zlib, Backend::ZlibRs] {
            for _ in 0..2 {
                let taken = take_decompressor(backend).map(|taken| taken.backend());
                assert_eq!(taken, Some(backend));
            }
            assert!(take_decompressor(backend).is_none());
        }
    }

    #[test]
    fn contexts_of_a_backend_that_is_no_longer_used_make_room() {
        for _ in 0..MAX_KEPT_CONTEXTS {
            give_decompressor(Decompressor::new(Backend::ZlibRs));
        }
        give_decompressor(Decompressor::new(Backend::Zlib));
        assert!(take_decompressor(Backend::Zlib).is_some());
    }
}
