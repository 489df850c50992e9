//! What may be sent, and when, RFC 6455 §6.1.

use bowsprit_proto::{
    Close, CloseCode, Event, Fragment, Message, MessageKind, Output, Role, SendError, Sender,
};
use proptest::prelude::*;

use super::pair::{BOTH, End, Seen, frame, frames, peer_of, text};

const fn piece(kind: MessageKind, payload: &[u8], fin: bool) -> Fragment<'_> {
    Fragment { kind, payload, fin }
}

/// Asserts that `send` is refused, and that nothing has come of it.
#[track_caller]
fn assert_refused(
    end: &mut End,
    error: SendError,
    send: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
) {
    assert_eq!(end.send(send), Err(error));
    assert!(end.output.is_empty(), "nothing was queued");
}

/// RFC: 6.1-2, 6.1-3
#[test]
fn a_message_is_one_frame_with_fin_and_the_opcode_of_its_type() {
    for role in BOTH {
        let mut end = End::new(role);
        let sent = end.send(|sender, out| sender.text("grüße", out)).unwrap();
        assert_eq!(sent, frame(role, 0x81, "grüße".as_bytes()));
        let sent = end.send(|sender, out| sender.binary(b"\xFF", out)).unwrap();
        assert_eq!(sent, frame(role, 0x82, b"\xFF"));
        let sent = end.send(|sender, out| sender.message(Message::text("m"), out)).unwrap();
        assert_eq!(sent, frame(role, 0x81, b"m"));
    }
}

/// RFC: 6.1-2, 6.1-3, 5.4-7
#[test]
fn fragments_are_a_first_frame_continuations_and_a_last_one() {
    for role in BOTH {
        let mut end = End::new(role);
        let pieces: [&[u8]; 4] = [b"one", b"", b"two", b"three"];
        let mut sent = Vec::new();
        for (i, payload) in pieces.into_iter().enumerate() {
            let fragment = piece(MessageKind::Binary, payload, i == 3);
            sent.extend(end.send(|sender, out| sender.fragment(fragment, out)).unwrap());
            assert_eq!(end.connection.sender().is_fragmented(), i < 3);
        }
        let firsts = [0x02, 0x00, 0x00, 0x80];
        assert_eq!(sent, frames(role, firsts.into_iter().zip(pieces)));
        assert_eq!(End::new(peer_of(role)).receive(&sent), [Seen::Binary(b"onetwothree".to_vec())]);
    }
}

/// RFC: 5.2-6
#[test]
fn a_first_fragment_may_be_the_last() {
    let mut end = End::new(Role::Server);
    let only = piece(MessageKind::Text, b"all", true);
    let sent = end.send(|sender, out| sender.fragment(only, out)).unwrap();
    assert_eq!(sent, b"\x81\x03all");
    assert!(!end.connection.sender().is_fragmented());
}

/// RFC: 5.4-1
#[test]
fn control_frames_may_be_sent_between_fragments() {
    for role in BOTH {
        let mut end = End::new(role);
        let (first, last) =
            (piece(MessageKind::Text, b"a", false), piece(MessageKind::Text, b"b", true));
        let sender = end.connection.sender();
        sender.fragment(first, &mut end.output).unwrap();
        sender.ping(b"ping", &mut end.output).unwrap();
        sender.respond(&Event::Ping(b"asked"), &mut end.output);
        sender.fragment(last, &mut end.output).unwrap();
        let expected: [(u8, &[u8]); 4] =
            [(0x01, b"a"), (0x89, b"ping"), (0x8A, b"asked"), (0x80, b"b")];
        assert_eq!(end.sent(), frames(role, expected));
    }
}

/// RFC: 5.4-4, 6.1-1
#[test]
fn no_other_message_may_be_sent_inside_a_fragmented_one() {
    for role in BOTH {
        let mut end = End::new(role);
        let first = piece(MessageKind::Text, b"a", false);
        let mut sent = end.send(|sender, out| sender.fragment(first, out)).unwrap();
        let error = SendError::FragmentOpen;
        assert_refused(&mut end, error, |sender, out| sender.text("x", out));
        assert_refused(&mut end, error, |sender, out| sender.binary(b"x", out));
        assert_refused(&mut end, error, |sender, out| sender.message(vec![0; 20_000].into(), out));
        let other = piece(MessageKind::Binary, b"x", true);
        assert_refused(&mut end, SendError::FragmentKind, |sender, out| {
            sender.fragment(other, out)
        });
        let last = piece(MessageKind::Text, b"b", true);
        sent.extend(end.send(|sender, out| sender.fragment(last, out)).unwrap());
        sent.extend(end.send(|sender, out| sender.text("next", out)).unwrap());
        assert_eq!(End::new(peer_of(role)).receive(&sent), [text("ab"), text("next")]);
    }
}

/// RFC: 5.6-1, 8.1-1
#[test]
fn text_fragments_may_cut_characters_but_must_be_utf8_together() {
    let mut server = End::new(Role::Server);
    let part = |payload| piece(MessageKind::Text, payload, false);
    let last = |payload| piece(MessageKind::Text, payload, true);
    let error = SendError::TextUtf8;
    assert_refused(&mut server, error, |sender, out| sender.fragment(part(b"\xFF"), out));
    assert!(!server.connection.sender().is_fragmented(), "it has not begun");
    let mut sent = server.send(|sender, out| sender.fragment(part(b"\xE2"), out)).unwrap();
    assert_refused(&mut server, error, |sender, out| sender.fragment(part(b"a"), out));
    assert_refused(&mut server, error, |sender, out| sender.fragment(last(b"\x82"), out));
    sent.extend(server.send(|sender, out| sender.fragment(part(b"\x82"), out)).unwrap());
    assert_refused(&mut server, error, |sender, out| sender.fragment(last(b""), out));
    sent.extend(server.send(|sender, out| sender.fragment(last(b"\xAC"), out)).unwrap());
    assert_eq!(sent, b"\x01\x01\xE2\x00\x01\x82\x80\x01\xAC");
    assert_eq!(End::new(Role::Client).receive(&sent), [text("€")]);
}

