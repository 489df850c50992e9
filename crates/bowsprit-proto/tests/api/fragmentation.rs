//! Fragmented messages, RFC 6455 §5.4.

use bowsprit_proto::{Limits, MessageKind, ProtocolError, Role};

use super::pair::{
    BOTH, End, Seen, assert_frames_fail, assert_frames_seen, frame, frames, peer_of, text,
};

/// RFC: 5.4-3, 5.4-5, 5.4-7, 6.2-1
#[test]
fn fragments_of_any_size_are_joined_in_order() {
    assert_frames_seen(&[(0x01, b"a"), (0x00, b"bc"), (0x80, b"def")], &[text("abcdef")]);
    let with_empty: &[(u8, &[u8])] = &[(0x02, b""), (0x00, b"ab"), (0x00, b""), (0x80, b"")];
    assert_frames_seen(with_empty, &[Seen::Binary(b"ab".to_vec())]);
    for role in BOTH {
        let payload: Vec<u8> = (0..3000_u32).map(|i| (i % 251).to_le_bytes()[0]).collect();
        let pieces =
            payload.chunks(7).enumerate().map(|(i, piece)| (if i == 0 { 2 } else { 0 }, piece));
        let mut bytes = frames(peer_of(role), pieces);
        bytes.extend(frame(peer_of(role), 0x80, b""));
        assert_eq!(End::new(role).receive(&bytes), [Seen::Binary(payload)]);
    }
}

/// RFC: 5.4-7
#[test]
fn a_message_has_the_type_of_its_first_frame() {
    let both: &[(u8, &[u8])] = &[(0x02, b"\xFF"), (0x80, b"\xFE"), (0x01, b"t"), (0x80, b"t")];
    assert_frames_seen(both, &[Seen::Binary(vec![0xFF, 0xFE]), text("tt")]);
}

/// RFC: 5.4-1, 5.5-1
#[test]
fn control_frames_are_seen_at_once_between_fragments() {
    let mixed: &[(u8, &[u8])] = &[
        (0x01, b"He"),
        (0x89, b"one"),
        (0x00, b"l"),
        (0x8A, b"two"),
        (0x89, b""),
        (0x80, b"lo"),
        (0x82, b"next"),
    ];
    let expected = [
        Seen::Ping(b"one".to_vec()),
        Seen::Pong(b"two".to_vec()),
        Seen::Ping(Vec::new()),
        text("Hello"),
        Seen::Binary(b"next".to_vec()),
    ];
    assert_frames_seen(mixed, &expected);
    for role in BOTH {
        let mut end = End::new(role);
        let from = peer_of(role);
        assert_eq!(end.receive(&frames(from, mixed[..2].iter().copied())), expected[..1]);
        assert_eq!(end.sent(), frame(role, 0x8A, b"one"), "the message need not be finished");
        assert_eq!(end.receive(&frames(from, mixed[2..].iter().copied())), expected[1..]);
    }
}

/// RFC: 5.4-1
#[test]
fn a_close_frame_between_fragments_ends_the_connection() {
    let cut: &[(u8, &[u8])] = &[(0x01, b"He"), (0x88, b"\x03\xE8"), (0x80, b"llo")];
    assert_frames_seen(cut, &[Seen::Close(1000, String::new())]);
}

/// RFC: 5.4-4
#[test]
fn a_continuation_of_nothing_is_refused() {
    let error = ProtocolError::ContinuationUnexpected;
    for first in [0x00, 0x80] {
        assert_frames_fail(&[(first, b"")], error, 1002);
        assert_frames_fail(&[(0x81, b"whole"), (first, b"a")], error, 1002);
        assert_frames_fail(&[(0x02, b"a"), (0x80, b"b"), (first, b"c")], error, 1002);
        assert_frames_fail(&[(0x89, b"ping"), (first, b"c")], error, 1002);
    }
}

/// RFC: 5.4-4
#[test]
fn a_message_inside_another_is_refused() {
    let (text, binary) = (MessageKind::Text, MessageKind::Binary);
    for (first, kind) in [(0x01, text), (0x02, binary), (0x81, text), (0x82, binary)] {
        let error = ProtocolError::ContinuationExpected(kind);
        assert_frames_fail(&[(0x01, b""), (first, b"a")], error, 1002);
        assert_frames_fail(&[(0x02, b"a"), (0x00, b"b"), (first, b"c")], error, 1002);
        assert_frames_fail(&[(0x01, b"a"), (0x89, b""), (first, b"c")], error, 1002);
    }
}

/// RFC: 5.4-2, 5.5-1
#[test]
fn a_fragmented_control_frame_is_refused() {
    for opcode in [0x08, 0x09, 0x0A] {
        assert_frames_fail(&[(opcode, b"")], ProtocolError::ControlFragmented, 1002);
        let inside: &[(u8, &[u8])] = &[(0x01, b"a"), (opcode, b"b"), (0x80, b"c")];
        assert_frames_fail(inside, ProtocolError::ControlFragmented, 1002);
    }
}

/// RFC: 10.4-1, 10.4-2
#[test]
fn a_message_has_so_many_fragments_and_no_more() {
    for role in BOTH {
        let from = peer_of(role);
        let bytes = frames(from, [(0x01, &b"a"[..]), (0x00, b""), (0x80, b"b")]);
        let limits = Limits::SERVER.max_fragments(3);
        assert_eq!(End::with_limits(role, limits).receive(&bytes), [text("ab")]);
        let mut end = End::with_limits(role, limits.max_fragments(2));
        let error = ProtocolError::TooManyFragments;
        assert_eq!(end.receive(&bytes), [Seen::Failed(error)]);
        super::pair::assert_failed(&mut end, error, 1008);
    }
}

/// RFC: 10.4-1
#[test]
fn by_default_a_message_has_4096_fragments_at_most_even_empty_ones() {
    let endless = |count| {
        let pieces = (0..count).map(|i| (if i == 0 { 0x01 } else { 0x00 }, &b""[..]));
        frames(Role::Client, pieces)
    };
    let mut server = End::new(Role::Server);
    assert_eq!(server.receive(&endless(4096)), []);
    let one_more = frame(Role::Client, 0x80, b"");
    assert_eq!(server.receive(&one_more), [Seen::Failed(ProtocolError::TooManyFragments)]);
    let mut server = End::new(Role::Server);
    assert_eq!(server.receive(&endless(4095)), []);
    assert_eq!(server.receive(&one_more), [text("")]);
}
