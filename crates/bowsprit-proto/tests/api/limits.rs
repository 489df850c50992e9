//! Limits on what is held for a message, RFC 6455 §10.4.

use bowsprit_proto::{Limits, ProtocolError, ReceiveBuffer, Receiver, Role};

use super::pair::{
    BOTH, EVENT, End, NEED_DATA, Seen, assert_failed, frame, frames, peer_of, receive,
    receive_chunk,
};

/// The header of a binary frame that claims `len` bytes.
fn claim(from: Role, first: u8, len: u64) -> Vec<u8> {
    let mask = if from == Role::Client { 0x80 } else { 0 };
    let key: &[u8] = if from == Role::Client { &[0; 4] } else { &[] };
    [&[first, mask | 127], &len.to_be_bytes()[..], key].concat()
}

/// RFC: 10.4-1, 10.4-2, 10.7-2
#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    for role in BOTH {
        let from = peer_of(role);
        let limits = Limits::SERVER.max_message_len(10);
        let fits = frames(from, [(0x82, &[1; 10][..]), (0x02, &[1; 4]), (0x80, &[1; 6])]);
        let seen = End::with_limits(role, limits).receive(&fits);
        assert_eq!(seen, vec![Seen::Binary(vec![1; 10]); 2]);
        let error = ProtocolError::MessageTooLong;
        for too_long in [
            frame(from, 0x82, &[1; 11]),
            frames(from, [(0x02, &[1; 4][..]), (0x89, b"ping"), (0x80, &[1; 7])]),
        ] {
            let mut end = End::with_limits(role, limits);
            assert_eq!(end.receive(&too_long).last(), Some(&Seen::Failed(error)));
            assert_failed(&mut end, error, 1009);
        }
    }
}

/// RFC: 10.4-1
#[test]
fn a_message_that_is_too_long_is_refused_at_its_header() {
    for role in BOTH {
        let from = peer_of(role);
        for len in [(1 << 20) + 1, 1 << 62, i64::MAX.unsigned_abs()] {
            let mut end = End::new(role);
            let error = ProtocolError::MessageTooLong;
            assert_eq!(end.receive(&claim(from, 0x82, len)), [Seen::Failed(error)]);
            assert_failed(&mut end, error, 1009);
        }
        let mut end = End::new(role);
        assert_eq!(end.receive(&claim(from, 0x82, 1 << 20)), [], "1 MiB is the limit");
    }
}

/// RFC: 10.4-1
#[test]
fn a_message_whose_header_was_read_for_chunks_does_not_escape_the_limit() {
    for role in BOTH {
        let mut receiver = Receiver::new(role, Limits::SERVER);
        let mut input = ReceiveBuffer::new();
        input.extend(&claim(peer_of(role), 0x82, 1 << 40));
        assert_eq!(receive_chunk(&mut receiver, &mut input), NEED_DATA);
        input.extend(&[0; 1000]);
        assert_eq!(receive(&mut receiver, &mut input), Err(ProtocolError::MessageTooLong));
    }
}

/// RFC: 10.4-1
#[test]
fn chunks_are_not_limited_because_they_are_not_held() {
    let limits = Limits::SERVER.max_message_len(1).max_fragments(1);
    let mut receiver = Receiver::new(Role::Client, limits);
    let mut input = ReceiveBuffer::new();
    let mut received = 0;
    input.extend(&claim(Role::Server, 0x82, 1 << 40));
    assert_eq!(receive_chunk(&mut receiver, &mut input), NEED_DATA);
    for _ in 0..1000 {
        input.extend(&[7; 3000]);
        assert_eq!(receive_chunk(&mut receiver, &mut input), EVENT);
        received += input.take_payload().len();
        assert_eq!(receive_chunk(&mut receiver, &mut input), NEED_DATA);
        assert!(input.is_empty() && input.block_len() <= 4096);
    }
    assert_eq!(received, 3_000_000);
}

#[test]
fn the_defaults_are_what_is_documented() {
    assert_eq!((Limits::SERVER.max_message_len, Limits::SERVER.max_fragments), (1 << 20, 4096));
    assert_eq!((Limits::CLIENT.max_message_len, Limits::CLIENT.max_fragments), (16 << 20, 4096));
    assert_eq!((Limits::NONE.max_message_len, Limits::NONE.max_fragments), (u64::MAX, u32::MAX));
}
