//! The receive buffer: it grows with what has arrived and lets go of what is done.

use std::ops::{Deref, DerefMut};

use bowsprit_proto::{
    Block, Event, Limits, Message, ReceiveBuffer, Receiver, Role,
    deflate::{Deflate, FrameCompressor},
    handshake::Version,
};
use bytes::Bytes;
use proptest::prelude::*;

use super::{
    deflate::{agree, noise},
    pair::{EVENT, End, KEY, NEED_DATA, Seen, frame, frames, receive, receive_chunk},
};

const FIRST_BLOCK_LEN: usize = 4096;

fn client() -> (Receiver, ReceiveBuffer) {
    (Receiver::new(Role::Client, Limits::CLIENT), ReceiveBuffer::new())
}

/// Reads `bytes` in reads of at most `read_len` and returns the messages and the number of reads.
/// Asserts on the way that the block is at most twice as long as what it has to hold.
fn read_all(bytes: &[u8], read_len: usize) -> (Vec<Message>, usize) {
    let (mut receiver, mut input) = client();
    let (mut messages, mut reads, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let live = input.live_len();
        let spare = input.spare_mut();
        let len = spare.len().min(read_len).min(bytes.len() - at);
        spare[..len].copy_from_slice(&bytes[at..at + len]);
        input.advance(len);
        (at, reads) = (at + len, reads + 1);
        let bound = (2 * live).max(FIRST_BLOCK_LEN);
        assert!(input.block_len() <= bound.max(live + 1), "{} for {live}", input.block_len());
        while receive(&mut receiver, &mut input).unwrap() {
            messages.extend(input.take_message());
        }
    }
    assert!(input.is_empty());
    (messages, reads)
}

#[test]
fn a_block_is_at_most_twice_as_long_as_what_has_arrived() {
    for len in [5_000, 9_000, 100_000, 1_000_000] {
        let bytes = frame(Role::Server, 0x82, &vec![1; len]);
        for read_len in [1000, 4096, 65536, usize::MAX] {
            let (messages, _) = read_all(&bytes, read_len);
            assert_eq!(messages, [Message::from(vec![1; len])]);
        }
    }
}

#[test]
fn a_large_message_takes_few_reads_when_there_is_much_to_read() {
    let bytes = frame(Role::Server, 0x82, &vec![1; 1_000_000]);
    let (_, reads) = read_all(&bytes, usize::MAX);
    assert!(reads <= 12, "{reads} reads");
}

#[test]
fn a_message_in_many_small_fragments_takes_few_reads_too() {
    let piece = vec![1; 300];
    let pieces = (0..4000).map(|i| (if i == 0 { 0x02 } else { 0x00 }, &piece[..]));
    let mut bytes = frames(Role::Server, pieces);
    bytes.extend(frame(Role::Server, 0x80, b""));
    let (messages, reads) = read_all(&bytes, usize::MAX);
    assert_eq!(messages[0].len(), 1_200_000);
    assert!(reads <= 40, "{reads} reads");
}

#[test]
fn small_messages_are_read_many_at_a_time() {
    let bytes: Vec<u8> = (0..10_000).flat_map(|_| frame(Role::Server, 0x82, &[7; 20])).collect();
    let (messages, reads) = read_all(&bytes, usize::MAX);
    assert_eq!(messages.len(), 10_000);
    assert!(reads <= 2 * bytes.len() / FIRST_BLOCK_LEN, "{reads} reads");
}

/// RFC: 10.4-1
#[test]
fn a_length_that_is_only_claimed_reserves_nothing() {
    for len in [15_900_000_u64, 1 << 62] {
        let mut receiver = Receiver::new(Role::Server, Limits::NONE);
        let mut input = ReceiveBuffer::new();
        input.extend(&[&[0x82, 0x80 | 127], &len.to_be_bytes()[..], &KEY].concat());
        assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
        assert!(!input.spare_mut().is_empty());
        assert!(input.block_len() <= FIRST_BLOCK_LEN, "{} bytes", input.block_len());
    }
}

#[test]
fn only_a_message_that_needs_it_wants_a_longer_block() {
    // What fills a block, and the end of it that is held when all before it is done.
    let short = frame(Role::Server, 0x89, b"ping").repeat(FIRST_BLOCK_LEN);
    let long = frame(Role::Server, 0x82, &[7; 50_000]);
    let begun = [frame(Role::Server, 0x02, &[7; 3_000]), frame(Role::Server, 0x00, b"")].concat();
    let begun = [&begun, &frame(Role::Server, 0x00, b"x").repeat(FIRST_BLOCK_LEN)[..]].concat();
    for (bytes, wanted) in [(short, None), (long, Some(50_000)), (begun, Some(usize::MAX))] {
        let (mut receiver, mut input) = client();
        let spare = input.spare_mut();
        let len = spare.len();
        spare.copy_from_slice(&bytes[..len]);
        input.advance(len);
        while receive(&mut receiver, &mut input) == EVENT {}
        assert_eq!(input.wanted_block_len(), wanted, "{} are live", input.live_len());
    }
}

