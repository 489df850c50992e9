//! Pings and pongs, RFC 6455 §5.5.

use bowsprit_proto::{Close, CloseCode, ProtocolError, SendError};

use super::pair::{
    BOTH, End, Seen, assert_fails, assert_frames_fail, assert_frames_seen, frame, frames, peer_of,
    text,
};

/// RFC: 5.5.2-2, 5.5.2-1
#[test]
fn a_ping_is_answered_by_a_pong_with_the_same_payload() {
    for role in BOTH {
        for len in [0, 1, 4, 125] {
            let payload = vec![0xC3; len];
            let mut end = End::new(role);
            let seen = end.receive(&frame(peer_of(role), 0x89, &payload));
            assert_eq!(seen, [Seen::Ping(payload.clone())]);
            assert_eq!(end.sent(), frame(role, 0x8A, &payload));
        }
    }
}

/// RFC: 5.5.2-2
#[test]
fn ten_pings_get_ten_pongs_in_order() {
    for role in BOTH {
        let payloads: Vec<[u8; 1]> = (0..10).map(|i| [i]).collect();
        let pings = frames(peer_of(role), payloads.iter().map(|p| (0x89, &p[..])));
        let pongs = frames(role, payloads.iter().map(|p| (0x8A, &p[..])));
        let mut end = End::new(role);
        assert_eq!(end.receive(&pings).len(), 10);
        assert_eq!(end.sent(), pongs);
    }
}

/// RFC: 5.5.2-2
#[test]
fn a_ping_after_the_own_close_frame_is_not_answered() {
    for role in BOTH {
        let mut end = End::new(role);
        end.send(|sender, out| sender.close(&Close::from(CloseCode::NORMAL), out)).unwrap();
        let seen = end.receive(&frame(peer_of(role), 0x89, b"late"));
        assert_eq!(seen, [Seen::Ping(b"late".to_vec())]);
        assert!(end.output.is_empty());
    }
}

/// RFC: 5.5.2-2, 7.1.7-4
#[test]
fn a_ping_after_the_peers_close_frame_is_neither_seen_nor_answered() {
    for role in BOTH {
        let mut end = End::new(role);
        let bytes = frames(peer_of(role), [(0x88, &b"\x03\xE8"[..]), (0x89, b"late")]);
        assert_eq!(end.receive(&bytes), [Seen::Close(1000, String::new())]);
        assert_eq!(end.sent(), frame(role, 0x88, b"\x03\xE8"));
        assert!(end.input.is_empty());
    }
}

/// RFC: 5.5.3-2
#[test]
fn a_pong_that_nobody_asked_for_is_no_error_and_gets_no_answer() {
    assert_frames_seen(
        &[(0x8A, b"unasked"), (0x81, b"on")],
        &[Seen::Pong(b"unasked".to_vec()), text("on")],
    );
    for role in BOTH {
        let mut end = End::new(role);
        end.receive(&frame(peer_of(role), 0x8A, b""));
        assert!(end.output.is_empty());
    }
}

/// RFC: 5.5-1
#[test]
fn a_control_frame_of_125_bytes_is_taken_and_of_126_refused() {
    assert_frames_seen(&[(0x8A, &[7; 125])], &[Seen::Pong(vec![7; 125])]);
    for first in [0x88, 0x89, 0x8A] {
        assert_frames_fail(&[(first, &[7; 126])], ProtocolError::ControlTooLong(126), 1002);
        for role in BOTH {
            let mask = frame(peer_of(role), 0, b"")[1];
            for len in [126, 127] {
                let header = [first, mask | len];
                assert_fails(role, &header, ProtocolError::ControlTooLong(len), 1002);
            }
        }
    }
}

/// RFC: 5.5-1
#[test]
fn a_control_frame_of_125_bytes_is_sent_and_of_126_is_not() {
    for role in BOTH {
        let mut end = End::new(role);
        let sent = end.send(|sender, out| sender.ping(&[1; 125], out)).unwrap();
        assert_eq!(sent, frame(role, 0x89, &[1; 125]));
        let sent = end.send(|sender, out| sender.pong(&[1; 125], out)).unwrap();
        assert_eq!(sent, frame(role, 0x8A, &[1; 125]));
        for send in [bowsprit_proto::Sender::ping, bowsprit_proto::Sender::pong] {
            let refused = end.send(|sender, out| send(sender, &[1; 126], out));
            assert_eq!(refused, Err(SendError::ControlTooLong));
            assert!(end.output.is_empty());
        }
    }
}

/// RFC: 5.4-1, 5.5.2-2
#[test]
fn a_ping_that_comes_byte_by_byte_inside_a_message_waits_for_its_end() {
    for role in BOTH {
        let from = peer_of(role);
        let mut end = End::new(role);
        end.receive(&frame(from, 0x02, b"one "));
        let ping = frame(from, 0x89, b"slow");
        for byte in &ping[..ping.len() - 1] {
            assert_eq!(end.receive(&[*byte]), []);
        }
        assert_eq!(end.receive(&ping[ping.len() - 1..]), [Seen::Ping(b"slow".to_vec())]);
        assert_eq!(end.receive(&frame(from, 0x80, b"two")), [Seen::Binary(b"one two".to_vec())]);
        assert_eq!(end.sent(), frame(role, 0x8A, b"slow"));
    }
}
