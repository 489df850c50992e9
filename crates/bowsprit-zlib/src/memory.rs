//! zlib's memory, from Rust's allocator: whatever a program allocates with, and counts, holds for
//! contexts as well.

use alloc::alloc::{alloc, dealloc};
use core::{alloc::Layout, ptr};

use libz_sys::{uInt, voidpf};

/// What precedes a block: its length, as zlib does not tell it when it frees. As long as the
/// alignment that `malloc` gives, which zlib may count on.
const HEADER_LEN: usize = 16;

/// The block of so many items with its header; `None` if that is more than memory can be.
fn layout(items: uInt, item_len: uInt) -> Option<Layout> {
    let len = usize::try_from(items).ok()?.checked_mul(usize::try_from(item_len).ok()?)?;
    Layout::from_size_align(len.checked_add(HEADER_LEN)?, HEADER_LEN).ok()
}

/// zlib's `zalloc`: null if there is no memory.
pub(crate) extern "C" fn allocate(_: voidpf, items: uInt, item_len: uInt) -> voidpf {
    let Some(layout) = layout(items, item_len) else { return ptr::null_mut() };
    // SAFETY: the layout has the length of the header at least, which is not zero.
    let block = unsafe { alloc(layout) };
    if block.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the block begins with room for a header, is aligned to more than a `usize`, and does
    // not end before what follows the header begins.
    unsafe {
        block.cast::<usize>().write(layout.size());
        block.add(HEADER_LEN).cast()
    }
}

/// zlib's `zfree`.
///
/// # Safety
///
/// `address` was returned by [`allocate`], is not null, and is not used any more.
pub(crate) unsafe extern "C" fn free(_: voidpf, address: voidpf) {
    // SAFETY: `allocate` has returned the address of what follows a header, in which it has
    // written the size of a layout whose alignment is the header's length.
    unsafe {
        let block = address.cast::<u8>().sub(HEADER_LEN);
        let len = block.cast::<usize>().read();
        dealloc(block, Layout::from_size_align_unchecked(len, HEADER_LEN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_can_be_written_to_its_end_and_freed() {
        for (items, item_len) in [(0, 1), (1, 1), (3, 5), (1 << 15, 2)] {
            let block = allocate(ptr::null_mut(), items, item_len);
            assert!(!block.is_null());
            assert_eq!(block.addr() % HEADER_LEN, 0);
            // SAFETY: the block is as long as was asked for, and is freed once.
            unsafe {
                block.cast::<u8>().write_bytes(0xEE, (items * item_len) as usize);
                free(ptr::null_mut(), block);
            }
        }
    }

    #[test]
    fn what_no_memory_can_hold_is_refused() {
        #[cfg(target_pointer_width = "64")]
        assert!(layout(uInt::MAX, uInt::MAX).is_none());
        assert!(allocate(ptr::null_mut(), uInt::MAX, uInt::MAX).is_null());
    }
}
