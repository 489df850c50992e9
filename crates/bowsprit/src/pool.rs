//! Blocks of memory that the connections of a thread share.
//!
//! A connection holds a block only while it reads, or while something waits to be written. One that
//! is idle holds none; that is why ten thousand of them cost so little.

use std::cell::RefCell;

/// Length of the blocks that are read into.
pub(crate) const READ_BLOCK_LEN: usize = 64 * 1024;

/// A block that has grown beyond this is freed instead of kept.
const MAX_WRITE_BLOCK_LEN: usize = 256 * 1024;

const FIRST_WRITE_BLOCK_LEN: usize = 4096;

/// How many blocks of each kind a thread keeps.
const MAX_KEPT: usize = 8;

thread_local! {
    static READ_BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static WRITE_BLOCKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A block of [`READ_BLOCK_LEN`] initialised bytes.
pub(crate) fn take_read_block() -> Vec<u8> {
    let kept = READ_BLOCKS.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| vec![0; READ_BLOCK_LEN])
}

/// Returns a block that was read into; one of another length is freed.
pub(crate) fn give_read_block(block: Vec<u8>) {
    if block.len() == READ_BLOCK_LEN {
        keep(&READ_BLOCKS, block);
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
        keep(&WRITE_BLOCKS, block);
    }
}

fn keep(kept: &'static std::thread::LocalKey<RefCell<Vec<Vec<u8>>>>, block: Vec<u8>) {
    // A thread that ends may drop connections after its pool is gone.
    let _gone = kept.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < MAX_KEPT {
            kept.push(block);
        }
    });
}
