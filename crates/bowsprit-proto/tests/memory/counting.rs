//! An allocator that counts.

#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicIsize, Ordering},
};

struct Counting;

static ALLOCATED: AtomicIsize = AtomicIsize::new(0);

/// The most that was allocated at a time.
static PEAK: AtomicIsize = AtomicIsize::new(0);

fn count(len: isize) {
    let allocated = ALLOCATED.fetch_add(len, Ordering::Relaxed) + len;
    PEAK.fetch_max(allocated, Ordering::Relaxed);
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `dealloc`, and all memory is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // A large block grows in place, or its pages move: it is not there twice.
        count(new_size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `realloc`, and all memory is the system's.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// What is allocated beyond what was there at the beginning. One at a time.
pub(crate) struct Growth {
    before: isize,
}

impl Growth {
    pub(crate) fn begin() -> Self {
        let before = ALLOCATED.load(Ordering::SeqCst);
        PEAK.store(before, Ordering::SeqCst);
        Self { before }
    }

    pub(crate) fn now(&self) -> usize {
        (ALLOCATED.load(Ordering::SeqCst) - self.before).try_into().unwrap_or(0)
    }

    /// The most at a time.
    pub(crate) fn peak(&self) -> usize {
        (PEAK.load(Ordering::SeqCst) - self.before).try_into().unwrap_or(0)
    }
}
