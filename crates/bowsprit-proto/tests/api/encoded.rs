//! Messages that are encoded apart from the connections that send them.

use bowsprit_proto::{
    CloseCode, DetachedCompressor, EncodedBatch, EncodedMessage, Encoding, Fragment, Limits,
    Message, MessageKind, Output, Role, SendError, Sender,
    deflate::{Compressor, Deflate},
};

use super::{
    deflate::{end, frames_of, noise, pair, prose, with_takeover, with_window},
    pair::{BOTH, End, Pair, Seen, peer_of, text},
};

const LENS: [usize; 5] = [0, 125, 126, 20_000, 70_000];

/// A pair of which `role` sends, and the other receives what was sent.
fn deliver(pair: &mut Pair, role: Role, message: &EncodedMessage) -> Vec<Seen> {
    let (from, to): (&mut End, &mut End) = match role {
        Role::Client => (&mut pair.client, &mut pair.server),
        Role::Server => (&mut pair.server, &mut pair.client),
    };
    let sent = from.send(|sender, out| sender.encoded(message, out)).unwrap();
    to.receive(&sent)
}

fn compressing(end: &mut End, len: usize) -> DetachedCompressor {
    let Encoding::Compressed(config) = end.connection.sender().encoding(len) else {
        panic!("not compressed by itself")
    };
    DetachedCompressor::new(Compressor::new(config))
}

#[test]
fn a_plain_message_is_the_same_frame_as_if_it_were_sent() {
    for len in LENS {
        for message in [Message::binary(noise(len, 1)), Message::text(prose(len, 1))] {
            let encoded = EncodedMessage::new(&message);
            assert_eq!(encoded.payload_len(), len);
            assert!(!encoded.is_compressed());
            let mut server = End::new(Role::Server);
            assert_eq!(server.connection.sender().encoding(len), Encoding::Plain);
            let as_encoded = server.send(|sender, out| sender.encoded(&encoded, out)).unwrap();
            let as_sent = server.send(|sender, out| sender.message(message, out)).unwrap();
            assert_eq!(as_encoded, as_sent);
        }
    }
}

/// A long message that cannot be compressed waits as it is, and a compressed one in pieces.
#[test]
fn long_messages_are_shared_or_in_pieces() {
    let mut pair = pair(with_takeover(true));
    let plain = Message::binary(noise(200_000, 1));
    let mut out = Output::new();
    Sender::server().encoded(&EncodedMessage::new(&plain), &mut out).unwrap();
    assert!(out.slices().any(|slice| slice.as_ptr() == plain.as_bytes().as_ptr()));
    for role in BOTH {
        let mut compressing =
            end_of(&mut pair, role).connection.sender().begin_compressing().unwrap();
        let encoded = compressing.message(&plain);
        assert!(encoded.is_compressed() && encoded.payload_len() > plain.len());
        let mut out = Output::new();
        end_of(&mut pair, role).connection.sender().encoded(&encoded, &mut out).unwrap();
        assert!(out.slices().all(|slice| slice.len() <= 64 * 1024));
        let wire: Vec<u8> = out.slices().flatten().copied().collect();
        let seen = end_of(&mut pair, peer_of(role)).receive(&wire);
        assert_eq!(seen, [Seen::Binary(plain.as_bytes().to_vec())]);
    }
}

/// RFC: 5.3-2
#[test]
fn a_client_masks_an_encoded_message_anew_each_time() {
    let message = EncodedMessage::new(&Message::text("Hello"));
    let mut keys = [[1, 2, 3, 4], [5, 6, 7, 8]].into_iter();
    let mut client = Sender::client(move || keys.next().unwrap());
    let mut out = Output::new();
    client.encoded(&message, &mut out).unwrap();
    client.encoded(&message, &mut out).unwrap();
    let frames = frames_of(&out.slices().flatten().copied().collect::<Vec<u8>>());
    let keys: Vec<_> = frames.iter().map(|(header, _)| header.masking_key.unwrap()).collect();
    assert_eq!(keys, [[1, 2, 3, 4], [5, 6, 7, 8]]);
    assert!(frames.iter().all(|(_, payload)| payload == b"Hello"));
}

#[test]
fn a_message_that_was_compressed_once_is_read_by_all() {
    for role in BOTH {
        let mut pairs = [pair(with_takeover(false)), pair(with_takeover(false))];
        let mut compressing = compressing(end_of(&mut pairs[0], role), 2000);
        for seed in 1..4 {
            let message = Message::text(prose(30_000 * seed, seed));
            let encoded = compressing.message(&message);
            assert!(encoded.is_compressed() && encoded.payload_len() < message.len() / 2);
            for pair in &mut pairs {
                let seen = deliver(pair, role, &encoded);
                assert_eq!(seen, [text(message.as_text().unwrap())]);
            }
        }
    }
}

