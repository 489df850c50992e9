//! The memory that a buffer works in.

use alloc::vec::Vec;
use core::ops::DerefMut;

use bytes::Bytes;

/// A block of initialised bytes, all of which a [`ReceiveBuffer`](super::ReceiveBuffer) may use.
/// The default is one without any.
///
/// `Vec` is one. A driver that knows better where long blocks come from, or that has memory in
/// which the input is already, brings its own.
pub trait Block: DerefMut<Target = [u8]> + Default {
    /// Lengthens the block to `len` bytes or more, of which the first `kept` are as they were.
    ///
    /// `kept` is no more than the length, which is less than `len`.
    fn grow(&mut self, kept: usize, len: usize);

    /// All bytes of the block, in order, for a message that takes it along.
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

/// A new block of this length.
pub(super) fn block_of<B: Block>(len: usize) -> B {
    let mut block = B::default();
    if len > 0 {
        block.grow(0, len);
    }
    block
}
