//! Memory that messages are decompressed into.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{ReceiveBuffer, is_worth_handing_over};

impl ReceiveBuffer {
    /// Takes the memory that messages are decompressed into, if it holds nothing, for a pool.
    #[must_use]
    pub fn take_scratch(&mut self) -> Option<Vec<u8>> {
        self.release();
        self.inflated.take_if(|inflated| inflated.is_empty()).map(|inflated| *inflated)
    }

    /// Lends empty memory to decompress messages into.
    pub fn lend_scratch(&mut self, scratch: Vec<u8>) {
        if self.inflated.is_none() && scratch.is_empty() {
            self.inflated = Some(Box::new(scratch));
        }
    }

    /// The decompressed part of the message under way.
    pub(crate) fn inflated(&self) -> &[u8] {
        self.inflated.as_ref().map_or(&[], |inflated| inflated)
    }

    pub(super) fn inflated_mut(&mut self) -> &mut Vec<u8> {
        self.inflated.get_or_insert_default()
    }

    pub(super) fn take_inflated(&mut self) -> Bytes {
        let is_worth_it = |inflated: &mut Box<Vec<u8>>| {
            is_worth_handing_over(inflated.len(), inflated.capacity())
        };
        if let Some(inflated) = self.inflated.take_if(is_worth_it) {
            return Bytes::from(*inflated);
        }
        let inflated = self.inflated_mut();
        let copy = Bytes::copy_from_slice(inflated);
        inflated.clear();
        copy
    }
}