#[test]
fn a_message_that_is_not_held_in_its_block_wants_no_longer_one() {
    let deflate = Deflate::client();
    let (_, parameters) = agree(&deflate, &deflate).unwrap();
    let mut compressed = Vec::new();
    let mut compressor = FrameCompressor::new(&parameters.server, &deflate);
    compressor.frame(&noise(50_000, 1), true, &mut compressed);
    let compressed = frame(Role::Server, 0xC2, &compressed);
    // Its first chunk ends within a character.
    let text = frame(Role::Server, 0x81, format!("x{}", "€".repeat(50_000)).as_bytes());
    for (bytes, receive) in
        [(compressed, receive as fn(&mut _, &mut _) -> _), (text, receive_chunk)]
    {
        let (receiver, mut input) = client();
        let mut receiver = receiver.with_deflate(&parameters, &deflate);
        input.extend(&bytes[..FIRST_BLOCK_LEN]);
        while receive(&mut receiver, &mut input) == EVENT {}
        assert!(input.live_len() < 3);
        assert_eq!(input.wanted_block_len(), None);
    }
}

#[test]
fn an_empty_buffer_holds_no_memory_and_can_give_its_block_back() {
    let (mut receiver, mut input) = client();
    assert!(input.is_empty());
    assert_eq!((input.block_len(), input.live_len()), (0, 0));
    input.extend(&frame(Role::Server, 0x81, b"hello"));
    assert!(!input.is_empty());
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert!(!input.is_empty(), "there is an event");
    assert_eq!(input.take_message(), Some(Message::text("hello")));
    assert!(input.is_empty());
    let block = input.replace_block(Vec::new());
    assert_eq!((block.len(), input.block_len()), (FIRST_BLOCK_LEN, 0));
    input.extend(&frame(Role::Server, 0x81, b"again"));
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.event(), Some(Event::Text("again")));
}

#[test]
fn a_block_can_be_replaced_in_the_middle_of_a_message() {
    let (mut receiver, mut input) = client();
    let bytes = frames(Role::Server, [(0x01, &b"one "[..]), (0x00, b"two "), (0x80, b"three")]);
    input.extend(&bytes[..14]);
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
    assert_eq!(input.live_len(), b"one two ".len());
    let old = input.replace_block(vec![0; input.live_len()]);
    assert_eq!(old.len(), FIRST_BLOCK_LEN);
    input.extend(&bytes[14..]);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.event(), Some(Event::Text("one two three")));
}

#[test]
#[should_panic(expected = "range end index")]
fn a_block_too_short_for_what_is_live_is_refused() {
    let (_, mut input) = client();
    input.extend(b"\x81\x05hel");
    drop(input.replace_block(vec![0; 4]));
}

#[test]
#[should_panic(expected = "more was read than there was room for")]
fn more_than_there_is_room_for_cannot_have_been_read() {
    ReceiveBuffer::new().advance(1);
}

#[test]
fn an_event_stays_until_the_next_call_and_is_taken_once() {
    let (mut receiver, mut input) = client();
    assert_eq!(input.event(), None);
    assert_eq!(input.take_message(), None);
    assert!(input.take_payload().is_empty());
    let both = frames(Role::Server, [(0x82, &b"one"[..]), (0x89, b"ping"), (0x82, b"two")]);
    input.extend(&both);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.event(), Some(Event::Binary(b"one")));
    assert_eq!(input.event(), Some(Event::Binary(b"one")), "looking does not take it");
    assert_eq!(input.take_payload(), "one");
    assert_eq!(input.event(), None);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.take_message(), None, "a ping is no message");
    assert_eq!(input.event(), Some(Event::Ping(b"ping")), "and stays");
    assert_eq!(input.take_payload(), "ping");
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.take_message(), Some(Message::from(&b"two"[..])));
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
}

#[test]
fn a_message_that_nobody_took_is_dropped_by_the_next_receive() {
    let (mut receiver, mut input) = client();
    input.extend(&frames(Role::Server, [(0x82, &[1; 3000][..]), (0x81, b"next")]));
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.event(), Some(Event::Text("next")));
    assert_eq!(input.live_len(), 4);
}

#[test]
fn a_large_payload_is_handed_over_and_what_follows_it_stays() {
    let (mut receiver, mut input) = client();
    let payload = vec![3; 50_000];
    input.extend(&frames(Role::Server, [(0x82, &payload[..]), (0x81, b"next"), (0x01, b"cut")]));
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    let Some(Event::Binary(seen)) = input.event() else { panic!("no message") };
    let place = seen.as_ptr();
    let taken = input.take_payload();
    assert_eq!(taken.as_ptr(), place, "without a copy");
    assert_eq!(taken, payload);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.take_message(), Some(Message::text("next")));
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
    input.extend(&frame(Role::Server, 0x80, b" in two"));
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.take_message(), Some(Message::text("cut in two")));
    assert!(input.is_empty());
}

