//! Masking, RFC 6455 §5.1 and §5.3.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use bowsprit_proto::{
    Close, CloseCode, Event, Fragment, FrameHeader, MessageKind, Output, ProtocolError, Role,
    Sender,
};

use super::pair::{End, Seen, assert_fails, frame};

/// Every frame that a sender can make, one after the other.
fn every_kind_of_frame(sender: &mut Sender, out: &mut Output) -> u32 {
    let fragment = |payload, fin| Fragment { kind: MessageKind::Text, payload, fin };
    sender.text("text", out).unwrap();
    sender.binary(b"binary", out).unwrap();
    sender.message(vec![1_u8; 20_000].into(), out).unwrap();
    sender.fragment(fragment(b"first", false), out).unwrap();
    sender.fragment(fragment(b"last", true), out).unwrap();
    sender.ping(b"", out).unwrap();
    sender.pong(b"unasked", out).unwrap();
    sender.respond(&Event::Ping(b"asked"), out);
    sender.close(&Close::from(CloseCode::NORMAL), out).unwrap();
    9
}

fn headers(mut bytes: &[u8]) -> Vec<FrameHeader> {
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let (header, len) = FrameHeader::parse(bytes).unwrap().unwrap();
        bytes = &bytes[len + usize::try_from(header.payload_len).unwrap()..];
        headers.push(header);
    }
    headers
}

/// RFC: 5.1-1, 5.3-1, 5.3-2, 6.1-4, 10.3-1
#[test]
fn a_client_masks_every_frame_with_a_key_of_its_own() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let keys = move || (0xA0B0_C0D0 + counter.fetch_add(1, Ordering::Relaxed)).to_be_bytes();
    let mut client = End::new(Role::Client);
    let mut sender = Sender::client(keys);
    assert_eq!(sender.role(), Role::Client);
    let frames = every_kind_of_frame(&mut sender, &mut client.output);
    assert_eq!(asked.load(Ordering::Relaxed), frames, "one key for each frame");
    let used = headers(&client.sent()).into_iter().map(|header| header.masking_key);
    let handed_out = (0..frames).map(|n| Some((0xA0B0_C0D0 + n).to_be_bytes()));
    assert!(used.eq(handed_out), "each frame has the key that was made for it");
}

/// RFC: 5.1-3
#[test]
fn a_server_masks_nothing() {
    let mut server = End::new(Role::Server);
    let mut sender = Sender::server();
    assert_eq!(sender.role(), Role::Server);
    let frames = every_kind_of_frame(&mut sender, &mut server.output);
    let headers = headers(&server.sent());
    assert_eq!(headers.len(), usize::try_from(frames).unwrap());
    assert!(headers.iter().all(|header| header.masking_key.is_none()));
}

/// RFC: 5.1-2
#[test]
fn a_server_refuses_an_unmasked_frame() {
    for first in [0x81, 0x82, 0x01, 0x88, 0x89, 0x8A] {
        let bytes = frame(Role::Server, first, b"");
        assert_fails(Role::Server, &bytes, ProtocolError::MaskMissing, 1002);
    }
    let later = [frame(Role::Client, 0x01, b"a"), frame(Role::Server, 0x80, b"b")].concat();
    assert_fails(Role::Server, &later, ProtocolError::MaskMissing, 1002);
}

/// RFC: 5.1-4
#[test]
fn a_client_refuses_a_masked_frame() {
    for first in [0x81, 0x82, 0x01, 0x88, 0x89, 0x8A] {
        let bytes = frame(Role::Client, first, b"");
        assert_fails(Role::Client, &bytes, ProtocolError::MaskUnexpected, 1002);
    }
    let later = [frame(Role::Server, 0x01, b"a"), frame(Role::Client, 0x80, b"b")].concat();
    assert_fails(Role::Client, &later, ProtocolError::MaskUnexpected, 1002);
}

/// RFC: 6.2-3
#[test]
fn a_server_unmasks_whatever_the_key_and_the_length() {
    for key in [[0; 4], [0xFF; 4], [1, 2, 4, 8], [0x80, 0, 0, 1]] {
        for len in (0..70).chain([125, 126, 4096]) {
            let payload: Vec<u8> = (0..len).map(|i: u32| i.to_le_bytes()[0] ^ 0x55).collect();
            let mut client = End::new(Role::Client);
            Sender::client(move || key).binary(&payload, &mut client.output).unwrap();
            let sent = client.sent();
            let body = &sent[sent.len() - payload.len()..];
            assert!((0..payload.len()).all(|i| body[i] == payload[i] ^ key[i % 4]), "§5.3");
            assert_eq!(End::new(Role::Server).receive(&sent), [Seen::Binary(payload)]);
        }
    }
}
