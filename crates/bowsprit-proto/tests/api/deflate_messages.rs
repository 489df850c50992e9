//! Messages that go compressed from one end to the other, RFC 7692 §6 and §7.2, with an inflater of
//! the tests between them.

use std::mem;

use bowsprit_proto::{
    FrameHeader, Limits, Message, MessageKind, Opcode, Role,
    deflate::{Deflate, Strategy},
};

use super::{
    deflate::{BACKEND, end, frames_of, noise, pair, prose, with_takeover, with_window},
    pair::{BOTH, End, Pair, Seen, peer_of, text},
    rfc1951::{Inflater, TAIL},
};

const LENGTHS: [usize; 7] = [0, 1, 1023, 1024, 1025, 4000, 20_000];

/// Sends a message and checks its frame against the oracle.
#[track_caller]
fn send(sender: &mut End, oracle: &mut Inflater, message: &Message) -> (FrameHeader, Vec<u8>) {
    let bytes = sender.send(|sender, out| sender.message(message.clone(), out)).unwrap();
    let [(header, payload)] = &frames_of(&bytes)[..] else { panic!("one message, one frame") };
    assert!(header.fin);
    if header.rsv1 {
        let inflated = oracle.message(payload).expect("what is sent is DEFLATE");
        assert_eq!(inflated, message.as_bytes()[..]);
    } else {
        assert_eq!(payload[..], message.as_bytes()[..]);
    }
    (*header, bytes)
}

fn seen(message: &Message) -> Seen {
    match message {
        Message::Text(payload) => text(payload.as_str()),
        Message::Binary(payload) => Seen::Binary(payload.to_vec()),
    }
}

/// Carries messages of all lengths both ways; returns how far back they referred.
fn converse(deflate: Deflate, lens: &[usize]) -> usize {
    let Pair { client, server } = pair(deflate);
    let (mut from, mut to) = (client, server);
    let mut furthest = 0;
    for _ in BOTH {
        let mut oracle = Inflater::default();
        for (i, len) in lens.iter().chain(&lens[..lens.len() / 2]).enumerate() {
            let message = match i % 3 {
                0 => Message::binary(noise(*len, 3)),
                _ => Message::text(prose(*len, i % 5)),
            };
            let (_, bytes) = send(&mut from, &mut oracle, &message);
            assert_eq!(to.receive(&bytes), [seen(&message)], "{len} bytes, {deflate:?}");
        }
        furthest = furthest.max(oracle.furthest);
        mem::swap(&mut from, &mut to);
    }
    furthest
}

/// RFC: D7.2.1-5, D7.2.1-3, D7.2.2-2, D5-7
#[test]
fn nothing_refers_further_back_than_the_window_that_was_agreed_on() {
    for bits in 8..=15 {
        let window = 1 << bits;
        // What comes again just within the window and just without.
        // zlib leaves out the last 262 bytes; for 2^8 it is told 2^9.
        let within = if bits == 8 { 240 } else { window - 270 };
        let lens = [within, window / 2, window, window + 50, 33_000];
        for (takeover, level) in [(true, 1), (true, 6), (false, 1), (false, 9)] {
            for from in BOTH {
                let deflate = with_window(takeover, bits).level(level).threshold(0);
                let mut sender = end(from, Limits::SERVER, deflate);
                let mut receiver = end(peer_of(from), Limits::SERVER, deflate);
                let mut oracle = Inflater::default();
                for (seed, len) in (1..).zip(lens) {
                    let once = noise(len, seed);
                    let message = Message::binary([&once[..], &once[..len.min(60)]].concat());
                    let (_, bytes) = send(&mut sender, &mut oracle, &message);
                    assert_eq!(receiver.receive(&bytes), [seen(&message)]);
                }
                let furthest = oracle.furthest;
                assert!(furthest <= window, "{furthest} back, {bits} bits, level {level}");
                assert!(
                    level == 1 || furthest >= within.min(window / 2),
                    "{furthest} back, {bits} bits, level {level}"
                );
            }
        }
    }
}

