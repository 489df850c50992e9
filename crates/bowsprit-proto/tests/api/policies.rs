//! What a receiver does differently for drivers that ask for it.

use bowsprit_proto::{
    Event, Limits, MessageKind, Progress, ProtocolError, ReceiveBuffer, ReceivedData, Receiver,
    Role,
    deflate::{Deflate, OfferPolicy},
    extension,
};

use super::{
    deflate::{end, with_takeover},
    pair::{close_payload, frame, frames},
};

const LIMITS: Limits = Limits::SERVER.max_message_len(10).max_fragments(3);

/// Receives `pieces` in chunks, until one fails; the chunks of messages, with what is told of each.
fn chunks(
    receiver: &mut Receiver,
    pieces: &[&[u8]],
) -> (Vec<(ReceivedData, Vec<u8>)>, Option<ProtocolError>) {
    let (mut input, mut chunks) = (ReceiveBuffer::new(), Vec::new());
    for piece in pieces {
        input.extend(piece);
        loop {
            match receiver.receive_chunk(&mut input, &mut ()).progress {
                Ok(Progress::Data(data)) => chunks.push((data, input.take_payload().to_vec())),
                Ok(Progress::NeedData) => break,
                Ok(_) => {}
                Err(error) => return (chunks, Some(error)),
            }
        }
    }
    (chunks, None)
}

#[test]
fn limits_hold_for_messages_in_chunks_if_asked_for() {
    let long = frames(Role::Client, [(0x02, &[1; 6][..]), (0x80, &[2; 5])]);
    let many = frames(Role::Client, [(0x02, &b"a"[..]), (0, b""), (0, b""), (0x80, b"b")]);
    for (bytes, error) in
        [(long, ProtocolError::MessageTooLong), (many, ProtocolError::TooManyFragments)]
    {
        let mut unlimited = Receiver::new(Role::Server, LIMITS);
        assert_eq!(chunks(&mut unlimited, &[&bytes]).1, None);
        let mut limited = Receiver::new(Role::Server, LIMITS).with_limits_in_chunks();
        let (seen, failed) = chunks(&mut limited, &[&bytes]);
        assert_eq!(failed, Some(error));
        assert!(!seen.is_empty(), "what came before is handed out");
    }
}

#[test]
fn limits_hold_for_decompressed_messages_in_chunks() {
    let mut peer = end(Role::Client, Limits::CLIENT, with_takeover(false));
    let (mut out, bomb) = (bowsprit_proto::Output::new(), vec![0; 200_000]);
    peer.connection.sender().binary(&bomb, &mut out).unwrap();
    let bytes: Vec<u8> = out.slices().flat_map(|slice| slice.to_vec()).collect();
    let deflate = Deflate::client();
    let offers = extension::parse("permessage-deflate").unwrap();
    let parameters = deflate.accept(&offers, OfferPolicy::Decline).unwrap().unwrap();
    for max in [100, 65_536, 100_000, 199_999, 200_000] {
        let limits = Limits::SERVER.max_message_len(max);
        let receiver = Receiver::new(Role::Server, limits).with_deflate(&parameters, &deflate);
        let mut receiver = receiver.with_limits_in_chunks();
        let (seen, failed) = chunks(&mut receiver, &[&bytes]);
        let len: usize = seen.iter().map(|(_, payload)| payload.len()).sum();
        if max < 200_000 {
            assert_eq!(failed, Some(ProtocolError::MessageTooLong));
            assert!(len as u64 <= max);
        } else {
            assert_eq!((failed, len), (None, 200_000));
        }
    }
}

#[test]
fn chunks_are_cut_inside_characters_if_asked_for() {
    let bytes = frame(Role::Client, 0x81, "caf\u{e9}!".as_bytes());
    let (begin, rest) = bytes.split_at(bytes.len() - 2);
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER).with_cut_characters();
    let (seen, failed) = chunks(&mut receiver, &[begin, rest]);
    let payloads: Vec<_> = seen.into_iter().map(|(_, payload)| payload).collect();
    assert_eq!((payloads, failed), (vec![b"caf\xc3".to_vec(), b"\xa9!".to_vec()], None));
}

#[test]
fn cut_characters_are_checked_all_the_same() {
    let bytes = frame(Role::Client, 0x81, b"caf\xc3!");
    let (begin, rest) = bytes.split_at(bytes.len() - 1);
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER).with_cut_characters();
    assert_eq!(chunks(&mut receiver, &[begin, rest]).1, Some(ProtocolError::TextUtf8));
    let unfinished = frame(Role::Client, 0x81, b"caf\xc3");
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER).with_cut_characters();
    assert_eq!(chunks(&mut receiver, &[&unfinished]).1, Some(ProtocolError::TextUtf8));
}

#[test]
fn chunks_tell_where_frames_end() {
    let bytes = frames(Role::Client, [(0x02, &b"ab"[..]), (0x00, b""), (0x80, b"cd")]);
    let (begin, rest) = bytes.split_at(7);
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER);
    let (seen, _) = chunks(&mut receiver, &[begin, rest]);
    let ends: Vec<_> = seen.iter().map(|(data, _)| (data.ends_frame, data.last)).collect();
    assert_eq!(ends, [(false, false), (true, false), (true, true)]);
}

#[test]
fn text_and_reasons_may_be_anything_if_asked_for() {
    let sent = [
        (0x81, b"\xff".to_vec()),
        (0x01, b"\xc3".to_vec()),
        (0x80, b"b".to_vec()),
        (0x88, close_payload(1000, b"\xfe")),
    ];
    let bytes = frames(Role::Client, sent.iter().map(|(first, payload)| (*first, &payload[..])));
    let mut receiver = Receiver::new(Role::Server, Limits::SERVER).without_utf8_checks();
    let mut input = ReceiveBuffer::new();
    input.extend(&bytes);
    for expected in [&b"\xff"[..], b"\xc3b"] {
        let Ok(Progress::Data(data)) = receiver.receive(&mut input, &mut ()).progress else {
            panic!("a message");
        };
        assert_eq!(data.kind, MessageKind::Text);
        assert_eq!(input.event(), Some(Event::Binary(expected)));
    }
    assert_eq!(receiver.receive(&mut input, &mut ()).progress, Ok(Progress::Close));
    let Some(Event::Close(close)) = input.event() else { panic!("a close frame") };
    assert_eq!((u16::from(close.code), &*close.reason), (1000, "\u{fffd}"));
    let span = input.event_span().unwrap();
    assert_eq!(input.into_block()[span], *b"\x03\xe8\xfe");
}
