//! Violations that the first two bytes of a frame show are reported when those have come, RFC 6455
//! §5: not when the rest of the header has, or the payload.

use bowsprit_proto::{
    Connection, Limits, MessageKind, Output, Progress, ProtocolError, ReceiveBuffer, Received, Role,
};

use super::{
    deflate::{end, with_takeover},
    pair::{BOTH, End, Seen, assert_failed, frame, frames, peer_of},
};

/// Payloads with headers of all lengths, up to 14 bytes.
const LENS: [usize; 4] = [0, 2, 126, 70_000];

/// The payloads that a frame with this first byte may have.
fn lens(first: u8) -> impl Iterator<Item = usize> {
    LENS.into_iter().filter(move |len| first & 0x08 == 0 || *len < 126)
}

/// A way to receive.
type By = fn(&mut Connection, &mut ReceiveBuffer, &mut Output) -> Received;

/// All ways; data that is good would have the last one stop in front of it.
const ALL: [By; 3] = [Connection::receive, Connection::receive_chunk, |connection, input, out| {
    connection.receive_control(input, out).expect("there is no data")
}];

/// Feeds `before`, which is good, and then `frame` byte by byte, which fails after two, whichever
/// way it is received.
#[track_caller]
fn assert_second_byte_fails(
    new: impl Fn() -> End,
    before: &[u8],
    frame: &[u8],
    error: ProtocolError,
) {
    for receive in ALL {
        let mut end = new();
        let seen = end.receive(before);
        assert!(!seen.iter().any(|seen| matches!(seen, Seen::Failed(_))), "{seen:?}");
        let mut after_next = |n: usize| {
            end.input.extend(&frame[n..=n]);
            receive(&mut end.connection, &mut end.input, &mut end.output).progress
        };
        assert_eq!(after_next(0), Ok(Progress::NeedData), "{frame:02x?}");
        assert_eq!(after_next(1), Err(error), "{frame:02x?}");
        assert_failed(&mut end, error, 1002);
    }
}

/// Has both roles receive a frame that begins with `first`, of several lengths, after other frames.
#[track_caller]
fn assert_first_byte_fails(before: &[(u8, &[u8])], first: u8, error: ProtocolError) {
    for role in BOTH {
        let from = peer_of(role);
        let before = frames(from, before.iter().copied());
        for len in lens(first) {
            let frame = frame(from, first, &vec![0; len]);
            assert_second_byte_fails(|| End::new(role), &before, &frame, error);
        }
    }
}

/// RFC: 5.2-1
#[test]
fn reserved_bits_that_were_not_negotiated() {
    for bits in [0x10, 0x20, 0x40, 0x70] {
        let error = match bits {
            0x40 => ProtocolError::Rsv1Unexpected,
            _ => ProtocolError::ReservedBits,
        };
        for first in [0x01, 0x82, 0x89] {
            assert_first_byte_fails(&[], first | bits, error);
        }
    }
}

/// RFC: D6.1-2
#[test]
fn the_bit_of_compression_on_a_frame_that_does_not_begin_a_message() {
    for role in BOTH {
        let from = peer_of(role);
        let begun = frame(from, 0x42, b"\0");
        for (before, first) in [(&begun[..], 0x40), (&begun, 0xC0), (&[], 0xC9), (&[], 0xC8)] {
            let new = || end(role, Limits::SERVER, with_takeover(true));
            let error = ProtocolError::Rsv1Unexpected;
            assert_second_byte_fails(new, before, &frame(from, first, b"12"), error);
        }
    }
}

/// RFC: 5.2-2
#[test]
fn reserved_opcodes() {
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        let error = ProtocolError::ReservedOpcode(opcode);
        assert_first_byte_fails(&[], 0x80 | opcode, error);
        assert_first_byte_fails(&[(0x01, b"a")], opcode, error);
    }
}

/// RFC: 5.1-2, 5.1-4
#[test]
fn a_mask_that_is_missing_or_too_many() {
    for role in BOTH {
        let error = match role {
            Role::Server => ProtocolError::MaskMissing,
            Role::Client => ProtocolError::MaskUnexpected,
        };
        for first in [0x01, 0x82, 0x89, 0x88] {
            for len in lens(first) {
                let frame = frame(role, first, &vec![0; len]);
                assert_second_byte_fails(|| End::new(role), b"", &frame, error);
            }
        }
    }
}

/// RFC: 5.4-4
#[test]
fn fragments_out_of_order() {
    for first in [0x00, 0x80] {
        let error = ProtocolError::ContinuationUnexpected;
        assert_first_byte_fails(&[], first, error);
        assert_first_byte_fails(&[(0x01, b"a"), (0x80, b"b"), (0x89, b"")], first, error);
    }
    for first in [0x01, 0x02, 0x81, 0x82] {
        let kind = if first & 0x01 == 0 { MessageKind::Binary } else { MessageKind::Text };
        let error = ProtocolError::ContinuationExpected(kind);
        assert_first_byte_fails(&[(0x01, b"a")], first, error);
        assert_first_byte_fails(&[(0x02, b"a"), (0x00, b"b"), (0x8A, b"")], first, error);
    }
}

/// RFC: 5.5-1
#[test]
fn control_frames_that_are_fragmented_or_too_long() {
    for opcode in [0x08, 0x09, 0x0A] {
        assert_first_byte_fails(&[], opcode, ProtocolError::ControlFragmented);
        for role in BOTH {
            for (len, short_len) in [(126, 126), (70_000, 127)] {
                let frame = frame(peer_of(role), 0x80 | opcode, &vec![0; len]);
                let error = ProtocolError::ControlTooLong(short_len);
                assert_second_byte_fails(|| End::new(role), b"", &frame, error);
            }
        }
    }
}

/// RFC: 5.5.1-1
#[test]
fn a_close_frame_with_half_a_code() {
    for role in BOTH {
        let from = peer_of(role);
        for before in [vec![], frame(from, 0x01, b"begun")] {
            let close = frame(from, 0x88, b"\x03");
            let error = ProtocolError::CloseTruncated;
            assert_second_byte_fails(|| End::new(role), &before, &close, error);
        }
    }
}
