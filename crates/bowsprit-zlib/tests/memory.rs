//! What contexts allocate, and what happens when there is nothing to allocate.

#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    panic::{self, UnwindSafe, catch_unwind},
    ptr,
};

use bowsprit_zlib::{
    Deflate, DeflateConfig, DeflateFlush, Inflate, InflateError, InflateFlush, Status,
};

/// Shorter blocks are those of a panic.
const MIN_CONTEXT_LEN: usize = 256;

/// Counts, and refuses one block of a context.
struct Scarce;

// Each test runs in a thread of its own.
thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    /// Which block to refuse: that many go before it.
    static REFUSED: Cell<Option<usize>> = const { Cell::new(None) };
}

#[global_allocator]
static ALLOCATOR: Scarce = Scarce;

fn count(len: isize) {
    ALLOCATED.set(ALLOCATED.get() + len);
}

fn is_refused(layout: Layout) -> bool {
    let is_of_context = layout.align() == 16 && layout.size() >= MIN_CONTEXT_LEN;
    let Some(before) = REFUSED.get().filter(|_| is_of_context) else { return false };
    REFUSED.set(before.checked_sub(1));
    before == 0
}

// SAFETY: every call goes to the system's allocator as it came, or fails.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout) {
            return ptr::null_mut();
        }
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `dealloc`, and all memory is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn allocated() -> isize {
    ALLOCATED.get()
}

fn refuse(place: usize) {
    REFUSED.set(Some(place));
}

/// With the fixed codes: `Hello`.
const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

#[test]
fn contexts_take_no_more_than_they_need() {
    for (window_bits, mem_level, expected) in [
        (15, 9, [400_000, 41_000]),
        (15, 8, [269_000, 41_000]),
        (12, 5, [40_000, 12_000]),
        (9, 1, [9_500, 8_000]),
    ] {
        let before = allocated();
        let raw_bits = -i32::from(window_bits);
        let config = DeflateConfig { window_bits: raw_bits, mem_level, ..Default::default() };
        let mut deflate = Deflate::new_with_config(config);
        let mut output = [0; 100];
        deflate.compress(b"Hello", &mut output, DeflateFlush::SyncFlush).unwrap();
        let compressing = allocated() - before;
        let mut inflate = Inflate::new(false, window_bits);
        inflate.decompress(&HELLO, &mut output, InflateFlush::NoFlush).unwrap();
        let decompressing = allocated() - before - compressing;
        for (len, expected) in [compressing, decompressing].into_iter().zip(expected) {
            assert!(len <= expected && len >= expected / 2, "{len} bytes, not {expected}");
        }
        drop((deflate, inflate));
        assert_eq!(allocated(), before);
    }
}

/// Whether `make` panics, and leaves nothing, if the block at `place` is refused.
fn panics_without(place: usize, make: impl FnOnce() + UnwindSafe) -> bool {
    // What prints a panic would keep memory for the next one.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let before = allocated();
    refuse(place);
    let made = catch_unwind(make).is_ok();
    REFUSED.set(None);
    let after = allocated();
    panic::set_hook(hook);
    assert_eq!(after, before, "at block {place}");
    !made
}

#[test]
fn a_context_that_there_is_no_memory_for_is_a_panic_and_no_leak() {
    let deflate = || drop(Deflate::new_with_config(DeflateConfig::default()));
    let refused = (0..).take_while(|place| panics_without(*place, deflate)).count();
    assert_eq!(refused, 5, "the state, and its four blocks");
    let inflate = || drop(Inflate::new(false, 15));
    assert!(panics_without(0, inflate) && !panics_without(1, inflate));
}

#[test]
fn a_window_that_there_is_no_memory_for_is_an_error() {
    let mut output = [0; 20];
    let mut inflate = Inflate::new(false, 15);
    refuse(0);
    let failed = inflate.decompress(&HELLO, &mut output, InflateFlush::NoFlush);
    assert_eq!(failed, Err(InflateError::MemError));
    let failed = inflate.decompress(&HELLO, &mut output, InflateFlush::NoFlush);
    assert_eq!(failed, Err(InflateError::MemError), "until a reset");
    inflate.reset(false);
    refuse(0);
    assert_eq!(inflate.set_dictionary(b"Hello"), Err(InflateError::MemError));
    inflate.reset(false);
    let done = inflate.decompress(&HELLO, &mut output, InflateFlush::NoFlush);
    assert_eq!((done, &output[..5]), (Ok(Status::Ok), &b"Hello"[..]));
}
