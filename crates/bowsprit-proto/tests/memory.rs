//! What stays allocated, counted by the allocator itself.
//!
//! One test, as others in the same process would be counted too.

#![expect(unsafe_code, reason = "a global allocator is unsafe to implement")]
#![expect(clippy::unwrap_used, reason = "a test may stop where it is surprised")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicIsize, Ordering},
};

use bowsprit_proto::{Limits, Message, Output, Progress, ReceiveBuffer, Receiver, Role, Sender};

struct Counting;

static ALLOCATED: AtomicIsize = AtomicIsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size().cast_signed(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, and all memory is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `work` and returns what it made, with the bytes that are still allocated because of it.
fn allocated_by<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.load(Ordering::SeqCst);
    let made = work();
    let after = ALLOCATED.load(Ordering::SeqCst);
    (made, (after - before).try_into().unwrap_or(0))
}

/// A frame from a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Output::new();
    let mut sender = Sender::server();
    sender.binary(payload, &mut out).unwrap();
    let mut bytes: Vec<u8> = out.slices().flatten().copied().collect();
    bytes[0] = first;
    bytes
}

fn receive_all(input: &mut ReceiveBuffer, receiver: &mut Receiver, kept: &mut Vec<Message>) {
    while receiver.receive(input).unwrap() == Progress::Event {
        kept.extend(input.take_message());
    }
}

fn small_messages_that_are_kept_keep_no_block() {
    let bytes = frame(0x82, &[7; 64]).repeat(1000);
    let mut kept = Vec::with_capacity(1000);
    let ((), allocated) = allocated_by(|| {
        let mut input = ReceiveBuffer::new();
        drop(input.replace_block(vec![0; 65536]));
        let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
        input.extend(&bytes);
        receive_all(&mut input, &mut receiver, &mut kept);
    });
    assert_eq!(kept.len(), 1000);
    assert!(allocated <= 1000 * 128, "{} bytes for each message of 64", allocated / 1000);
}

fn a_large_message_is_kept_in_at_most_twice_its_length() {
    for len in [20_000, 100_000, 1_000_000] {
        let bytes = frame(0x82, &vec![7; len]);
        let mut kept = Vec::with_capacity(1);
        let ((), allocated) = allocated_by(|| {
            let mut input = ReceiveBuffer::new();
            let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
            for piece in bytes.chunks(1400) {
                input.extend(piece);
                receive_all(&mut input, &mut receiver, &mut kept);
            }
            assert!(input.is_empty());
            assert_eq!(input.block_len(), 0, "the block went with the message");
        });
        assert_eq!(kept[0].len(), len);
        assert!(allocated <= 2 * len, "{allocated} bytes for {len}");
    }
}

fn a_claimed_length_allocates_nothing() {
    for len in [15_900_000_u64, 1 << 62] {
        let header = [&[0x82, 127], &len.to_be_bytes()[..]].concat();
        let mut input = ReceiveBuffer::new();
        let mut receiver = Receiver::new(Role::Client, Limits::NONE);
        let (progress, allocated) = allocated_by(|| {
            input.extend(&header);
            let progress = receiver.receive(&mut input);
            assert!(!input.spare_mut().is_empty());
            progress
        });
        assert_eq!(progress, Ok(Progress::NeedData));
        assert!(allocated <= 4096, "{allocated} bytes for a header");
    }
}

fn an_idle_connection_holds_nothing() {
    let bytes = [frame(0x89, b"ping"), frame(0x82, &[7; 3000])].concat();
    let mut input = ReceiveBuffer::new();
    let mut out = Output::new();
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut sender = Sender::client(|| [1; 4]);
    let ((), allocated) = allocated_by(|| {
        for _ in 0..10 {
            input.extend(&bytes);
            while receiver.receive(&mut input).unwrap() == Progress::Event {
                sender.respond(&input.event().unwrap(), &mut out);
            }
            sender.message(vec![1; 20_000].into(), &mut out).unwrap();
            sender.text("reply", &mut out).unwrap();
            while !out.is_empty() {
                out.advance(out.len().min(1000));
            }
        }
        drop(out.take_block());
        drop(input.replace_block(Vec::new()));
    });
    assert_eq!(allocated, 0);
}

fn pings_without_end_are_held_in_constant_memory() {
    let pings = frame(0x89, &[7; 125]).repeat(100);
    let mut input = ReceiveBuffer::new();
    let mut out = Output::new();
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut sender = Sender::client(|| [1; 4]);
    let ((), allocated) = allocated_by(|| {
        for _ in 0..1000 {
            input.extend(&pings);
            while receiver.receive(&mut input).unwrap() == Progress::Event {
                sender.respond(&input.event().unwrap(), &mut out);
            }
        }
    });
    assert!(allocated <= 32 * 1024, "{allocated} bytes for 100,000 pings");
}

/// RFC: 10.4-1
#[test]
fn memory_follows_what_is_held_and_not_what_is_claimed() {
    small_messages_that_are_kept_keep_no_block();
    a_large_message_is_kept_in_at_most_twice_its_length();
    a_claimed_length_allocates_nothing();
    an_idle_connection_holds_nothing();
    pings_without_end_are_held_in_constant_memory();
}
