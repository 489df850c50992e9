//! However compressed input is cut, whole or in chunks, the events are the same.

use bowsprit_proto::{Limits, Role};
use proptest::{collection::vec, prelude::*};

use super::{
    chunking::{receive_joining, receive_pieces},
    deflate::{end, frames_to, prose, with_takeover},
    pair::BOTH,
    rfc1951::{Blocks, Symbol, literals},
    streams::{cuts, pieces},
};

/// A block of a message.
#[derive(Clone, Debug)]
enum Block {
    Stored(bool, Vec<u8>),
    Fixed(bool, Vec<u8>, Option<(usize, usize)>),
    Flush,
}

fn block() -> impl Strategy<Value = Block> {
    let data = prop_oneof![
        4 => "[a-z€]{0,12}".prop_map(String::into_bytes),
        1 => (1..4000_usize, any::<usize>()).prop_map(|(len, seed)| prose(len, seed).into_bytes()),
        1 => vec(any::<u8>(), 0..3),
    ];
    let back = prop::option::weighted(0.4, (3..=10_usize, 1..40_usize));
    prop_oneof![
        3 => (any::<bool>(), data.clone()).prop_map(|(fin, data)| Block::Stored(fin, data)),
        4 => (any::<bool>(), data, back).prop_map(|(fin, data, back)| Block::Fixed(fin, data, back)),
        1 => Just(Block::Flush),
    ]
}

fn payload(blocks: &[Block], whole: bool) -> Vec<u8> {
    let blocks = blocks.iter().fold(Blocks::new(), |blocks, block| match block {
        Block::Stored(fin, data) => blocks.stored(*fin, data),
        Block::Fixed(fin, data, back) => {
            let mut symbols = literals(data);
            symbols.extend(back.map(|(len, distance)| Symbol::Match(len, distance)));
            blocks.fixed(*fin, &symbols)
        }
        Block::Flush => blocks.flush(),
    });
    if whole { blocks.message() } else { blocks.bytes() }
}

/// Frames of a message: whether text, compressed, and where it is cut, with pings between.
fn message() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let parts = (vec(block(), 0..5), prop::bool::weighted(0.8), any::<[bool; 2]>());
    (parts, cuts()).prop_map(|((blocks, whole, [text, compressed]), cuts)| {
        let payload = payload(&blocks, whole);
        let opcode = if text { 0x01 } else { 0x02 } | if compressed { 0x40 } else { 0 };
        let cuts = &cuts[..cuts.len() / 4];
        let mut frames = Vec::new();
        for (i, piece) in pieces(&payload, cuts).into_iter().enumerate() {
            let opcode = if i == 0 { opcode } else { 0 };
            let fin = if i == cuts.len() { 0x80 } else { 0 };
            frames.push((fin | opcode, piece.to_vec()));
            if i < cuts.len() {
                frames.push((0x89, b"between".to_vec()));
            }
        }
        frames
    })
}

pub(crate) fn stream() -> impl Strategy<Value = (Role, Vec<u8>)> {
    let messages = vec(message(), 1..5);
    (prop::sample::select(BOTH.to_vec()), messages).prop_map(|(role, messages)| {
        let frames: Vec<_> = messages.into_iter().flatten().collect();
        (role, frames_to(role, frames.iter().map(|(first, payload)| (*first, &payload[..]))))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    /// RFC: D6.2-1, D7.2.1-1
    #[test]
    fn any_cut_gives_the_same_events_with_compression(
        (role, bytes) in stream(),
        cuts in cuts(),
        takeover: bool,
        limit in prop_oneof![Just(1_u64 << 20), 0..100_u64],
        spare in 0..64_usize,
    ) {
        let limits = Limits::SERVER.max_message_len(limit);
        let new = || end(role, limits, with_takeover(takeover));
        let whole = receive_pieces(new(), &[&bytes], |_| {});
        let cut = pieces(&bytes, &cuts);
        prop_assert_eq!(&receive_pieces(new(), &cut, |_| {}), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&receive_pieces(new(), &single, |_| {}), &whole);
        let in_small_blocks = receive_pieces(new(), &cut, |end| {
            let len = end.input.live_len() + spare;
            drop(end.input.replace_block(vec![0xEE; len]));
        });
        prop_assert_eq!(&in_small_blocks, &whole);
    }

    /// RFC: D6.2-1, D7.2.1-1
    #[test]
    fn chunks_joined_again_are_the_compressed_messages(
        (role, bytes) in stream(),
        cuts in cuts(),
        takeover: bool,
        choices in vec(any::<bool>(), 1..20),
    ) {
        let new = || end(role, Limits::CLIENT, with_takeover(takeover));
        let whole = receive_joining(new(), &[&bytes], || false);
        let cut = pieces(&bytes, &cuts);
        prop_assert_eq!(&receive_joining(new(), &cut, || true), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&receive_joining(new(), &single, || true), &whole);
        let mut choices = choices.iter().copied().cycle();
        let mixed = receive_joining(new(), &single, || choices.next().unwrap());
        prop_assert_eq!(&mixed, &whole);
    }
}
