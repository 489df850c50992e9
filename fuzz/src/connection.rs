//! What comes after the handshake.

use bowsprit_proto::{
    Connection, Event, FrameHeader, Limits, Output, Progress, ProtocolError, ReceiveBuffer,
    Receiver, Role, Sender, State,
};

/// A header that parses is encoded as it was.
pub fn frame_header(bytes: &[u8]) {
    if let Ok(Some((header, len))) = FrameHeader::parse(bytes) {
        let mut encoded = Vec::new();
        header.encode(&mut encoded);
        assert_eq!(encoded, bytes[..len]);
    }
}

/// A client survives whatever a server sends, and says nothing that a server would refuse.
pub fn receive_client(bytes: &[u8]) {
    receive(Role::Client, bytes);
}

/// A server survives whatever a client sends, and says nothing that a client would refuse.
pub fn receive_server(bytes: &[u8]) {
    receive(Role::Server, bytes);
}

fn receive(role: Role, bytes: &[u8]) {
    let whole = run(role, &[bytes], false);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(role, &single, false), whole, "any cut gives the same");
    assert_eq!(run(role, &single, true), whole, "control frames first give the same");
    let peer = if role == Role::Client { Role::Server } else { Role::Client };
    let (_, answer) = whole;
    let (events, _) = run(peer, &[&answer], false);
    assert!(!events.iter().any(|event| event.starts_with("fail")), "our answer is refused");
}

fn connect(role: Role, limits: Limits) -> Connection {
    let sender =
        if role == Role::Client { Sender::client(|| [1, 2, 3, 4]) } else { Sender::server() };
    Connection::new(Receiver::new(role, limits), sender)
}

/// Feeds the pieces, and asks for control frames first if `control` is set; returns what was seen,
/// as text, and what was sent.
fn run(role: Role, pieces: &[&[u8]], control: bool) -> (Vec<String>, Vec<u8>) {
    let mut connection = connect(role, Limits::SERVER);
    let (mut input, mut out) = (ReceiveBuffer::new(), Output::new());
    let mut events = Vec::new();
    'pieces: for piece in pieces {
        input.extend(piece);
        loop {
            let before =
                if control { connection.receive_control(&mut input, &mut out) } else { None };
            let received = before.unwrap_or_else(|| connection.receive(&mut input, &mut out));
            match received.progress {
                Ok(Progress::NeedData) => break,
                Ok(_) => events.extend(input.event().map(|event| format!("{event:?}"))),
                Err(error) => {
                    events.push(format!("fail {error:?}"));
                    assert_eq!(connection.state(), State::Closed);
                    break 'pieces;
                }
            }
        }
    }
    (events, bytes_of(&out))
}

fn bytes_of(out: &Output) -> Vec<u8> {
    out.slices().flatten().copied().collect()
}

/// Chunks joined are as long as the messages, the connection fails on the same rule, and the
/// answers are the same.
pub fn chunking(bytes: &[u8]) {
    assert_eq!(joined_lens(bytes, true), joined_lens(bytes, false));
}

/// The lengths of messages, how it ended, and what was sent.
fn joined_lens(bytes: &[u8], chunks: bool) -> (Vec<usize>, Option<ProtocolError>, Vec<u8>) {
    let mut connection = connect(Role::Client, Limits::NONE);
    let (mut input, mut out) = (ReceiveBuffer::new(), Output::new());
    input.extend(bytes);
    let (mut lens, mut len) = (Vec::new(), 0);
    loop {
        let received = if chunks {
            connection.receive_chunk(&mut input, &mut out)
        } else {
            connection.receive(&mut input, &mut out)
        };
        let data = match received.progress {
            Ok(Progress::NeedData) => return (lens, None, bytes_of(&out)),
            Err(error) => return (lens, Some(error), bytes_of(&out)),
            Ok(Progress::Data(data)) => data,
            Ok(_) => continue,
        };
        assert_eq!(payload_len(&input.event()), Some(data.len), "the summary is right");
        len += data.len;
        if data.last {
            lens.push(std::mem::take(&mut len));
        }
    }
}

fn payload_len(event: &Option<Event<'_>>) -> Option<usize> {
    match event {
        Some(Event::Chunk(chunk)) => Some(chunk.payload.len()),
        Some(Event::Text(text)) => Some(text.len()),
        Some(Event::Binary(bytes)) => Some(bytes.len()),
        _ => None,
    }
}
