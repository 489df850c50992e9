//! Memory to receive in: the chunk that a socket has read, for as long as a call lasts, or a block
//! of its own for what waits for the next chunk.

use std::{
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use bowsprit_proto::Block;
use bytes::Bytes;

/// A block that may be somebody else's.
pub(crate) enum Memory {
    Owned(Vec<u8>),
    /// Memory of JavaScript. Whoever lends it takes it away before the call ends.
    Lent(NonNull<u8>, usize),
}

// SAFETY: a block of its own may go to any thread. What is lent is taken away before the call ends,
// and nothing is sent to another thread during a call.
unsafe impl Send for Memory {}

impl Memory {
    /// Lends a slice for as long as the result, or what it is moved into, is kept.
    ///
    /// # Safety
    ///
    /// The result has to be dropped, without being used again, before `slice` is used by anybody
    /// else.
    pub(crate) unsafe fn lend(slice: &mut [u8]) -> Self {
        Self::Lent(NonNull::from(&mut *slice).cast(), slice.len())
    }

    /// A block of its own, of this length.
    pub(crate) fn owned(len: usize) -> Self {
        Self::Owned(vec![0; len])
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::Owned(Vec::new())
    }
}

impl Deref for Memory {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(block) => block,
            // SAFETY: `lend` made it from a slice that nobody else uses until this is dropped.
            Self::Lent(start, len) => unsafe { std::slice::from_raw_parts(start.as_ptr(), *len) },
        }
    }
}

impl DerefMut for Memory {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Owned(block) => block,
            // SAFETY: as in `deref`; the slice was an exclusive one.
            Self::Lent(start, len) => unsafe {
                std::slice::from_raw_parts_mut(start.as_ptr(), *len)
            },
        }
    }
}

impl Block for Memory {
    fn grow(&mut self, kept: usize, len: usize) {
        match self {
            Self::Owned(block) => block.grow(kept, len),
            Self::Lent(..) => {
                let mut block = vec![0; len];
                block[..kept].copy_from_slice(&self[..kept]);
                *self = Self::Owned(block);
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Owned(block) => block.into(),
            Self::Lent(..) => Bytes::copy_from_slice(&self),
        }
    }
}
