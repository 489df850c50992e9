//! Headers of frames whose payload the driver sends itself, RFC 6455 §5.2.

use bowsprit_proto::{
    Close, CloseCode, Fragment, FrameHeader, MessageKind, Output, SendError, Sender, mask,
};

use super::{
    deflate::{pair, with_takeover},
    pair::{BOTH, End, frame, frames, peer_of, text},
};

/// "grüße", cut inside of a character.
const PIECES: [&[u8]; 3] = [b"gr\xC3\xBC\xC3", b"", b"\x9Fe"];

const fn piece(payload: &[u8], fin: bool) -> Fragment<'_> {
    Fragment { kind: MessageKind::Text, payload, fin }
}

/// A frame as a driver puts it together.
fn joined(header: FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; FrameHeader::MAX_LEN + payload.len()];
    let len = header.encode_to_slice(&mut bytes).unwrap();
    bytes.truncate(len + payload.len());
    match header.masking_key {
        Some(key) => mask::copy_masked_to_slice(payload, key, 0, &mut bytes[len..]),
        None => bytes[len..].copy_from_slice(payload),
    }
    bytes
}

/// RFC: 5.1-1, 5.2-4
#[test]
fn a_header_and_its_payload_are_the_frame_that_is_sent_otherwise() {
    for role in BOTH {
        let mut end = End::new(role);
        for (kind, first) in [(MessageKind::Text, 0x81), (MessageKind::Binary, 0x82)] {
            for len in [0, 1, 125, 126, 65_535, 65_536] {
                let payload = vec![b'a'; len];
                let header = end.connection.sender().message_header(kind, len as u64).unwrap();
                assert_eq!(joined(header, &payload), frame(role, first, &payload));
            }
        }
        let long = end.connection.sender().message_header(MessageKind::Binary, 1 << 40).unwrap();
        assert_eq!(long.payload_len, 1 << 40);
        assert!(end.output.is_empty(), "the driver sends it");
    }
}

/// RFC: 5.4-5
#[test]
fn headers_of_fragments_follow_the_message_that_is_under_way() {
    for role in BOTH {
        let mut end = End::new(role);
        let mut bytes = Vec::new();
        for (i, payload) in PIECES.into_iter().enumerate() {
            let fragment = piece(payload, i == 2);
            let header = end.connection.sender().fragment_header(fragment).unwrap();
            bytes.extend(joined(header, payload));
            assert_eq!(end.connection.sender().is_fragmented(), i < 2);
        }
        assert_eq!(bytes, frames(role, [0x01, 0x00, 0x80].into_iter().zip(PIECES)));
        assert_eq!(End::new(peer_of(role)).receive(&bytes), [text("grüße")]);
    }
}

#[test]
fn a_header_is_refused_where_the_frame_would_be() {
    let mut end = End::new(BOTH[0]);
    let sender = end.connection.sender();
    sender.fragment_header(piece(b"a", false)).unwrap();
    let open = sender.message_header(MessageKind::Text, 1);
    assert_eq!(open, Err(SendError::FragmentOpen));
    let binary = Fragment { kind: MessageKind::Binary, ..piece(b"a", true) };
    assert_eq!(sender.fragment_header(binary), Err(SendError::FragmentKind));
    assert_eq!(sender.fragment_header(piece(b"\xFF", true)), Err(SendError::TextUtf8));
    sender.fragment_header(piece(b"b", true)).unwrap();
    sender.close(&Close::new(CloseCode::NORMAL, ""), &mut end.output).unwrap();
    assert_eq!(sender.fragment_header(piece(b"a", true)), Err(SendError::Closed));
    assert_eq!(sender.message_header(MessageKind::Text, 1), Err(SendError::Closed));
}

/// RFC: D6.1-1
#[test]
fn a_fragment_as_it_is_never_continues_a_compressed_message() {
    for takeover in [false, true] {
        let mut pair = pair(with_takeover(takeover));
        let first = pair.client.send(|sender, out| sender.fragment(piece(b"a", false), out));
        let sender = pair.client.connection.sender();
        assert_eq!(sender.fragment_header(piece(b"b", true)), Err(SendError::Encoding));
        let last = pair.client.send(|sender, out| sender.fragment(piece(b"c", true), out));
        assert_eq!(pair.server.receive(&[first.unwrap(), last.unwrap()].concat()), [text("ac")]);
        let header = pair.client.connection.sender().fragment_header(piece(b"d", false)).unwrap();
        assert!(!header.rsv1);
        let mut bytes = joined(header, b"d");
        let after = pair.client.send(|sender, out| sender.fragment(piece(b"e", true), out));
        bytes.extend(after.unwrap());
        assert_eq!(pair.server.receive(&bytes), [text("de")]);
    }
}

#[test]
fn a_message_that_the_driver_compresses_is_not_continued_by_other_fragments() {
    let mut sender = Sender::server();
    let first_byte =
        |header: Result<FrameHeader, SendError>| header.map(|header| header.first_byte());
    let part = |sender: &mut Sender, kind, fin| {
        first_byte(sender.compressed_fragment_header(kind, 1, fin))
    };
    assert_eq!(part(&mut sender, MessageKind::Text, false), Ok(0x41));
    assert_eq!(part(&mut sender, MessageKind::Binary, false), Err(SendError::FragmentKind));
    assert_eq!(sender.fragment_header(piece(b"a", true)), Err(SendError::Encoding));
    let mut out = Output::new();
    assert_eq!(sender.fragment(piece(b"a", true), &mut out), Err(SendError::Encoding));
    assert!(out.is_empty());
    assert_eq!(part(&mut sender, MessageKind::Text, false), Ok(0x00));
    assert_eq!(part(&mut sender, MessageKind::Text, true), Ok(0x80));
    assert_eq!(part(&mut sender, MessageKind::Binary, true), Ok(0xC2));

    sender.fragment_header(piece(b"a", false)).unwrap();
    assert_eq!(part(&mut sender, MessageKind::Text, true), Err(SendError::Encoding));
    sender.fragment_header(piece(b"b", true)).unwrap();
    sender.close(&CloseCode::NORMAL.into(), &mut out).unwrap();
    assert_eq!(part(&mut sender, MessageKind::Text, true), Err(SendError::Closed));
}

/// RFC: 5.5-1, 5.5.1-1
#[test]
fn the_payload_of_a_close_frame_is_that_of_the_sender() {
    for (code, reason) in [(1000, String::new()), (4999, "a".repeat(Close::MAX_REASON_LEN))] {
        let mut out = Output::new();
        Sender::server().close(&Close::new(code.into(), &*reason), &mut out).unwrap();
        let payload = Close::encode_bytes(code.into(), reason.as_bytes()).unwrap();
        assert_eq!(out.contiguous().unwrap()[2..], payload);
    }
    for code in [999, 1004, 1005, 1006, 1015, 5000] {
        let code = CloseCode::new(code);
        assert_eq!(Close::encode_bytes(code, b""), Err(SendError::CloseCode(code)));
    }
}
