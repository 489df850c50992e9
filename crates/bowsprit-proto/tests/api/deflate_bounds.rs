//! Limits on what compressed messages become, RFC 6455 §10.4, and UTF-8 after decompression.

use bowsprit_proto::{
    Limits, Message, ProtocolError, ReceiveBuffer, Receiver, Role, deflate::Deflate,
};

use super::{
    deflate::{
        BACKEND, BINARY, TEXT, agree, end, frames_of, frames_to, noise, prose, with_takeover,
    },
    pair::{
        BOTH, EVENT, End, NEED_DATA, Seen, assert_failed, peer_of, receive, receive_chunk, text,
    },
    rfc1951::{Blocks, Symbol, literals},
};

/// A message as a compressor would make it, without the tail.
fn compressed(payload: &[u8]) -> Vec<u8> {
    let mut sender = end(Role::Server, Limits::NONE, with_takeover(true).threshold(0).level(6));
    let sent = sender.send(|sender, out| sender.binary(payload, out)).unwrap();
    frames_of(&sent)[0].1.clone()
}

fn limited(role: Role, limit: u64, takeover: bool) -> End {
    end(role, Limits::SERVER.max_message_len(limit), with_takeover(takeover))
}

#[track_caller]
fn assert_fails(mut end: End, frames: &[(u8, &[u8])], error: ProtocolError, code: u16) {
    let bytes = frames_to(end.role, frames.iter().copied());
    assert_eq!(end.receive(&bytes).last(), Some(&Seen::Failed(error)));
    assert_failed(&mut end, error, code);
}

/// RFC: 10.4-1, 10.4-2
#[test]
fn a_compressed_message_may_be_as_long_as_the_limit_and_no_longer() {
    let error = ProtocolError::MessageTooLong;
    for limit in [0, 1, 10, 16_383, 16_384, 16_385, 100_000] {
        let data = prose(limit + 1, 1);
        let [fits, long] = [limit, limit + 1].map(|len| compressed(&data.as_bytes()[..len]));
        let is_char_boundary = data.is_char_boundary(limit);
        let limit_len = limit as u64;
        for (role, takeover) in BOTH.into_iter().zip([true, false]) {
            let mut receiver = limited(role, limit_len, takeover);
            let middle = fits.len() / 2;
            let parts = [(0x42, &fits[..middle]), (0x80, &fits[middle..]), (BINARY, &[0][..])];
            let expected = [data.as_bytes()[..limit].to_vec(), Vec::new()].map(Seen::Binary);
            assert_eq!(receiver.receive(&frames_to(role, parts)), expected, "{limit}");
            assert_fails(limited(role, limit_len, takeover), &[(BINARY, &long)], error, 1009);
            if is_char_boundary {
                assert_fails(limited(role, limit_len, takeover), &[(TEXT, &long)], error, 1009);
            }
            let middle = long.len() / 2;
            let parts = [(0x42, &long[..middle]), (0x80, &long[middle..])];
            assert_fails(limited(role, limit_len, takeover), &parts, error, 1009);
        }
    }
}

/// RFC: 10.4-1
#[test]
fn a_final_block_does_not_hide_that_a_message_is_too_long() {
    for blocks in [
        Blocks::new().stored(true, &[7; 11]),
        Blocks::new().stored(true, &[7; 10]).stored(true, &[7; 1]),
        Blocks::new().stored(true, &[7; 11]).fixed(true, &[]),
    ] {
        for role in BOTH {
            let error = ProtocolError::MessageTooLong;
            assert_fails(
                limited(role, 10, true),
                &[(BINARY, &blocks.clone().bytes())],
                error,
                1009,
            );
            let mut fits = limited(role, 11, true);
            let seen = fits.receive(&frames_to(role, [(BINARY, &blocks.clone().bytes()[..])]));
            assert_eq!(seen, [Seen::Binary(vec![7; 11])]);
        }
    }
}

