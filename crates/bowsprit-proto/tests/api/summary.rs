//! What `receive` says of an event, and what it took.

use bowsprit_proto::{Limits, MessageKind, Progress, ProtocolError, ReceiveBuffer, Receiver, Role};

use super::{
    deflate::{BINARY, end, frames_to, with_takeover},
    pair::{BOTH, End, frame, frames, peer_of},
    rfc1951::{Blocks, literals},
};

/// `Hello`, as a compressor with fixed codes and a final block would make it.
fn hello() -> Vec<u8> {
    Blocks::new().fixed(true, &literals(b"Hello")).bytes()
}

/// Kind, first, last, length, and length on the wire.
type Data = (MessageKind, bool, bool, usize, u64);

fn data(progress: Result<Progress, ProtocolError>) -> Option<Data> {
    match progress {
        Ok(Progress::Data(data)) => {
            Some((data.kind, data.first, data.last, data.len, data.wire_len))
        }
        _ => None,
    }
}

#[test]
fn every_kind_of_event_is_told() {
    for role in BOTH {
        let mut end = End::new(role);
        let sent: [(u8, &[u8]); 6] = [
            (0x81, b"text"),
            (0x89, b""),
            (0x02, b"fragmen"),
            (0x8A, b"pong"),
            (0x80, b"ted"),
            (0x88, b"\x03\xE8"),
        ];
        end.input.extend(&frames(peer_of(role), sent));
        let mut receive = || end.connection.receive(&mut end.input, &mut end.output).progress;
        assert_eq!(data(receive()), Some((MessageKind::Text, true, true, 4, 4)));
        assert_eq!(receive(), Ok(Progress::Ping));
        assert_eq!(receive(), Ok(Progress::Pong));
        assert_eq!(data(receive()), Some((MessageKind::Binary, true, true, 10, 10)));
        assert_eq!(receive(), Ok(Progress::Close));
        assert_eq!(receive(), Ok(Progress::NeedData));
    }
}

#[test]
fn a_chunk_says_where_in_its_message_it_is() {
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    // A character that is cut after its first byte is handed out with the next chunk.
    input.extend(&frames(Role::Server, [(0x01, &b"one\xC3"[..]), (0x80, b"\xA9two")]));
    let mut receive = || data(receiver.receive_chunk(&mut input, &mut ()).progress);
    assert_eq!(receive(), Some((MessageKind::Text, true, false, 3, 4)));
    assert_eq!(receive(), Some((MessageKind::Text, false, true, 5, 8)));
    assert_eq!(receive(), None);
}

/// What a driver that limits rates counts.
#[test]
fn the_frames_of_messages_are_counted_when_they_begin() {
    let pieces: [(u8, &[u8]); 6] =
        [(0x82, b"whole"), (0x01, b"a"), (0x00, b"b"), (0x89, b"ping"), (0x00, b""), (0x80, b"c")];
    for (chunks, expected) in [(false, &[1, 2, 2, 0][..]), (true, &[1, 1, 1, 0, 2, 0])] {
        let mut receiver = Receiver::new(Role::Server, Limits::SERVER);
        let mut input = ReceiveBuffer::new();
        input.extend(&frames(Role::Client, pieces));
        let mut counts = Vec::new();
        loop {
            let received = match chunks {
                true => receiver.receive_chunk(&mut input, &mut ()),
                false => receiver.receive(&mut input, &mut ()),
            };
            counts.push(received.data_frames);
            if received.progress == Ok(Progress::NeedData) {
                break;
            }
        }
        assert_eq!(counts, expected, "chunks: {chunks}");
    }
}

#[test]
fn frames_are_counted_without_an_event_and_with_an_error() {
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    input.extend(&frames(Role::Server, [(0x01, &b"a"[..]), (0x00, b"b")]));
    let received = receiver.receive(&mut input, &mut ());
    assert_eq!((received.progress, received.data_frames), (Ok(Progress::NeedData), 2));
    input.extend(&frames(Role::Server, [(0x00, &b"c"[..]), (0x83, b"")]));
    let received = receiver.receive(&mut input, &mut ());
    let error = Err(ProtocolError::ReservedOpcode(3));
    assert_eq!((received.progress, received.data_frames), (error, 1));
    let again = receiver.receive(&mut input, &mut ());
    assert_eq!((again.progress, again.data_frames), (error, 0));
}

#[test]
fn the_work_of_decompression_is_told() {
    for role in BOTH {
        let mut end = end(role, Limits::SERVER, with_takeover(true));
        for inflated_len in [5, 5 + 5] {
            end.input.extend(&frames_to(role, [(BINARY, &hello()[..])]));
            let received = end.connection.receive(&mut end.input, &mut end.output);
            assert_eq!(received.inflated_len, inflated_len, "the window is loaded again");
            assert_eq!(data(received.progress), Some((MessageKind::Binary, true, true, 5, 7)));
        }
    }
}

#[test]
fn the_work_of_decompression_is_told_without_an_event_and_with_an_error() {
    for role in BOTH {
        let mut end = end(role, Limits::SERVER, with_takeover(true));
        let mut receive = |bytes: &[u8]| {
            end.input.extend(bytes);
            end.connection.receive(&mut end.input, &mut end.output)
        };
        let hello = Blocks::new().stored(false, b"Hello").bytes();
        let received = receive(&frame(peer_of(role), 0x41, &hello));
        assert_eq!((received.progress, received.inflated_len), (Ok(Progress::NeedData), 5));
        let wrong = Blocks::new().stored(false, b"\xFF").bytes();
        let received = receive(&frame(peer_of(role), 0x80, &wrong));
        let error = Err(ProtocolError::TextUtf8);
        assert_eq!((received.progress, received.inflated_len), (error, 1));
    }
}

#[test]
fn a_summary_is_short() {
    assert!(size_of::<bowsprit_proto::Received>() <= 40);
}
