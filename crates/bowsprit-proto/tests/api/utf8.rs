//! Text is UTF-8, RFC 6455 §8.1.

use bowsprit_proto::{
    ProtocolError, Utf8Bytes,
    utf8::{Validator, from_utf8},
};
use proptest::prelude::*;

use super::{
    pair::{BOTH, End, Seen, assert_frames_fail, assert_frames_seen, frame, peer_of, text},
    streams::{cuts, pieces},
};

/// Table 3-7 of the Unicode standard, one byte at a time: `Err` has the place of the first byte
/// that cannot be, `Ok` tells whether the text may end here.
fn naive(bytes: &[u8]) -> Result<bool, usize> {
    let (mut missing, mut lowest, mut highest) = (0, 0x80, 0xBF);
    for (at, byte) in bytes.iter().enumerate() {
        if missing > 0 {
            if *byte < lowest || *byte > highest {
                return Err(at);
            }
            missing -= 1;
            (lowest, highest) = (0x80, 0xBF);
            continue;
        }
        (missing, lowest, highest) = match byte {
            0x00..=0x7F => (0, 0x80, 0xBF),
            0xC2..=0xDF => (1, 0x80, 0xBF),
            0xE0 => (2, 0xA0, 0xBF),
            0xED => (2, 0x80, 0x9F),
            0xE1..=0xEF => (2, 0x80, 0xBF),
            0xF0 => (3, 0x90, 0xBF),
            0xF1..=0xF3 => (3, 0x80, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            _ => return Err(at),
        };
    }
    Ok(missing == 0)
}

/// Pushes the pieces; `Err` has the number of the piece that failed.
fn validate(pieces: &[&[u8]]) -> Result<bool, usize> {
    let mut validator = Validator::new();
    for (number, piece) in pieces.iter().enumerate() {
        validator.push(piece).map_err(|_| number)?;
        assert!(validator.pending() <= 3);
        assert_eq!(validator.finish().is_ok(), validator.pending() == 0);
    }
    Ok(validator.finish().is_ok())
}

/// Holds the validator against the oracle and the standard library at every split in two, and
/// byte by byte.
fn check(bytes: &[u8]) {
    let expected = naive(bytes);
    assert_eq!(core::str::from_utf8(bytes).is_ok(), expected == Ok(true), "{bytes:02x?}");
    assert_eq!(from_utf8(bytes).is_ok(), expected == Ok(true), "{bytes:02x?}");
    for split in 0..bytes.len() {
        let (head, tail) = bytes.split_at(split);
        let failing_piece = expected.map_err(|at| usize::from(at >= split));
        assert_eq!(validate(&[head, tail]), failing_piece, "{bytes:02x?} split at {split}");
    }
    let (mut storage, mut len) = ([&bytes[..0]; 8], 0);
    for (slot, byte) in storage.iter_mut().zip(bytes.chunks(1)) {
        (*slot, len) = (byte, len + 1);
    }
    assert_eq!(validate(&storage[..len]), expected, "{bytes:02x?} byte by byte");
}

/// RFC: 8.1-1
#[test]
fn all_sequences_of_one_and_two_bytes_are_judged_as_unicode_does_at_every_split() {
    for first in 0..=0xFF {
        check(&[first]);
        for second in 0..=0xFF {
            check(&[first, second]);
        }
    }
}

/// RFC: 8.1-1
#[test]
fn all_sequences_of_three_bytes_are_judged_as_unicode_does_at_every_split() {
    // One ASCII character stands for all, and one byte after an impossible pair.
    for first in 0x7F..=0xFF {
        for second in 0..=0xFF {
            if naive(&[first, second]).is_err() {
                check(&[first, second, 0x80]);
                continue;
            }
            for third in 0..=0xFF {
                check(&[first, second, third]);
            }
        }
    }
}

/// RFC: 8.1-1
#[test]
fn a_grid_of_sequences_of_four_bytes_is_judged_as_unicode_does_at_every_split() {
    let edges = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xF0, 0xFF];
    for first in [0x41, 0xC1, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF] {
        for second in edges {
            for third in edges {
                for fourth in edges {
                    check(&[first, second, third, fourth]);
                }
            }
        }
    }
}

proptest! {
    /// RFC: 8.1-1
    #[test]
    fn long_texts_are_judged_at_every_split(
        text in "\\PC{0,200}",
        wrong in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in cuts(),
    ) {
        let mut bytes = text.into_bytes();
        if let Some((place, byte)) = wrong && !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let cut = pieces(&bytes, &cuts);
        let mut ends = cut.iter().scan(0, |end, piece| {
            *end += piece.len();
            Some(*end)
        });
        let expected = naive(&bytes).map_err(|at| ends.position(|end| end > at).unwrap());
        prop_assert_eq!(validate(&cut), expected);
    }
}

/// RFC: 5.6-1, 8.1-1
#[test]
fn a_character_may_be_cut_by_fragments() {
    let cut: &[(u8, &[u8])] =
        &[(0x01, b"\xF0"), (0x00, b"\x9F\x90"), (0x89, b""), (0x00, b""), (0x80, b"\xA7")];
    assert_frames_seen(cut, &[Seen::Ping(Vec::new()), text("🐧")]);
}

/// RFC: 5.6-1, 8.1-1
#[test]
fn a_text_that_is_not_utf8_is_refused() {
    let error = ProtocolError::TextUtf8;
    for wrong in
        [&b"\xFF"[..], b"ok \xC0\x80", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"cut \xE2\x82"]
    {
        assert_frames_fail(&[(0x81, wrong)], error, 1007);
        assert_frames_fail(&[(0x01, b"fine "), (0x00, b""), (0x80, wrong)], error, 1007);
    }
    assert_frames_fail(&[(0x01, b"\xE2\x82"), (0x80, b"")], error, 1007);
    assert_frames_fail(&[(0x01, b"\xE2\x82"), (0x80, b"\xC3")], error, 1007);
}

/// RFC: 8.1-1
#[test]
fn a_text_is_refused_at_its_first_wrong_byte_in_the_middle_of_a_frame() {
    for role in BOTH {
        let message = [&b"valid \xE2\x82\xAC \xED"[..], b"\xA0", &[b'x'; 100]].concat();
        let wrong_at = 11;
        let bytes = frame(peer_of(role), 0x01, &message);
        let payload_at = bytes.len() - message.len();
        let mut end = End::new(role);
        for byte in &bytes[..payload_at + wrong_at] {
            assert_eq!(end.receive(&[*byte]), []);
        }
        let seen = end.receive(&bytes[payload_at + wrong_at..=payload_at + wrong_at]);
        assert_eq!(seen, [Seen::Failed(ProtocolError::TextUtf8)]);
    }
}

#[test]
fn binary_messages_may_hold_anything() {
    assert_frames_seen(&[(0x82, b"\xFF\xC0")], &[Seen::Binary(vec![0xFF, 0xC0])]);
}

#[test]
fn checked_text_keeps_its_bytes() {
    let wrong = Utf8Bytes::try_from(bytes::Bytes::from_static(b"\xFF"));
    assert!(wrong.is_err());
    let right = Utf8Bytes::try_from(bytes::Bytes::from_static("größe".as_bytes())).unwrap();
    assert_eq!(right, "größe");
    assert_eq!((right.as_str(), right.len(), right.is_empty()), ("größe", 7, false));
    assert_eq!(format!("{right} {right:?}"), "größe \"größe\"");
    assert_eq!(right.into_bytes(), "größe".as_bytes());
    assert!(Utf8Bytes::default().is_empty());
}
