//! Frames on their way out: in order, whole, and within bounds.

use bowsprit_proto::{Close, CloseCode, Event, Message, Output, Role, Sender};
use bytes::Bytes;
use proptest::prelude::*;

use super::pair::{End, KEY, frame, frames};

/// Writes at most `limit` bytes, as a transport would.
fn write(output: &mut Output, limit: usize, wire: &mut Vec<u8>) {
    let before = wire.len();
    for slice in output.slices() {
        assert!(!slice.is_empty());
        wire.extend_from_slice(slice);
    }
    assert_eq!(wire.len() - before, output.len());
    wire.truncate(before + limit.min(output.len()));
    output.advance(wire.len() - before);
}

fn sender(role: Role) -> Sender {
    match role {
        Role::Server => Sender::server(),
        Role::Client => Sender::client(|| KEY),
    }
}

/// What is queued is in no block of more than 64 KiB, so that none has to come from the system by
/// itself, or stays in a heap.
#[test]
fn no_piece_of_what_waits_is_long() {
    const MAX_LEN: usize = 64 * 1024;
    for role in [Role::Server, Role::Client] {
        let (mut sender, mut output) = (sender(role), Output::new());
        let long = vec![7; 1 << 20];
        sender.binary(&long, &mut output).unwrap();
        for _ in 0..2000 {
            sender.binary(&long[..1000], &mut output).unwrap();
            sender.ping(b"between", &mut output).unwrap();
        }
        assert!(output.slices().all(|slice| slice.len() <= MAX_LEN));
        assert!(output.slices().count() <= output.len() / MAX_LEN + 2, "nor are they short");
        let wire: Vec<u8> = output.slices().flatten().copied().collect();
        let mut end = End::new(if role == Role::Server { Role::Client } else { Role::Server });
        assert_eq!(end.receive(&wire).len(), 4001);
        output.advance(wire.len());
        assert!(output.is_empty() && output.take_block().unwrap().capacity() <= 2 * MAX_LEN);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// RFC: 6.1-2
    #[test]
    fn under_any_sizes_of_writes_the_bytes_are_the_frames_in_order(
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
        lens in prop::collection::vec(
            prop_oneof![4 => 0..300_usize, 4 => 10_000..50_000_usize, 1 => 60_000..200_000_usize],
            1..30,
        ),
        limits in prop::collection::vec(
            prop_oneof![Just(0_usize), 1..200_usize, 10_000..60_000_usize],
            1..30,
        ),
    ) {
        let (mut sender, mut output) = (sender(role), Output::new());
        let (mut expected, mut wire) = (Vec::new(), Vec::new());
        let mut limits = limits.into_iter().cycle();
        for (n, len) in lens.into_iter().enumerate() {
            let payload = vec![n.to_le_bytes()[0]; len];
            expected.extend(frame(role, 0x82, &payload));
            sender.message(Message::from(payload), &mut output).unwrap();
            write(&mut output, limits.next().unwrap(), &mut wire);
            prop_assert_eq!(wire.len() + output.len(), expected.len());
        }
        write(&mut output, usize::MAX, &mut wire);
        prop_assert!(output.is_empty() && output.slices().next().is_none());
        prop_assert!(wire == expected);
    }
}

#[test]
fn a_server_shares_large_payloads_and_a_client_masks_them() {
    let payload = Bytes::from(vec![5; 20_000]);
    let small = Bytes::from(vec![6; 100]);
    let mut server = End::new(Role::Server);
    let sender = server.connection.sender();
    for payload in [&payload, &small, &payload] {
        sender.message(payload.clone().into(), &mut server.output).unwrap();
    }
    let shared = server.output.slices().filter(|slice| slice.as_ptr() == payload.as_ptr());
    assert_eq!(shared.count(), 2);
    let expected = frames(Role::Server, [(0x82, &payload[..]), (0x82, &small), (0x82, &payload)]);
    assert_eq!(server.sent(), expected);
    let mut client = End::new(Role::Client);
    let sent = client.send(|sender, out| sender.message(payload.clone().into(), out)).unwrap();
    assert_eq!(sent, frame(Role::Client, 0x82, &payload));
    assert!(payload.iter().all(|byte| *byte == 5), "the shared payload is untouched");
}

fn pongs(role: Role, numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(|n| frame(role, 0x8A, &n.to_be_bytes())).collect()
}

/// RFC: 5.5.3-1
#[test]
fn of_a_thousand_pings_the_first_sixteen_and_the_newest_are_answered() {
    for role in super::pair::BOTH {
        let mut end = End::new(role);
        let pings: Vec<u8> = (0..1000_u32)
            .flat_map(|n| frame(super::pair::peer_of(role), 0x89, &n.to_be_bytes()))
            .collect();
        assert_eq!(end.receive(&pings).len(), 1000);
        let first = pongs(role, 0..16);
        let mut wire = Vec::new();
        assert_eq!(end.output.len(), first.len());
        write(&mut end.output, 1, &mut wire);
        assert_eq!(end.output.len(), first.len() - 1, "no room until a pong is gone");
        write(&mut end.output, usize::MAX, &mut wire);
        write(&mut end.output, usize::MAX, &mut wire);
        assert_eq!(wire, pongs(role, (0..16).chain([999])));
        assert!(end.output.is_empty());
        assert_eq!(end.receive(&pings[..pings.len() / 1000]).len(), 1);
        assert_eq!(end.sent(), pongs(role, [0]), "and then it starts anew");
    }
}

/// RFC: 5.5.3-1
#[test]
fn pongs_keep_their_order_among_messages_while_the_transport_is_slow() {
    let (mut sender, mut output) = (Sender::server(), Output::new());
    let mut wire = Vec::new();
    for n in 0..500_u32 {
        sender.respond(&Event::Ping(&n.to_be_bytes()), &mut output);
        sender.message(vec![1; if n % 50 == 0 { 17_000 } else { 3 }].into(), &mut output).unwrap();
        write(&mut output, if n % 7 == 0 { 40 } else { 3 }, &mut wire);
    }
    for _ in 0..3 {
        write(&mut output, usize::MAX, &mut wire);
    }
    assert!(output.is_empty());
    let mut client = End::with_limits(Role::Client, bowsprit_proto::Limits::CLIENT);
    let seen = client.receive(&wire);
    let answered: Vec<u32> = seen
        .iter()
        .filter_map(|seen| match seen {
            super::pair::Seen::Pong(payload) => {
                Some(u32::from_be_bytes(payload[..].try_into().unwrap()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(seen.len() - answered.len(), 500, "no message is lost");
    assert!(answered.is_sorted_by(|a, b| a < b), "in order, none twice: {answered:?}");
    assert_eq!(answered.last(), Some(&499), "the newest is answered");
}

/// RFC: 5.5.1-3
#[test]
fn a_close_frame_is_the_last_even_if_a_pong_was_kept_back() {
    let (mut sender, mut output) = (Sender::server(), Output::new());
    for n in 0..100_u32 {
        sender.respond(&Event::Ping(&n.to_be_bytes()), &mut output);
    }
    sender.close(&Close::from(CloseCode::NORMAL), &mut output).unwrap();
    let mut wire = Vec::new();
    while !output.is_empty() {
        write(&mut output, 10, &mut wire);
    }
    let close = frame(Role::Server, 0x88, b"\x03\xE8");
    assert_eq!(wire, [pongs(Role::Server, 0..16), close].concat());
}

#[test]
fn a_block_is_taken_only_when_all_is_written_and_lent_only_when_there_is_none() {
    let (mut sender, mut output) = (Sender::server(), Output::new());
    assert!(!output.has_block() && output.take_block().is_none());
    output.set_block(Vec::with_capacity(1000));
    assert!(output.has_block());
    sender.text("hello", &mut output).unwrap();
    assert!(output.take_block().is_none(), "there are bytes in it");
    output.set_block(Vec::with_capacity(9));
    output.advance(3);
    assert!(output.take_block().is_none());
    output.advance(4);
    let block = output.take_block().expect("all is written");
    assert_eq!((block.len(), block.capacity()), (0, 1000));
    output.set_block(vec![1, 2, 3]);
    assert!(!output.has_block(), "a block with something in it is not used");
    sender.text("again", &mut output).unwrap();
    assert_eq!(output.slices().collect::<Vec<_>>(), [b"\x81\x05again"]);
}

#[test]
#[should_panic(expected = "more was written than there is")]
fn more_than_there_is_cannot_have_been_written() {
    Output::new().advance(1);
}

#[test]
fn the_block_stays_small_under_endless_partial_writes() {
    let (mut sender, mut output) = (Sender::server(), Output::new());
    let mut wire = Vec::new();
    let payload = [9; 1000];
    for _ in 0..20 {
        sender.binary(&payload, &mut output).unwrap();
    }
    for _ in 0..10_000 {
        sender.binary(&payload, &mut output).unwrap();
        write(&mut output, 1004, &mut wire);
        wire.clear();
    }
    let waiting = output.len();
    assert_eq!(waiting, 20 * 1004);
    write(&mut output, waiting, &mut wire);
    let block = output.take_block().unwrap();
    assert!(block.capacity() <= 6 * waiting, "{} for {waiting}", block.capacity());
}