/// RFC: 10.4-1
#[test]
fn data_that_grows_when_it_is_compressed_does_not_go_beyond_the_limit() {
    let limit = 60_000;
    // The codes of the standard have nine bits for these.
    let data: Vec<u8> = noise(limit, 1).iter().map(|byte| byte | 0x90).collect();
    let fixed = Blocks::new().fixed(false, &literals(&data)).message();
    assert!(fixed.len() > limit + limit / 9);
    for role in BOTH {
        let mut receiver = limited(role, limit as u64, true);
        let seen = receiver.receive(&frames_to(role, [(BINARY, &fixed[..])]));
        assert_eq!(seen, [Seen::Binary(data.clone())]);
        // In many fragments, each with an end of its own.
        let mut sender = end(peer_of(role), Limits::NONE, with_takeover(true));
        let mut receiver = limited(role, 600, true);
        let mut seen = Vec::new();
        for (i, payload) in data[..600].chunks(2).enumerate() {
            let kind = bowsprit_proto::MessageKind::Binary;
            let fragment = bowsprit_proto::Fragment { kind, payload, fin: i == 299 };
            let bytes = sender.send(|sender, out| sender.fragment(fragment, out)).unwrap();
            seen.extend(receiver.receive(&bytes));
        }
        assert_eq!(seen, [Seen::Binary(data[..600].to_vec())]);
    }
}

/// RFC: 10.4-1
#[test]
fn a_message_that_is_too_long_on_the_wire_is_refused_at_its_header() {
    let header = |len: u64| [&[BINARY, 127], &len.to_be_bytes()[..]].concat();
    let error = ProtocolError::MessageTooLong;
    for len in [(1 << 20) / 8 * 9 + 200, 1 << 40] {
        let mut receiver = limited(Role::Client, 1 << 20, true);
        assert_eq!(receiver.receive(&header(len)), [Seen::Failed(error)]);
        assert_failed(&mut receiver, error, 1009);
    }
    let mut receiver = limited(Role::Client, 1 << 20, true);
    assert_eq!(receiver.receive(&header(1 << 20)), []);
    let many = vec![(0x00, &b""[..]); 4096];
    let frames: Vec<_> = [(0x42, &b"\0"[..])].into_iter().chain(many).collect();
    let error = ProtocolError::TooManyFragments;
    assert_fails(limited(Role::Client, 1 << 20, true), &frames, error, 1008);
}

/// RFC: 8.1-1, 5.6-1
#[test]
fn text_is_checked_as_it_is_decompressed() {
    let wrong: [&[u8]; 5] = [b"a\xFF", b"\xC3", b"\xE2\x82 ", b"\xED\xA0\x80", b"ok \xF4\x90"];
    for wrong in wrong {
        for blocks in [
            Blocks::new().stored(false, wrong).message(),
            Blocks::new().fixed(true, &literals(wrong)).bytes(),
        ] {
            for (role, takeover) in BOTH.into_iter().zip([false, true]) {
                let end = limited(role, 100, takeover);
                assert_fails(end, &[(TEXT, &blocks)], ProtocolError::TextUtf8, 1007);
            }
        }
    }
    // At the first wrong byte, with most of the frame to come.
    let payload = Blocks::new().stored(false, &[b"ok \xFF", &[b'a'; 500][..]].concat()).message();
    for role in BOTH {
        let bytes = frames_to(role, [(TEXT, &payload[..])]);
        let header_len = bytes.len() - payload.len();
        let mut end = limited(role, 1000, true);
        assert_eq!(end.receive(&bytes[..header_len + 8]), []);
        let seen = end.receive(&bytes[header_len + 8..header_len + 9]);
        assert_eq!(seen, [Seen::Failed(ProtocolError::TextUtf8)]);
        assert_failed(&mut end, ProtocolError::TextUtf8, 1007);
    }
}