/// RFC: D7.2.1-1, D7.2.1-4
#[test]
fn every_level_strategy_and_memory_level_is_understood() {
    use Strategy::{Default, Filtered, Fixed, HuffmanOnly, Rle};
    for takeover in [true, false] {
        for level in 0..=10 {
            converse(with_takeover(takeover).level(level), &LENGTHS);
        }
        for (i, strategy) in [Default, Filtered, HuffmanOnly, Rle, Fixed].into_iter().enumerate() {
            for level in [1, 6] {
                converse(with_takeover(takeover).strategy(strategy).level(level), &LENGTHS);
            }
            let mem_level = u8::try_from(2 * i).unwrap();
            for mem_level in [mem_level, mem_level + 1] {
                converse(with_takeover(takeover).mem_level(mem_level).level(5), &LENGTHS);
            }
        }
    }
}

#[test]
fn long_messages_come_whole() {
    for takeover in [true, false] {
        converse(with_takeover(takeover), &[1 << 16, 1 << 20]);
    }
}

/// RFC: D6.1-1
#[test]
fn messages_below_the_threshold_are_not_compressed() {
    for (deflate, threshold) in
        [(with_takeover(true), 1024), (with_takeover(true).threshold(10), 10)]
    {
        for mut sender in BOTH.map(|role| end(role, Limits::SERVER, deflate)) {
            let mut oracle = Inflater::default();
            for len in [0, 1, threshold - 1, threshold, threshold + 1] {
                let message = Message::text("a".repeat(len));
                let (header, _) = send(&mut sender, &mut oracle, &message);
                assert_eq!(header.rsv1, len >= threshold, "{len} bytes");
            }
        }
    }
}

/// RFC: D6.1-1, D7.2.1-4, D9
#[test]
fn data_that_does_not_compress_is_sent_as_it_is_if_no_message_refers_to_it() {
    for role in BOTH {
        for takeover in [true, false] {
            let mut sender = end(role, Limits::CLIENT, with_takeover(takeover));
            let mut receiver = end(peer_of(role), Limits::CLIENT, with_takeover(takeover));
            let mut oracle = Inflater::default();
            for len in [2000, 100_000] {
                for message in [Message::binary(noise(len, 1)), Message::text(prose(len, 1))] {
                    let is_text = message.kind() == MessageKind::Text;
                    let (header, bytes) = send(&mut sender, &mut oracle, &message);
                    assert_eq!(header.rsv1, takeover || is_text, "{role:?}, {len} bytes");
                    assert!(bytes.len() < len + len / 8 + 50);
                    assert_eq!(receiver.receive(&bytes), [seen(&message)]);
                }
            }
        }
    }
}

/// RFC: D7.2.1-4, D7.2.2-1
#[test]
fn with_takeover_a_message_refers_to_earlier_ones_and_without_it_does_not() {
    let message = Message::text(prose(3000, 8));
    for role in BOTH {
        for takeover in [true, false] {
            let mut sender = end(role, Limits::SERVER, with_takeover(takeover).level(6));
            let mut oracle = Inflater::default();
            let lens: Vec<usize> =
                (0..4).map(|_| send(&mut sender, &mut oracle, &message).1.len()).collect();
            if takeover {
                assert!(lens[1] < lens[0] / 4, "{lens:?}");
            } else {
                assert!(lens.iter().all(|len| *len == lens[0]), "{lens:?}");
            }
            let (header, bytes) = send(&mut sender, &mut oracle, &message);
            let alone = Inflater::default().message(&frames_of(&bytes)[0].1);
            assert_eq!(header.rsv1 && alone.is_some(), !takeover);
        }
    }
}

/// RFC: D7.1.1.1-1, D7.1.1.2-1, D5-7
#[test]
fn each_side_follows_what_was_agreed_on_for_it() {
    use bowsprit_proto::deflate::ContextTakeover::Never;
    let message = Message::text(prose(3000, 8));
    let client = Deflate::client().backend(BACKEND);
    for (deflate, fresh) in [
        (client.server_context_takeover(Never), Role::Server),
        (client.client_context_takeover(Never), Role::Client),
    ] {
        for role in BOTH {
            let mut sender = end(role, Limits::SERVER, deflate);
            let mut receiver = end(peer_of(role), Limits::SERVER, deflate);
            let mut oracle = Inflater::default();
            let [first, second] = [0, 1].map(|_| send(&mut sender, &mut oracle, &message).1);
            assert_eq!(first == second, role == fresh);
            let both = [first, second].concat();
            assert_eq!(receiver.receive(&both), [seen(&message), seen(&message)]);
        }
    }
}

