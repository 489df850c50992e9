//! What a peer may put into a compressed message, RFC 7692 §6 and §7.2: blocks written by hand.

use bowsprit_proto::{Limits, MessageKind, ProtocolError, Role};

use super::{
    deflate::{
        BINARY, TEXT, data_error, end, frames_to, noise, pair, prose, with_takeover, with_window,
    },
    pair::{BOTH, End, Seen, assert_failed, assert_frames_fail, frame, peer_of, text},
    rfc1951::{Blocks, Symbol, literals},
};

const RSV1: u8 = 0x40;

/// What is said about a reference to what is not there.
const TOO_FAR: &str = "invalid length or distance";

fn ends(takeover: bool) -> [End; 2] {
    BOTH.map(|role| end(role, Limits::SERVER, with_takeover(takeover)))
}

/// Asserts what messages, each the payload of a binary frame with RSV1, are read as.
#[track_caller]
fn assert_read_as(takeover: bool, messages: &[Vec<u8>], expected: &[&[u8]]) {
    for mut end in ends(takeover) {
        let sent = messages.iter().map(|message| (BINARY, &message[..]));
        let seen = end.receive(&frames_to(end.role, sent));
        let expected: Vec<Seen> = expected.iter().map(|e| Seen::Binary(e.to_vec())).collect();
        assert_eq!(seen, expected, "as {:?}, takeover: {takeover}", end.role);
    }
}

/// Asserts that both ends fail on frames with a first byte and a payload each.
#[track_caller]
fn assert_refused(frames: &[(u8, &[u8])], error: ProtocolError, code: u16) {
    for takeover in [true, false] {
        for mut end in ends(takeover) {
            let seen = end.receive(&frames_to(end.role, frames.iter().copied()));
            assert_eq!(seen.last(), Some(&Seen::Failed(error)), "{:?}: {frames:02x?}", end.role);
            assert_failed(&mut end, error, code);
        }
    }
}

/// Asserts that both ends fail on frames whose data cannot be decompressed, and what they say about
/// it, if that is known.
#[track_caller]
fn assert_no_deflate(frames: &[(u8, &[u8])], text: Option<&str>) {
    for takeover in [true, false] {
        for mut end in ends(takeover) {
            let seen = end.receive(&frames_to(end.role, frames.iter().copied()));
            let data_error = data_error(&seen);
            assert_eq!(data_error.as_str(), text.unwrap_or(data_error.as_str()), "{frames:02x?}");
            assert_failed(&mut end, ProtocolError::Compression(data_error), 1007);
        }
    }
}

fn hello(is_final: bool) -> Blocks {
    Blocks::new().fixed(is_final, &literals(b"Hello"))
}

