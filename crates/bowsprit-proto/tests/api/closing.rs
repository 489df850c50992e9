//! The closing handshake, RFC 6455 §5.5.1 and §7.

use bowsprit_proto::{Close, CloseCode, ProtocolError, Role, SendError, State, handshake::Version};

use super::pair::{
    BOTH, End, Pair, Seen, assert_frames_fail, assert_frames_seen, close_payload, frame, frames,
    peer_of, text,
};

/// RFC: 5.5.1-4, 7.1.2-1, 7.1.2-2, 7.4-1
#[test]
fn a_close_is_answered_with_the_same_code_and_reason() {
    for from in BOTH {
        let mut pair = Pair::new();
        let (end, peer) = match from {
            Role::Client => (&mut pair.client, &mut pair.server),
            Role::Server => (&mut pair.server, &mut pair.client),
        };
        let close = Close::new(CloseCode::GOING_AWAY, "see you ✓");
        let sent = end.send(|sender, out| sender.close(&close, out)).unwrap();
        assert_eq!(sent, frame(from, 0x88, &close_payload(1001, "see you ✓".as_bytes())));
        assert_eq!((end.state(), peer.state()), (State::Closing, State::Open));
        let expected = [Seen::Close(1001, "see you ✓".to_owned())];
        assert_eq!(peer.receive(&sent), expected);
        assert_eq!(peer.state(), State::Closed);
        assert_eq!(end.receive(&peer.sent()), expected);
        assert_eq!((end.state(), end.output.is_empty()), (State::Closed, true));
    }
}

/// RFC: 5.5.1-1, 5.5.1-4, 7.1.5-1
#[test]
fn a_close_without_a_code_is_1005_and_is_answered_without_one() {
    for role in BOTH {
        let mut end = End::new(role);
        let seen = end.receive(&frame(peer_of(role), 0x88, b""));
        assert_eq!(seen, [Seen::Close(1005, String::new())]);
        assert_eq!(end.sent(), frame(role, 0x88, b""));
    }
}

/// RFC: 5.5.1-1
#[test]
fn half_a_close_code_is_refused() {
    assert_frames_fail(&[(0x88, b"\x03")], ProtocolError::CloseTruncated, 1002);
}

/// RFC: 5.5.1-1, 8.1-1
#[test]
fn a_close_reason_that_is_not_utf8_is_refused() {
    for reason in [&b"\xFF"[..], b"abc\xC3", b"\xED\xA0\x80", b"\xC0\x80"] {
        let payload = close_payload(1000, reason);
        assert_frames_fail(&[(0x88, &payload)], ProtocolError::CloseReasonUtf8, 1007);
    }
}

/// RFC: 7.4.1-1, 7.4.2-1
#[test]
fn a_close_code_that_may_not_be_on_the_wire_is_refused() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        let error = ProtocolError::CloseCode(CloseCode::new(code));
        assert_frames_fail(&[(0x88, &close_payload(code, b"why"))], error, 1002);
    }
}

/// RFC: V8-4, V8-5
#[test]
fn version_8_differs_only_in_code_1004() {
    for role in BOTH {
        let from = peer_of(role);
        let mut end = End::with_version(role, Version::V8);
        let seen = end.receive(&frame(from, 0x88, &close_payload(1004, b"")));
        assert_eq!(seen, [Seen::Close(1004, String::new())]);
        assert_eq!(end.sent(), frame(role, 0x88, &close_payload(1009, b"")), "1004 is never sent");
        let strict: [(u8, &[u8], ProtocolError); 4] = [
            (0xC1, b"", ProtocolError::Rsv1Unexpected),
            (0x81, b"\xFF", ProtocolError::TextUtf8),
            (0x88, b"\x03\xED", ProtocolError::CloseCode(CloseCode::NO_STATUS_RECEIVED)),
            (0x83, b"", ProtocolError::ReservedOpcode(3)),
        ];
        for (first, payload, error) in strict {
            let mut end = End::with_version(role, Version::V8);
            assert_eq!(end.receive(&frame(from, first, payload)), [Seen::Failed(error)]);
        }
    }
    let not_minimal = [0x82, 126, 0, 1, 0];
    let seen = End::with_version(Role::Client, Version::V8).receive(&not_minimal);
    assert_eq!(seen, [Seen::Failed(ProtocolError::LengthNotMinimal)]);
}

/// RFC: 7.4.1-1, 7.4.2-1, V8-5
#[test]
fn only_codes_that_may_be_on_the_wire_can_be_sent() {
    for code in 0..=u16::MAX {
        let sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode::new(code).is_sendable(), sendable, "{code}");
        let mut end = End::new(Role::Server);
        let result = end.send(|sender, out| sender.close(&Close::from((code, "why")), out));
        if sendable {
            assert_eq!(result.unwrap(), frame(Role::Server, 0x88, &close_payload(code, b"why")));
            assert_eq!(end.state(), State::Closing);
        } else {
            assert_eq!(result, Err(SendError::CloseCode(CloseCode::new(code))));
            assert!(end.output.is_empty());
            assert_eq!(end.state(), State::Open);
        }
    }
}

/// RFC: 5.5.1-1
#[test]
fn an_empty_close_frame_can_be_sent() {
    for role in BOTH {
        let close = Close::from(CloseCode::NO_STATUS_RECEIVED);
        let sent = End::new(role).send(|sender, out| sender.close(&close, out));
        assert_eq!(sent.unwrap(), frame(role, 0x88, b""));
    }
}

