//! Frame headers, RFC 6455 §5.2.

use bowsprit_proto::{FrameHeader, Opcode, ProtocolError, Role};

use super::pair::{
    BOTH, End, KEY, Seen, assert_fails, assert_frames_fail, assert_frames_seen, frame, peer_of,
    text,
};

/// RFC: 6.2-1, 5.3-1
#[test]
fn the_examples_of_section_5_7_are_read() {
    let hello: [&[u8]; 2] = [b"\x81\x05Hello", b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"];
    for (role, bytes) in BOTH.into_iter().zip(hello) {
        assert_eq!(End::new(role).receive(bytes), [text("Hello")]);
    }
    let mut client = End::new(Role::Client);
    assert_eq!(client.receive(b"\x01\x03Hel\x80\x02lo"), [text("Hello")]);
    assert_eq!(client.receive(b"\x89\x05Hello"), [Seen::Ping(b"Hello".to_vec())]);
    assert_eq!(client.sent(), b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    let long = [&b"\x82\x7E\x01\x00"[..], &[7; 256]].concat();
    assert_eq!(client.receive(&long), [Seen::Binary(vec![7; 256])]);
    let longer = [&b"\x82\x7F\0\0\0\0\0\x01\0\0"[..], &[7; 65536]].concat();
    assert_eq!(client.receive(&longer), [Seen::Binary(vec![7; 65536])]);
}

/// RFC: 5.2-1, 5.8-1, 9.1-4
#[test]
fn a_reserved_bit_is_refused_in_every_frame() {
    for bits in [0x40, 0x20, 0x10, 0x60, 0x70] {
        let error = match bits {
            0x40 => ProtocolError::Rsv1Unexpected,
            _ => ProtocolError::ReservedBits,
        };
        for first in [0x81, 0x82, 0x88, 0x89, 0x8A] {
            assert_frames_fail(&[(first | bits, b"")], error, 1002);
        }
        let continuation: &[(u8, &[u8])] = &[(0x01, b"a"), (0x80 | bits, b"b")];
        assert_frames_fail(continuation, error, 1002);
    }
}

/// RFC: 5.2-2
#[test]
fn a_reserved_opcode_is_refused() {
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        for fin in [0, 0x80] {
            let error = ProtocolError::ReservedOpcode(opcode);
            assert_frames_fail(&[(fin | opcode, b"abc")], error, 1002);
            assert_frames_fail(&[(0x01, b"a"), (fin | opcode, b"")], error, 1002);
        }
    }
}

/// RFC: 5.2-2
#[test]
fn a_reserved_opcode_is_refused_before_its_length_means_anything() {
    for (role, mask) in [(Role::Client, 0), (Role::Server, 0x80)] {
        for len in [0, 125, 126, 127] {
            assert_fails(role, &[0x83, mask | len], ProtocolError::ReservedOpcode(3), 1002);
        }
    }
}

/// RFC: 5.2-4
#[test]
fn a_length_in_a_longer_form_than_it_needs_is_refused() {
    for (role, mask) in [(Role::Client, 0), (Role::Server, 0x80)] {
        for len in [0, 1, 125] {
            let bytes = [0x82, mask | 126, 0, len];
            assert_fails(role, &bytes, ProtocolError::LengthNotMinimal, 1002);
        }
        for len in [0_u64, 125, 126, 65535] {
            let bytes = [&[0x82, mask | 127], &len.to_be_bytes()[..]].concat();
            assert_fails(role, &bytes, ProtocolError::LengthNotMinimal, 1002);
        }
    }
}

/// RFC: 5.2-3
#[test]
fn a_length_with_its_sign_bit_set_is_refused() {
    for (role, mask) in [(Role::Client, 0), (Role::Server, 0x80)] {
        for len in [1 << 63, u64::MAX, (1 << 63) | 65536] {
            let bytes = [&[0x82, mask | 127], &len.to_be_bytes()[..]].concat();
            assert_fails(role, &bytes, ProtocolError::LengthSignBit, 1002);
        }
    }
}

/// RFC: 5.2-4, 6.1-2
#[test]
fn every_payload_length_is_written_in_its_shortest_form() {
    for role in BOTH {
        for len in [0, 1, 125, 126, 127, 65535, 65536, 65537] {
            let payload = vec![0xA5; len];
            let sent = End::new(role).send(|sender, out| sender.binary(&payload, out)).unwrap();
            assert_eq!(sent, frame(role, 0x82, &payload), "{role:?}, {len} bytes");
            let mut peer = End::with_limits(peer_of(role), bowsprit_proto::Limits::CLIENT);
            assert_eq!(peer.receive(&sent), [Seen::Binary(payload)]);
        }
    }
}

/// RFC: 5.4-5, 5.2-6
#[test]
fn frames_without_payload_are_messages_too() {
    assert_frames_seen(&[(0x81, b""), (0x82, b"")], &[text(""), Seen::Binary(Vec::new())]);
}

#[test]
fn a_header_is_parsed_back_as_it_was_encoded() {
    for opcode in [Opcode::Continuation, Opcode::Text, Opcode::Binary] {
        for (fin, rsv1) in [(false, false), (false, true), (true, false), (true, true)] {
            for masking_key in [None, Some(KEY)] {
                let header = FrameHeader { fin, rsv1, opcode, masking_key, payload_len: 300 };
                let mut bytes = Vec::new();
                header.encode(&mut bytes);
                assert!(bytes.len() <= FrameHeader::MAX_LEN);
                let len = bytes.len();
                bytes.extend_from_slice(b"payload");
                assert_eq!(FrameHeader::parse(&bytes), Ok(Some((header, len))));
            }
        }
    }
}

#[test]
fn opcodes_are_their_numbers() {
    for number in 0..=0xF {
        match Opcode::try_from(number) {
            Ok(opcode) => {
                assert_eq!(u8::from(opcode), number);
                assert_eq!(opcode.is_control(), number & 0x8 != 0);
            }
            Err(error) => {
                assert_eq!(error, ProtocolError::ReservedOpcode(number));
                assert!(!matches!(number, 0..=2 | 8..=10));
            }
        }
    }
}