/// RFC: D7.2.3-1, D7.2.1-1, D7.2.2-1
#[test]
fn the_examples_of_section_7_2_3_are_read() {
    let messages = [
        hello(false).message(),
        vec![0xF2, 0x00, 0x11, 0x00, 0x00],
        Blocks::new().stored(false, b"Hello").message(),
        vec![0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
        vec![0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
        vec![0x00],
    ];
    let read: [&[u8]; 6] = [b"Hello", b"Hello", b"Hello", b"Hello", b"Hello", b""];
    assert_read_as(true, &messages, &read);
    for mut end in ends(true) {
        let parts = [(0x41, &messages[0][..3]), (0x80, &messages[0][3..])];
        assert_eq!(end.receive(&frames_to(end.role, parts)), [text("Hello")], "§7.2.3.1");
    }
}

/// RFC: D7.2.3-1, D7.2.1-2
#[test]
fn the_example_of_section_7_2_3_1_is_what_is_sent() {
    let mut pair = pair(with_takeover(true).threshold(0));
    let sent = pair.server.send(|sender, out| sender.text("Hello", out)).unwrap();
    assert_eq!(sent, [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
    let again = pair.server.send(|sender, out| sender.text("Hello", out)).unwrap();
    assert!(again.len() <= sent.len() && again != sent, "the window is shared, §7.2.3.2");
    let empty = pair.server.send(|sender, out| sender.text("", out)).unwrap();
    assert_eq!(empty, [0xC1, 0x01, 0x00], "§7.2.3.6");
    let seen = pair.client.receive(&again);
    assert_eq!((data_error(&seen).as_str(), seen.len()), (TOO_FAR, 1));
}

/// RFC: D7.2.1-1, D7.2.2-1
#[test]
fn blocks_after_a_final_block_are_part_of_the_message() {
    for takeover in [true, false] {
        for (second_is_final, zero) in [(false, false), (true, false), (true, true)] {
            let both = Blocks::new()
                .fixed(true, &literals(b"AA"))
                .fixed(second_is_final, &literals(b"BB"));
            let first = if second_is_final && !zero { both.bytes() } else { both.message() };
            let messages = [first, hello(false).message(), hello(true).bytes(), vec![0]];
            assert_read_as(takeover, &messages, &[b"AABB", b"Hello", b"Hello", b""]);
        }
    }
}

/// RFC: D7.2.1-1, D7.2.2-1
#[test]
fn a_block_may_refer_to_what_came_before_a_final_block() {
    let back = |distance| [Symbol::Match(5, distance)];
    let within =
        hello(true).fixed(true, &back(5)).stored(true, b"World").fixed(false, &back(10)).message();
    for takeover in [true, false] {
        let messages = [within.clone(), hello(true).bytes()];
        assert_read_as(takeover, &messages, &[b"HelloHelloWorldHello", b"Hello"]);
    }
    let over = [
        Blocks::new().stored(false, b"first").message(),
        hello(true).bytes(),
        Blocks::new().fixed(true, &back(10)).message(),
        Blocks::new().fixed(false, &back(10)).fixed(true, &back(20)).bytes(),
        Blocks::new().fixed(false, &back(25)).message(),
    ];
    let read: [&[u8]; 5] = [b"first", b"Hello", b"first", b"Hellofirst", b"first"];
    assert_read_as(true, &over, &read);
}

/// RFC: D7.2.2-1, D7.2.2-2
#[test]
fn a_final_block_leaves_the_whole_window() {
    let block = Blocks::new().stored(false, b"HELLO");
    let filled = (0..32_768 - 5).fold(Vec::new(), |mut data, i: u32| {
        data.push((i % 251).to_le_bytes()[0]);
        data
    });
    let end_of_window = block.stored(true, &filled).bytes();
    let all = [b"HELLO", &filled[..]].concat();
    let back = Blocks::new().fixed(false, &[Symbol::Match(5, 32_768)]).message();
    assert_read_as(true, &[end_of_window, back.clone()], &[&all, b"HELLO"]);
    let again = Blocks::new().fixed(true, &[Symbol::Match(5, 5)]).bytes();
    let messages = [Blocks::new().stored(false, &all).message(), again, back];
    assert_read_as(true, &messages, &[&all, &all[all.len() - 5..], &all[5..10]]);
}

/// RFC: D7.2.2-1, D7.2.2-2
#[test]
fn a_final_block_leaves_a_window_of_any_length_that_was_agreed_on() {
    for bits in 8..=14 {
        let window = 1_usize << bits;
        let noise = noise(window * 3, 7);
        let furthest = noise[noise.len() - window..][..5].to_vec();
        let end_of_window = Blocks::new().stored(true, &noise).bytes();
        let back = Blocks::new().fixed(true, &[Symbol::Match(5, window)]).bytes();
        let again = Blocks::new().fixed(false, &[Symbol::Match(5, 5)]).message();
        for role in BOTH {
            let mut end = end(role, Limits::SERVER, with_window(true, bits));
            let messages = [&end_of_window, &back, &again].map(|message| (BINARY, &message[..]));
            let seen = end.receive(&frames_to(role, messages));
            let expected = [noise.clone(), furthest.clone(), furthest.clone()].map(Seen::Binary);
            assert_eq!(seen, expected, "{bits} bits as {role:?}");
        }
    }
}

/// RFC: D7.2.1-4, D7.2.2-1
#[test]
fn without_takeover_nothing_refers_to_an_earlier_message() {
    let back = Blocks::new().fixed(false, &[Symbol::Match(5, 5)]).message();
    for first in [hello(false).message(), hello(true).bytes(), hello(true).message()] {
        assert_read_as(true, &[first.clone(), back.clone()], &[b"Hello", b"Hello"]);
        for mut end in ends(false) {
            let seen = end.receive(&frames_to(end.role, [(BINARY, &first[..]), (BINARY, &back)]));
            assert_eq!((data_error(&seen).as_str(), seen.len()), (TOO_FAR, 2));
            assert_eq!(seen[0], Seen::Binary(b"Hello".to_vec()));
        }
    }
}

/// RFC: D7.2.1-1
#[test]
fn a_message_may_have_any_number_of_empty_blocks() {
    let empty = Blocks::new().flush().fixed(false, &[]).flush().flush().fixed(true, &[]);
    let data = empty.clone().stored(false, b"a").flush().fixed(true, &[]).fixed(true, &[]);
    for takeover in [true, false] {
        let messages = [
            empty.clone().message(),
            empty.clone().bytes(),
            data.clone().bytes(),
            data.clone().message(),
            Blocks::new().stored(true, b"").bytes(),
            vec![0x01],
        ];
        assert_read_as(takeover, &messages, &[b"", b"", b"a", b"a", b"", b""]);
    }
}

/// RFC: D7.2.1-1
#[test]
fn what_is_left_after_the_last_block_has_to_be_a_block() {
    let full = Blocks::new().stored(false, b"Hello").message();
    for left_over in [&b"\x00\x00"[..], b"\x06", b"\x07", b"\x55\xAA", b"\xFF\xFF", b"\x00\x01"] {
        for begin in [hello(true).bytes(), hello(false).flush().bytes(), full.clone()] {
            let payload = [&begin[..], left_over].concat();
            assert_no_deflate(&[(BINARY, &payload)], None);
        }
    }
}

/// RFC: D7.2.1-1
#[test]
fn a_message_that_is_cut_anywhere_is_refused() {
    let dynamic = {
        let mut sender = end(Role::Server, Limits::SERVER, with_takeover(true).level(9));
        let sent = sender.send(|sender, out| sender.text(&prose(1500, 1), out)).unwrap();
        assert_eq!(sent[4] & 0x06, 0x04, "a dynamic block");
        sent[4..].to_vec()
    };
    let zeros = Blocks::new().stored(false, &[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]).message();
    let stored = Blocks::new().stored(true, b"Hello, world").bytes();
    for message in [dynamic, hello(false).message(), hello(true).bytes(), stored, zeros] {
        // The header of a stored block is all that a message without data has.
        let header_only = |cut| matches!(message[..cut], [0x00 | 0x01]);
        for cut in (0..message.len()).filter(|cut| !header_only(*cut)) {
            for mut end in ends(cut % 2 == 0) {
                let bytes = frame(peer_of(end.role), BINARY, &message[..cut]);
                let seen = end.receive(&bytes);
                let error = ProtocolError::Compression(data_error(&seen));
                assert_eq!(seen, [Seen::Failed(error)], "{message:02x?} to {cut}");
                assert_failed(&mut end, error, 1007);
            }
        }
    }
}

/// RFC: D7.2.1-1, D6.2-1
#[test]
fn a_message_without_a_single_block_is_refused() {
    let text = Some("incomplete message");
    assert_no_deflate(&[(BINARY, b"")], text);
    assert_no_deflate(&[(TEXT & 0x7F, b""), (0x00, b""), (0x80, b"")], text);
    let ended = hello(true).bytes();
    assert_no_deflate(&[(BINARY, &ended), (BINARY, b"")], text);
}

/// RFC: D7.2.1-1
#[test]
fn data_that_is_no_deflate_is_refused() {
    let far = |distance| Blocks::new().fixed(false, &[Symbol::Match(3, distance)]).message();
    let just_too_far = hello(false).fixed(false, &[Symbol::Match(3, 6)]).message();
    let bad: [(&[u8], &str); 8] = [
        (b"\x06", "invalid block type"),
        (b"\x07\x00", "invalid block type"),
        (b"Hello", "invalid stored block lengths"),
        (&[0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48], "invalid stored block lengths"),
        (&[0xFC, 0x00, 0x00], "too many length or distance symbols"),
        (&far(1), TOO_FAR),
        (&far(20_000), TOO_FAR),
        (&just_too_far, TOO_FAR),
    ];
    for (payload, text) in bad {
        assert_no_deflate(&[(BINARY, payload)], Some(text));
    }
}

/// zlib-rs says something else about this if much input and output is there.
#[test]
fn what_is_wrong_within_a_block_is_called_the_same_however_the_input_is_cut() {
    let some = literals(&[b'a'; 1000]);
    let symbols = [&some[..], &[Symbol::Match(3, 30_000)], &some].concat();
    let payload = Blocks::new().fixed(false, &symbols).message();
    for mut end in ends(true) {
        let bytes = frames_to(end.role, [(BINARY, &payload[..])]);
        let whole = data_error(&end.receive(&bytes));
        let mut slow = super::deflate::end(end.role, Limits::SERVER, with_takeover(true));
        let seen: Vec<Seen> = bytes.chunks(1).flat_map(|piece| slow.receive(piece)).collect();
        assert_eq!(seen[0], Seen::Failed(ProtocolError::Compression(whole)));
        assert_eq!(whole.as_str(), TOO_FAR);
    }
}

/// RFC: D6.1-1, D6.2-1
#[test]
fn messages_with_and_without_compression_follow_each_other() {
    let hello = hello(false).message();
    let sent: [(u8, &[u8]); 8] = [
        (0x81, b"plain"),
        (TEXT, &hello),
        (0x82, b""),
        (0x01, b"in "),
        (0x80, b"parts"),
        (0x41, &hello[..1]),
        (0x80, &hello[1..]),
        (TEXT, &hello),
    ];
    let seen =
        [text("plain"), text("Hello"), Seen::Binary(vec![]), text("in parts"), text("Hello")];
    for takeover in [true, false] {
        for mut end in ends(takeover) {
            let all = [&seen[..], &[text("Hello")]].concat();
            assert_eq!(end.receive(&frames_to(end.role, sent)), all);
        }
    }
}

/// RFC: D6.1-2
#[test]
fn rsv1_is_refused_wherever_it_has_no_meaning() {
    let rsv1 = ProtocolError::Rsv1Unexpected;
    assert_frames_fail(&[(TEXT, &hello(false).message())], rsv1, 1002);
    for first in 0..=u8::MAX {
        let (opcode, reserved) = (first & 0xF, first & 0x70);
        for begun in [false, true] {
            for mut end in ends(first % 2 == 0) {
                let before: &[(u8, &[u8])] = if begun { &[(0x42, b"")] } else { &[] };
                let frames = before.iter().copied().chain([(first, &b"\0"[..])]);
                let seen = end.receive(&frames_to(end.role, frames));
                let compressed = reserved == RSV1 && matches!(opcode, 1 | 2);
                let failed = match seen.last() {
                    Some(Seen::Failed(error)) => Some(*error),
                    _ => None,
                };
                if reserved != 0 && !compressed {
                    let error = failed.expect("a reserved bit is refused");
                    // Without these bits it would be right as well; a close frame of one byte is
                    // not.
                    let only = matches!(first & 0x8F, 0x00..=0x02 | 0x80..=0x82 | 0x89 | 0x8A);
                    assert_eq!(error == rsv1, only && reserved == RSV1, "{first:#04x}");
                    assert_failed(&mut end, error, 1002);
                } else {
                    assert_ne!(failed, Some(rsv1), "{first:#04x}");
                }
            }
        }
    }
}

/// RFC: D6.1-2
#[test]
fn compressed_messages_are_fragmented_as_others_are() {
    let hello = hello(false).message();
    let hello = &hello[..];
    let wrong = [
        ([(0x42, hello), (0xC0, b"")], ProtocolError::Rsv1Unexpected),
        ([(0x42, hello), (TEXT, hello)], ProtocolError::ContinuationExpected(MessageKind::Text)),
        (
            [(0x02, b"plain"), (BINARY, hello)],
            ProtocolError::ContinuationExpected(MessageKind::Binary),
        ),
        ([(BINARY, hello), (0x80, b"")], ProtocolError::ContinuationUnexpected),
    ];
    for (frames, error) in wrong {
        assert_refused(&frames, error, 1002);
    }
}

/// RFC: D7.2.1-1
#[test]
fn a_message_may_have_many_final_blocks_but_not_any_number() {
    let one = Blocks::new().fixed(true, &literals(b"A")).bytes();
    for takeover in [true, false] {
        let most = one.repeat(1024);
        let messages = [most.clone(), most.clone()];
        assert_read_as(takeover, &messages, &[&b"A".repeat(1024), &b"A".repeat(1024)]);
    }
    let more = one.repeat(1026);
    assert_refused(&[(BINARY, &more)], ProtocolError::TooManyFinalBlocks, 1008);
    let (begin, rest) = more.split_at(more.len() / 2);
    assert_refused(&[(0x42, begin), (0x80, rest)], ProtocolError::TooManyFinalBlocks, 1008);
}