/// RFC: 5.5.1-3, 6.1-1
#[test]
fn nothing_is_sent_after_a_close_frame() {
    for role in BOTH {
        let mut end = End::new(role);
        let first = piece(MessageKind::Binary, b"begun", false);
        end.send(|sender, out| sender.fragment(first, out)).unwrap();
        let close = Close::from(CloseCode::NORMAL);
        let sent = end.send(|sender, out| sender.close(&close, out)).unwrap();
        assert_eq!(sent, frame(role, 0x88, b"\x03\xE8"), "also inside a message");
        assert!(end.connection.sender().is_closed());
        let error = SendError::Closed;
        assert_refused(&mut end, error, |sender, out| sender.text("x", out));
        assert_refused(&mut end, error, |sender, out| sender.binary(b"x", out));
        assert_refused(&mut end, error, |sender, out| sender.message(vec![0; 20_000].into(), out));
        assert_refused(&mut end, error, |sender, out| sender.fragment(first, out));
        assert_refused(&mut end, error, |sender, out| sender.ping(b"", out));
        assert_refused(&mut end, error, |sender, out| sender.pong(b"", out));
        assert_refused(&mut end, error, |sender, out| sender.close(&close, out));
    }
}

/// RFC: 5.5.1-3, 6.1-1
#[test]
fn nothing_is_sent_after_the_answer_to_the_peers_close_or_after_failing() {
    for first_byte in [0x88, 0x83] {
        for role in BOTH {
            let mut end = End::new(role);
            end.receive(&frame(peer_of(role), first_byte, b""));
            assert_eq!(end.sent().first(), Some(&0x88));
            assert_refused(&mut end, SendError::Closed, |sender, out| sender.text("x", out));
        }
    }
}

#[test]
fn a_refused_close_leaves_the_connection_open() {
    let mut server = End::new(Role::Server);
    let reserved = Close::from(CloseCode::ABNORMAL);
    let error = SendError::CloseCode(CloseCode::ABNORMAL);
    assert_refused(&mut server, error, |sender, out| sender.close(&reserved, out));
    let with_reason = Close::new(CloseCode::NO_STATUS_RECEIVED, "why");
    let error = SendError::CloseCode(CloseCode::NO_STATUS_RECEIVED);
    assert_refused(&mut server, error, |sender, out| sender.close(&with_reason, out));
    assert_eq!(server.send(|sender, out| sender.text("on", out)).unwrap(), b"\x81\x02on");
}

/// A call on a sender.
#[derive(Clone, Debug)]
enum Call {
    Whole(MessageKind, String),
    Fragment(MessageKind, Vec<u8>, bool),
    Ping(Vec<u8>),
    Asked(Vec<u8>),
    Close(u16, String),
}

fn call() -> impl Strategy<Value = Call> {
    let kind = prop::sample::select(vec![MessageKind::Text, MessageKind::Binary]);
    let bytes = prop_oneof![
        "\\PC{0,9}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..3)
    ];
    prop_oneof![
        4 => (kind.clone(), "\\PC{0,20}").prop_map(|(kind, text)| Call::Whole(kind, text)),
        8 => (kind, bytes, any::<bool>()).prop_map(|(k, bytes, fin)| Call::Fragment(k, bytes, fin)),
        2 => prop::collection::vec(any::<u8>(), 0..130).prop_map(Call::Ping),
        2 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Call::Asked),
        1 => (990..1020_u16, "\\PC{0,60}").prop_map(|(code, reason)| Call::Close(code, reason)),
    ]
}

fn make(call: &Call, sender: &mut Sender, out: &mut Output) -> Result<(), SendError> {
    match call {
        Call::Whole(MessageKind::Text, payload) => sender.text(payload, out),
        Call::Whole(MessageKind::Binary, payload) => sender.binary(payload.as_bytes(), out),
        Call::Fragment(kind, payload, fin) => sender.fragment(piece(*kind, payload, *fin), out),
        Call::Ping(payload) => sender.ping(payload, out),
        Call::Asked(payload) => {
            sender.respond(&Event::Ping(payload), out);
            Ok(())
        }
        Call::Close(code, reason) => sender.close(&Close::from((*code, reason.as_str())), out),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// RFC: 5.5.1-3, 6.1-1, 6.1-3
    #[test]
    fn whatever_is_called_the_peer_receives_no_violation(
        calls in prop::collection::vec(call(), 0..30),
    ) {
        for role in BOTH {
            let mut end = End::new(role);
            let mut peer = End::new(peer_of(role));
            for call in &calls {
                let closed = end.connection.sender().is_closed();
                let sent = end.send(|sender, out| make(call, sender, out));
                if closed {
                    prop_assert!(sent.map_or_else(|e| !matches!(e, SendError::FragmentOpen), |s| s.is_empty()));
                    continue;
                }
                let seen = peer.receive(&sent.unwrap_or_default());
                prop_assert!(!seen.iter().any(|seen| matches!(seen, Seen::Failed(_))));
            }
        }
    }
}