/// What comes first in the message counts, not what came in one read.
#[test]
fn of_several_violations_the_first_is_reported_however_the_input_is_cut() {
    let far = [Symbol::Match(3, 30_000)];
    let bad_text = Blocks::new().stored(false, b"a\xFF").stored(false, &[b'a'; 100]);
    let long = Blocks::new().stored(false, &[b'a'; 101]).stored(false, b"\xFF");
    let cases = [
        (bad_text.clone().message(), ProtocolError::TextUtf8.to_string()),
        (bad_text.fixed(false, &far).message(), ProtocolError::TextUtf8.to_string()),
        (long.clone().message(), ProtocolError::MessageTooLong.to_string()),
        (long.fixed(false, &far).message(), ProtocolError::MessageTooLong.to_string()),
        (
            Blocks::new().stored(false, b"a").fixed(false, &far).stored(false, b"\xFF").message(),
            "a compressed message cannot be decompressed: invalid length or distance".into(),
        ),
    ];
    for (payload, error) in cases {
        for role in BOTH {
            let bytes = frames_to(role, [(TEXT, &payload[..])]);
            for len in [1, 2, 7, bytes.len()] {
                let mut end = limited(role, 100, true);
                let seen: Vec<Seen> =
                    bytes.chunks(len).flat_map(|piece| end.receive(piece)).collect();
                let Seen::Failed(first) = seen[0] else { panic!("{:?}", seen[0]) };
                assert_eq!(first.to_string(), error, "pieces of {len}");
            }
        }
    }
}

/// RFC: 10.4-1
#[test]
fn chunks_of_a_bomb_are_small_and_nothing_else_is_held() {
    let zeros = vec![0; 3 << 20];
    let bomb = compressed(&zeros);
    assert!(bomb.len() < 5000);
    for role in BOTH {
        for takeover in [true, false] {
            let deflate = with_takeover(takeover);
            let (parameters, _) = agree(&deflate, &Deflate::client()).unwrap();
            let limits = Limits::SERVER.max_message_len(1);
            let mut receiver = Receiver::new(role, limits)
                .with_deflate(&parameters, &Deflate::client().backend(BACKEND));
            let mut input = ReceiveBuffer::new();
            input.extend(&frames_to(role, [(BINARY, &bomb[..]), (TEXT, &bomb)]));
            let (mut received, mut chunks) = (0, 0);
            while receive_chunk(&mut receiver, &mut input) == EVENT {
                // Blocks come and go, and what is unmasked in them stays so.
                let chunk = if chunks % 3 == 0 {
                    input.take_payload().to_vec()
                } else {
                    let Seen::Chunk { payload, .. } = Seen::of(&input.event().unwrap()) else {
                        panic!("something else than a chunk");
                    };
                    payload
                };
                if chunks % 2 == 0 {
                    drop(input.replace_block(vec![0xEE; input.live_len() + chunks % 5]));
                }
                assert!(chunk.len() <= 64 * 1024 && chunk.iter().all(|byte| *byte == 0));
                assert!(input.block_len() <= 16 * 1024);
                received += chunk.len();
                chunks += 1;
            }
            assert_eq!(received, 2 * zeros.len());
            let scratch = input.take_scratch().unwrap();
            assert!(scratch.capacity() <= 64 * 1024);
        }
    }
}

#[test]
fn a_long_message_can_be_finished_in_chunks() {
    let data = prose(300_000, 5);
    let message = compressed(data.as_bytes());
    let bytes = frames_to(Role::Client, [(TEXT, &message[..])]);
    let deflate = with_takeover(false);
    let (parameters, _) = agree(&deflate, &deflate).unwrap();
    let mut receiver = Receiver::new(Role::Client, Limits::SERVER)
        .with_deflate(&parameters, &Deflate::client().backend(BACKEND));
    let mut input = ReceiveBuffer::new();
    input.extend(&bytes[..bytes.len() / 2]);
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
    let mut joined = Vec::new();
    input.extend(&bytes[bytes.len() / 2..]);
    while receive_chunk(&mut receiver, &mut input) == EVENT {
        joined.extend(input.take_payload());
    }
    assert_eq!(text(&String::from_utf8(joined).unwrap()), text(&data));
}

#[test]
fn messages_are_taken_with_their_memory_or_copied_as_fits() {
    for (len, handed_over) in [(100, false), (16_000, false), (60_000, true)] {
        let data = noise(len, 3);
        let mut receiver = end(Role::Client, Limits::SERVER, with_takeover(true));
        receiver.input.extend(&frames_to(Role::Client, [(BINARY, &compressed(&data)[..])]));
        let received = receiver.connection.receive(&mut receiver.input, &mut receiver.output);
        assert!(received.progress.is_ok_and(|progress| progress.is_event()));
        assert_eq!(receiver.input.take_message(), Some(Message::binary(data)));
        assert!(receiver.input.is_empty());
        assert_eq!(receiver.input.take_scratch().is_none(), handed_over, "{len}");
    }
}
