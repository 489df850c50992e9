//! The choice whether a message in fragments is compressed, RFC 7692 §6.1.

use bowsprit_proto::{Fragment, FragmentCompression, MessageKind, Role, SendError};

use super::{
    deflate::{frames_of, pair, with_takeover},
    pair::{BOTH, End, Pair, text},
};

const fn piece(kind: MessageKind, payload: &[u8], fin: bool) -> Fragment<'_> {
    Fragment { kind, payload, fin }
}

/// Sends a text in two fragments; returns the bytes, and whether RSV1 is set on each.
fn send(from: &mut End, parts: [(&str, FragmentCompression); 2]) -> (Vec<u8>, [bool; 2]) {
    let mut bytes = Vec::new();
    let rsv1 = parts.map(|(payload, choice)| {
        let fragment = piece(MessageKind::Text, payload.as_bytes(), payload == parts[1].0);
        let sent = from.send(|sender, out| sender.fragment_with(fragment, choice, out)).unwrap();
        let [(header, _)] = frames_of(&sent)[..] else { panic!("one fragment, one frame") };
        bytes.extend(sent);
        header.rsv1
    });
    (bytes, rsv1)
}

/// RFC: D6.1-1
#[test]
fn the_first_fragment_chooses_for_the_whole_message() {
    use FragmentCompression::{Always, Never, Threshold};
    let (short, long) = ("a".repeat(99), "a".repeat(100));
    let cases = [
        (Always, "short, but always", true),
        (Never, &*long, false),
        (Threshold, &*short, false),
        (Threshold, &*long, true),
    ];
    for takeover in [false, true] {
        let Pair { client: mut from, server: mut to } =
            pair(with_takeover(takeover).threshold(100));
        for (choice, first, compressed) in cases {
            for later in [Always, Never, Threshold] {
                let (bytes, rsv1) = send(&mut from, [(first, choice), ("the end", later)]);
                assert_eq!(rsv1, [compressed, false], "{choice:?}, {later:?}");
                assert_eq!(to.receive(&bytes), [text(&format!("{first}the end"))]);
            }
        }
    }
}

#[test]
fn without_compression_there_is_nothing_to_choose() {
    for role in BOTH {
        let parts = ["one", "two"].map(|payload| (payload, FragmentCompression::Always));
        let (bytes, rsv1) = send(&mut End::new(role), parts);
        assert_eq!(rsv1, [false, false]);
        assert_eq!(frames_of(&bytes)[1].1, b"two");
    }
}

#[test]
fn the_kind_of_the_message_under_way_is_known() {
    let mut end = End::new(Role::Server);
    assert_eq!(end.connection.sender().fragmented_kind(), None);
    for kind in [MessageKind::Text, MessageKind::Binary] {
        for (fin, expected) in [(false, Some(kind)), (true, None)] {
            end.send(|sender, out| sender.fragment(piece(kind, b"a", fin), out)).unwrap();
            assert_eq!(end.connection.sender().fragmented_kind(), expected);
        }
    }
    end.send(|sender, out| sender.fragment(piece(MessageKind::Text, b"a", false), out)).unwrap();
    let other = piece(MessageKind::Binary, b"b", true);
    let refused = end.send(|sender, out| sender.fragment(other, out));
    assert_eq!(refused, Err(SendError::FragmentKind));
    assert_eq!(end.connection.sender().fragmented_kind(), Some(MessageKind::Text));
}