/// RFC: 5.5-1
#[test]
fn a_close_reason_has_at_most_123_bytes() {
    let mut end = End::new(Role::Server);
    let too_long = Close::new(CloseCode::NORMAL, "x".repeat(124));
    let refused = end.send(|sender, out| sender.close(&too_long, out));
    assert_eq!(refused, Err(SendError::CloseReasonTooLong));
    assert_eq!(SendError::CloseReasonTooLong.to_string(), "a close reason is limited to 123 bytes");
    let longest = Close::new(CloseCode::NORMAL, "x".repeat(123));
    let sent = end.send(|sender, out| sender.close(&longest, out)).unwrap();
    assert_eq!(sent.len(), 2 + 125);
    assert_eq!(End::new(Role::Client).receive(&sent), [Seen::Close(1000, "x".repeat(123))]);
}

/// RFC: 5.5.1-3, 5.1-5
#[test]
fn data_still_arrives_between_the_own_close_frame_and_the_peers() {
    for role in BOTH {
        let mut end = End::new(role);
        end.send(|sender, out| sender.close(&Close::from(CloseCode::NORMAL), out)).unwrap();
        let late = frames(peer_of(role), [(0x81, &b"still"[..]), (0x88, b"\x03\xE8")]);
        let expected = [text("still"), Seen::Close(1000, String::new())];
        assert_eq!(end.receive(&late), expected);
        assert!(end.output.is_empty(), "a second close frame is not sent");
        assert_eq!(end.state(), State::Closed);
    }
}

/// RFC: 5.5.1-4
#[test]
fn closes_that_cross_on_the_way_close_both_ends() {
    let mut pair = Pair::new();
    let close = |code| Close::from(CloseCode::new(code));
    pair.client.connection.sender().close(&close(3000), &mut pair.client.output).unwrap();
    pair.server.connection.sender().close(&close(4999), &mut pair.server.output).unwrap();
    let (by_client, by_server) = pair.exchange();
    assert_eq!(by_client, [Seen::Close(4999, String::new())]);
    assert_eq!(by_server, [Seen::Close(3000, String::new())]);
    assert_eq!((pair.client.state(), pair.server.state()), (State::Closed, State::Closed));
}

/// RFC: 7.1.7-4
#[test]
fn what_follows_a_close_frame_is_dropped_however_broken() {
    assert_frames_seen(
        &[(0x88, b"\x03\xE8bye"), (0x83, b"garbage"), (0x81, b"\xFF")],
        &[Seen::Close(1000, "bye".to_owned())],
    );
    for role in BOTH {
        let mut end = End::new(role);
        end.receive(&frame(peer_of(role), 0x88, b""));
        for _ in 0..100 {
            assert_eq!(end.receive(&[0xFF; 5000]), []);
            assert!(end.input.is_empty());
        }
        assert!(end.input.block_len() <= 8192, "input is dropped, not collected");
    }
}

/// RFC: 7.1.7-1, 7.1.7-2, 7.1.7-3, 10.7-2
#[test]
fn a_violation_after_the_own_close_frame_sends_no_second_one() {
    for role in BOTH {
        let mut end = End::new(role);
        end.send(|sender, out| sender.close(&Close::from(CloseCode::NORMAL), out)).unwrap();
        let seen = end.receive(&frame(peer_of(role), 0x83, b""));
        assert_eq!(seen, [Seen::Failed(ProtocolError::ReservedOpcode(3))]);
        assert!(end.output.is_empty());
        assert_eq!(end.state(), State::Closed);
    }
}

/// RFC: 7.1.7-4
#[test]
fn what_follows_a_violation_is_not_collected() {
    for role in BOTH {
        let mut end = End::new(role);
        end.receive(&frame(peer_of(role), 0x83, b""));
        for _ in 0..100 {
            end.receive(&[0x81; 5000]);
            assert!(end.input.is_empty());
        }
        assert!(end.input.block_len() <= 8192);
    }
}

/// RFC: 7.1.7-3
#[test]
fn events_before_a_violation_are_seen() {
    for role in BOTH {
        let bytes = frames(peer_of(role), [(0x81, &b"good"[..]), (0x89, b"p"), (0x80, b"bad")]);
        let mut end = End::new(role);
        let expected = [
            text("good"),
            Seen::Ping(b"p".to_vec()),
            Seen::Failed(ProtocolError::ContinuationUnexpected),
        ];
        assert_eq!(end.receive(&bytes), expected);
        let told = End::new(peer_of(role)).receive(&end.sent());
        assert!(matches!(&told[..], [Seen::Pong(_), Seen::Close(1002, _)]), "{told:?}");
    }
}

/// RFC: 5.5.1-2, 7.1.7-2
#[test]
fn a_reason_is_displayed_without_its_control_characters() {
    let close = Close::new(CloseCode::NORMAL, "\x1B[2Jfake\r\nline");
    assert_eq!(close.to_string(), r#"1000 "\u{1b}[2Jfake\r\nline""#);
    assert_eq!(Close::from(CloseCode::NORMAL).to_string(), "1000");
    assert_eq!(format!("{:?}", CloseCode::GOING_AWAY), "1001 GOING_AWAY");
}