fn end_of(pair: &mut Pair, role: Role) -> &mut End {
    match role {
        Role::Client => &mut pair.client,
        Role::Server => &mut pair.server,
    }
}

#[test]
fn what_compression_makes_longer_stays_as_it_is() {
    let mut server = end(Role::Server, Limits::SERVER, with_takeover(false));
    let encoded = compressing(&mut server, 5000).message(&Message::binary(noise(5000, 3)));
    assert!(!encoded.is_compressed());
    assert_eq!(encoded.payload_len(), 5000);
}

#[test]
fn a_message_of_another_compression_is_refused() {
    let mut small = end(Role::Server, Limits::SERVER, with_window(false, 9));
    let encoded = compressing(&mut small, 2000).message(&Message::text(prose(2000, 1)));
    let mut large = end(Role::Server, Limits::SERVER, with_takeover(false));
    let mut none = End::new(Role::Server);
    for end in [&mut large, &mut none] {
        let sent = end.send(|sender, out| sender.encoded(&encoded, out));
        assert_eq!(sent, Err(SendError::Encoding));
        assert!(end.output.is_empty());
    }
}

#[test]
fn short_messages_are_not_worth_it() {
    for takeover in [true, false] {
        let deflate = with_takeover(takeover).threshold(100);
        let mut end = end(Role::Server, Limits::SERVER, deflate);
        let sender = end.connection.sender();
        assert_eq!(sender.encoding(99), Encoding::Plain);
        assert_eq!(sender.encoding(100) == Encoding::Own, takeover);
    }
}

#[test]
fn a_context_goes_elsewhere_and_comes_back() {
    for role in BOTH {
        let mut pair = pair(with_takeover(true));
        let long = noisy(5000);
        let first = pair_send(&mut pair, role, &long);
        let sender = end_of(&mut pair, role).connection.sender();
        let mut compressing = sender.begin_compressing().unwrap();
        assert!(sender.begin_compressing().is_none(), "there is one context");
        assert_eq!(sender.wanted_compressor(), None, "and it is not replaced");
        let encoded = compressing.message(&Message::text(&*long));
        assert!(encoded.payload_len() < first / 2, "it refers to the first");
        // Meanwhile, others are sent uncompressed.
        assert_eq!(sender.encoding(5000), Encoding::Plain);
        assert!(pair_send(&mut pair, role, &long) > 5000);
        assert_eq!(deliver(&mut pair, role, &encoded), [text(&long)]);
        let sender = end_of(&mut pair, role).connection.sender();
        sender.end_compressing(compressing);
        assert!(pair_send(&mut pair, role, &long) < first / 2, "it refers to those before");
    }
}

/// Text that hardly compresses by itself, but well as a repetition.
fn noisy(len: usize) -> String {
    noise(len, 11).into_iter().map(|byte| char::from(b'!' + byte % 90)).collect()
}

/// Sends text; the other end has to read it. Returns the length of what was sent.
fn pair_send(pair: &mut Pair, role: Role, long: &str) -> usize {
    let sent = end_of(pair, role).send(|sender, out| sender.text(long, out)).unwrap();
    assert_eq!(end_of(pair, peer_of(role)).receive(&sent), [text(long)]);
    sent.len()
}

#[test]
fn a_context_whose_message_was_not_sent_is_forgotten() {
    let mut pair = pair(with_takeover(true));
    let long = noisy(5000);
    let first = pair_send(&mut pair, Role::Server, &long);
    let sender = pair.server.connection.sender();
    let mut compressing = sender.begin_compressing().unwrap();
    let never_sent = compressing.message(&Message::text(prose(4000, 1)));
    sender.end_compressing(compressing);
    let refused = pair.server.send(|sender, out| sender.encoded(&never_sent, out));
    assert_eq!(refused, Err(SendError::Encoding), "too late");
    assert_eq!(pair_send(&mut pair, Role::Server, &long), first, "it refers to nothing");
}