/// RFC: D6.1-1, D6.1-2, D7.2.1-2
#[test]
fn a_message_is_compressed_over_its_fragments_with_control_frames_between() {
    let whole = prose(9000, 2);
    for takeover in [true, false] {
        for role in BOTH {
            let mut sender = end(role, Limits::SERVER, with_takeover(takeover));
            let mut receiver = end(peer_of(role), Limits::SERVER, with_takeover(takeover));
            let mut oracle = Inflater::default();
            for cuts in [&[0, 9000][..], &[0, 0, 1, 1, 4000, 9000, 9000], &[0, 8999, 9000]] {
                let bytes = fragments(&mut sender, whole.as_bytes(), cuts);
                let frames = frames_of(&bytes);
                let data: Vec<_> = frames.iter().filter(|f| !f.0.opcode.is_control()).collect();
                assert_eq!(data.len(), cuts.len() - 1);
                for (i, (header, payload)) in data.iter().enumerate() {
                    let last = i == data.len() - 1;
                    assert_eq!((header.rsv1, header.fin), (i == 0, last));
                    if !payload.is_empty() {
                        assert_eq!(payload.ends_with(&TAIL), !last, "cut from the last");
                    }
                }
                assert!(frames.iter().all(|(h, _)| !h.opcode.is_control() || !h.rsv1));
                let joined: Vec<u8> =
                    data.iter().flat_map(|(_, payload)| payload.clone()).collect();
                assert_eq!(oracle.message(&joined).as_deref(), Some(whole.as_bytes()));
                let seen = receiver.receive(&bytes);
                assert_eq!(seen.last(), Some(&text(&whole)));
                assert_eq!(seen.len(), frames.len() - data.len() + 1);
            }
        }
    }
}

/// Sends text in fragments, with a ping after each but the last.
fn fragments(sender: &mut End, payload: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, span) in cuts.windows(2).enumerate() {
        let fin = i == cuts.len() - 2;
        let payload = &payload[span[0]..span[1]];
        let fragment = bowsprit_proto::Fragment { kind: MessageKind::Text, payload, fin };
        bytes.extend(sender.send(|sender, out| sender.fragment(fragment, out)).unwrap());
        if !fin {
            bytes.extend(sender.send(|sender, out| sender.ping(b"between", out)).unwrap());
        }
    }
    bytes
}

/// RFC: D7.2.3-1, D7.2.1-2
#[test]
fn a_message_of_empty_fragments_is_an_empty_message() {
    for takeover in [true, false] {
        for role in BOTH {
            let mut sender = end(role, Limits::SERVER, with_takeover(takeover));
            let mut receiver = end(peer_of(role), Limits::SERVER, with_takeover(takeover));
            for cuts in [&[0, 0][..], &[0, 0, 0, 0], &[0, 0]] {
                let bytes = fragments(&mut sender, b"", cuts);
                let last = frames_of(&bytes).pop().unwrap();
                assert_eq!(last.1, [0x00]);
                assert_eq!(receiver.receive(&bytes).last(), Some(&text("")));
            }
        }
    }
}

/// RFC: D6.2-1, D9
#[test]
fn a_message_may_be_sent_uncompressed_between_compressed_ones() {
    for takeover in [true, false] {
        for role in BOTH {
            let mut sender = end(role, Limits::SERVER, with_takeover(takeover));
            let mut receiver = end(peer_of(role), Limits::SERVER, with_takeover(takeover));
            let mut oracle = Inflater::default();
            for i in 0..6 {
                let message = Message::text(prose(4000, i / 2));
                let bytes = if i % 2 == 0 {
                    send(&mut sender, &mut oracle, &message).1
                } else {
                    let secret = message.clone();
                    sender.send(|sender, out| sender.message_uncompressed(secret, out)).unwrap()
                };
                let frames = frames_of(&bytes);
                assert_eq!((frames[0].0.rsv1, frames[0].0.opcode), (i % 2 == 0, Opcode::Text));
                assert_eq!(receiver.receive(&bytes), [seen(&message)]);
            }
        }
    }
}
