//! Receiving in memory of the caller: each event's place, and input that is taken back.

use bowsprit_proto::{Limits, ReceiveBuffer, Receiver, Role};

use super::pair::{EVENT, close_payload, frame, frames, receive, receive_chunk};

fn server() -> Receiver {
    Receiver::new(Role::Server, Limits::SERVER)
}

/// The payload of each event in `block`, by the place that the buffer tells.
fn spans(block: Vec<u8>) -> Vec<Vec<u8>> {
    let (mut receiver, mut input) = (server(), ReceiveBuffer::over(block));
    input.advance(input.block_len());
    let mut spans = Vec::new();
    while receive(&mut receiver, &mut input) == EVENT {
        spans.push(input.event_span().unwrap());
    }
    assert_eq!(input.event_span(), None);
    let block = input.into_block();
    spans.into_iter().map(|span| block[span].to_vec()).collect()
}

#[test]
fn each_event_has_its_place_in_the_block() {
    let close = close_payload(1000, b"bye");
    let sent: [(u8, &[u8]); 5] =
        [(0x81, b"text"), (0x89, b"ping"), (0x82, b"binary"), (0x8A, b"pong"), (0x88, &close)];
    let block = frames(Role::Client, sent);
    assert_eq!(spans(block), sent.map(|(_, payload)| payload.to_vec()));
}

#[test]
fn a_chunk_has_its_place_without_the_character_that_is_cut() {
    let mut input = ReceiveBuffer::over(frame(Role::Client, 0x01, "caf\u{e9}".as_bytes()));
    input.advance(input.block_len() - 1);
    assert_eq!(receive_chunk(&mut server(), &mut input), EVENT);
    let span = input.event_span().unwrap();
    assert_eq!(input.into_block()[span], *b"caf");
}

#[test]
fn input_that_is_taken_back_can_be_given_again() {
    let bytes = frames(Role::Client, [(0x01, &b"a"[..]), (0x89, b""), (0x80, b"b")]);
    let (mut receiver, mut input) = (server(), ReceiveBuffer::over(bytes.clone()));
    input.advance(bytes.len());
    assert_eq!(receive(&mut receiver, &mut input), EVENT, "the ping");
    let rest = input.take_back();
    assert_eq!((rest, input.live_len()), (7, 1), "the first fragment stays");
    input.extend(&bytes[bytes.len() - rest..]);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(input.take_payload(), "ab");
    assert_eq!((input.take_back(), input.live_len()), (0, 0));
}