#[test]
fn a_shared_message_has_a_context_forget_what_was_before_it() {
    let mut pair = pair(with_takeover(true));
    let long = noisy(5000);
    let first = pair_send(&mut pair, Role::Server, &long);
    let config = pair.client.connection.sender().wanted_compressor().unwrap();
    let mut compressing = DetachedCompressor::new(Compressor::new(config));
    let mut own = pair.server.connection.sender().begin_compressing().unwrap();
    let shared = compressing.message(&Message::text(prose(4000, 1)));
    assert_eq!(deliver(&mut pair, Role::Server, &shared), [text(&prose(4000, 1))]);
    let late = own.message(&Message::text(&*long));
    let refused = pair.server.send(|sender, out| sender.encoded(&late, out));
    assert_eq!(refused, Err(SendError::Encoding));
    pair.server.connection.sender().end_compressing(own);
    assert_eq!(pair_send(&mut pair, Role::Server, &long), first);
}

#[test]
fn nothing_is_encoded_elsewhere_in_the_middle_of_a_message() {
    let mut server = end(Role::Server, Limits::SERVER, with_takeover(true));
    let fragment = Fragment { kind: MessageKind::Text, payload: b"Hel", fin: false };
    server.send(|sender, out| sender.fragment(fragment, out)).unwrap();
    assert!(server.connection.sender().begin_compressing().is_none());
    let message = EncodedMessage::new(&Message::text("Hello"));
    let sent = server.send(|sender, out| sender.encoded(&message, out));
    assert_eq!(sent, Err(SendError::FragmentOpen));
}

#[test]
fn output_is_the_same_in_chunks_of_any_length() {
    let message = Message::text(prose(100_000, 5));
    let encode = |chunk_len| {
        let deflate = with_takeover(false).chunk_len(chunk_len);
        let mut server = end(Role::Server, Limits::SERVER, deflate);
        server.send(|sender, out| sender.message(message.clone(), out)).unwrap()
    };
    let expected = encode(Deflate::server().chunk_len);
    assert_eq!(encode(0), expected);
    assert_eq!(encode(1 << 20), expected);
}

#[test]
fn a_batch_is_the_same_frames_as_if_they_were_sent() {
    let messages = LENS.map(|len| EncodedMessage::new(&Message::binary(noise(len, 2))));
    for count in 0..=messages.len() {
        let batch = EncodedBatch::new(&messages[..count]);
        let mut server = End::new(Role::Server);
        let joined = server.send(|sender, out| sender.batch(&batch, out)).unwrap();
        let mut single = Vec::new();
        for message in &messages[..count] {
            single.extend(server.send(|sender, out| sender.encoded(message, out)).unwrap());
        }
        assert_eq!(joined, single);
        assert_eq!(joined, batch.frames());
        assert_eq!(
            joined.len(),
            messages[..count].iter().map(EncodedMessage::frame_len).sum::<usize>()
        );
    }
}

/// RFC: 5.3-2
#[test]
fn a_client_takes_no_batch() {
    let batch = EncodedBatch::new([&EncodedMessage::new(&Message::text("Hello"))]);
    let mut client = End::new(Role::Client);
    assert!(!client.connection.sender().takes_batches(5));
    let refused = client.send(|sender, out| sender.batch(&batch, out));
    assert_eq!(refused.unwrap_err(), SendError::Encoding);
}

#[test]
fn a_batch_with_a_compressed_message_is_refused() {
    let mut pair = pair(with_takeover(false));
    let message = Message::text(prose(5000, 1));
    let compressed = compressing(&mut pair.server, 5000).message(&message);
    assert!(compressed.is_compressed());
    let plain = EncodedMessage::new(&message);
    for messages in [vec![&compressed], vec![&plain, &compressed], vec![&compressed, &plain]] {
        let batch = EncodedBatch::new(messages);
        let refused = pair.server.send(|sender, out| sender.batch(&batch, out));
        assert_eq!(refused.unwrap_err(), SendError::Encoding);
    }
    assert!(!pair.server.connection.sender().takes_batches(5000));
}

#[test]
fn a_batch_does_not_come_between_fragments_nor_after_a_close() {
    let batch = EncodedBatch::new([&EncodedMessage::new(&Message::text("Hello"))]);
    let mut out = Output::new();
    let mut server = Sender::server();
    let fragment = Fragment { kind: MessageKind::Text, payload: b"be", fin: false };
    server.fragment(fragment, &mut out).unwrap();
    assert_eq!(server.batch(&batch, &mut out), Err(SendError::FragmentOpen));
    server.fragment(Fragment { fin: true, ..fragment }, &mut out).unwrap();
    server.batch(&batch, &mut out).unwrap();
    server.close(&CloseCode::NORMAL.into(), &mut out).unwrap();
    assert_eq!(server.batch(&batch, &mut out), Err(SendError::Closed));
}
