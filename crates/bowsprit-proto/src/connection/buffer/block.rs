//! The memory of a buffer.

use alloc::vec::Vec;
use core::ops::DerefMut;

use bytes::Bytes;

/// A block of initialised bytes, all of which a [`ReceiveBuffer`](super::ReceiveBuffer) may use.
/// The default is an empty block.
///
/// `Vec<u8>` implements it. A driver with its own allocator for long blocks, or with memory that
/// already holds the input, implements it for its own type.
pub trait Block: DerefMut<Target = [u8]> + Default {
    /// Grows the block to at least `len` bytes and preserves the first `kept` ones.
    ///
    /// `kept` is at most the current length, which is less than `len`.
    fn grow(&mut self, kept: usize, len: usize);

    /// Converts the block into `Bytes`, for a message that takes ownership of it.
    #[must_use]
    fn into_bytes(self) -> Bytes;
}

impl Block for Vec<u8> {
    fn grow(&mut self, kept: usize, len: usize) {
        if kept == 0 {
            // The system may have zeros that nobody needs to write.
            *self = Self::new();
            *self = alloc::vec![0; len];
        } else {
            self.reserve_exact(len - self.len());
            self.resize(len, 0);
        }
    }

    fn into_bytes(self) -> Bytes {
        self.into()
    }
}

/// Allocates a block of this length.
pub(super) fn block_of<B: Block>(len: usize) -> B {
    let mut block = B::default();
    if len > 0 {
        block.grow(0, len);
    }
    block
}