#[test]
fn a_payload_that_is_small_or_fills_little_of_its_block_is_copied_out() {
    for (block_len, payload_len) in [(4096, 64), (66, 64), (65536, 20_000)] {
        let (mut receiver, mut input) = client();
        let bytes = frame(Role::Server, 0x82, &vec![3; payload_len]);
        drop(input.replace_block(vec![0; block_len.max(bytes.len())]));
        input.extend(&bytes);
        assert_eq!(receive(&mut receiver, &mut input), EVENT);
        let Some(Event::Binary(seen)) = input.event() else { panic!("no message") };
        let place = seen.as_ptr();
        assert_ne!(input.take_payload().as_ptr(), place);
        assert_eq!(input.block_len(), block_len.max(bytes.len()), "the block stays");
    }
}

/// A block of the caller's, until another one is needed.
enum Lent<'b> {
    Callers(&'b mut [u8]),
    Own(Vec<u8>),
}

impl Default for Lent<'_> {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Deref for Lent<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Callers(block) => block,
            Self::Own(block) => block,
        }
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Callers(block) => block,
            Self::Own(block) => block,
        }
    }
}

impl Block for Lent<'_> {
    fn grow(&mut self, kept: usize, len: usize) {
        let mut block = vec![0; len];
        block[..kept].copy_from_slice(&self[..kept]);
        *self = Self::Own(block);
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Callers(block) => Bytes::copy_from_slice(block),
            Self::Own(block) => block.into(),
        }
    }
}

#[test]
fn frames_are_received_in_memory_of_the_caller() {
    let long = vec![7; 40_000];
    let parts: [(u8, &[u8]); 4] =
        [(0x01, b"in "), (0x89, b"ping"), (0x80, b"place"), (0x82, &long)];
    let mut bytes = frames(Role::Client, parts);
    let cut = bytes.len() - 10_000;
    let (now, later) = bytes.split_at_mut(cut);
    let place = now.as_ptr_range();
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER);
    let mut input = ReceiveBuffer::over(Lent::Callers(now));
    input.advance(cut);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.event(), Some(Event::Ping(b"ping")));
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    let Some(Event::Text(text)) = input.event() else { panic!("no text") };
    assert_eq!(text, "in place");
    assert!(place.contains(&text.as_ptr()));
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
    // What the caller's memory has not finished goes on in another block.
    input.extend(later);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.take_message(), Some(Message::from(long)));
    assert!(input.is_empty());
}

proptest! {
    #[test]
    fn a_long_stream_of_small_frames_goes_through_one_small_block(
        lens in prop::collection::vec((0..100_usize, 0..=125_usize), 100..300),
        read_lens in prop::collection::vec(1..5000_usize, 1..20),
    ) {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for (n, (len, ping_len)) in lens.into_iter().enumerate() {
            let ping: Vec<u8> = (n..n + ping_len).map(|i| i.to_le_bytes()[0]).collect();
            let message = [&n.to_be_bytes()[..], &vec![n.to_le_bytes()[0]; len]].concat();
            let (head, tail) = message.split_at(len / 2);
            bytes.extend(frames(Role::Server, [(0x02, head), (0x89, &ping), (0x80, tail)]));
            expected.extend([Seen::Ping(ping), Seen::Binary(message)]);
        }
        let (mut receiver, mut input) = client();
        let block = vec![0; FIRST_BLOCK_LEN];
        let place = block.as_ptr();
        drop(input.replace_block(block));
        let (mut seen, mut rest) = (Vec::new(), &bytes[..]);
        for read_len in read_lens.into_iter().cycle() {
            let spare = input.spare_mut();
            let len = spare.len().min(read_len).min(rest.len());
            let (now, later) = rest.split_at(len);
            spare[..len].copy_from_slice(now);
            input.advance(len);
            rest = later;
            while receive(&mut receiver, &mut input).unwrap() {
                seen.push(Seen::of(&input.event().unwrap()));
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(seen, expected);
        let block = input.replace_block(Vec::new());
        prop_assert_eq!(block.as_ptr(), place, "no other was needed");
    }
}

/// RFC: V8-4
#[test]
fn the_version_changes_nothing_about_messages() {
    let mut end = End::with_version(Role::Server, Version::V8);
    let seen = end.receive(&frame(Role::Client, 0x82, b"\x01"));
    assert_eq!(seen, [Seen::Binary(vec![1])]);
}

/// Growing by a few bytes at a time would copy the whole block for each of them.
#[test]
fn input_that_comes_before_the_receiver_looks_at_it_moves_the_block_seldom() {
    for begin in [&b""[..], &[0x82, 0x05, b'H']] {
        let mut input = ReceiveBuffer::new();
        let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
        input.extend(begin);
        assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
        let (mut lens, mut held) = (Vec::new(), begin.len());
        while held < 1 << 20 {
            let spare = input.spare_mut().len().min(700);
            input.advance(spare);
            held += spare;
            lens.push(input.block_len());
        }
        lens.dedup();
        assert!(lens.len() < 16, "{} lengths of the block", lens.len());
    }
}
