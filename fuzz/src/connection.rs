//! What comes after the handshake.

use bowsprit_proto::{
    Connection, FrameHeader, Limits, Output, Progress, ProtocolError, ReceiveBuffer, Receiver,
    Role, Sender, State,
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
    let whole = run(role, &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(role, &single), whole, "any cut gives the same");
    let peer = if role == Role::Client { Role::Server } else { Role::Client };
    let (_, answer) = whole;
    let (events, _) = run(peer, &[&answer]);
    assert!(!events.iter().any(|event| event.starts_with("fail")), "our answer is refused");
}

/// Feeds the pieces; returns what was seen, as text, and what was sent.
fn run(role: Role, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    let sender =
        if role == Role::Client { Sender::client(|| [1, 2, 3, 4]) } else { Sender::server() };
    let mut connection = Connection::new(Receiver::new(role, Limits::SERVER), sender);
    let (mut input, mut out) = (ReceiveBuffer::new(), Output::new());
    let mut events = Vec::new();
    'pieces: for piece in pieces {
        input.extend(piece);
        loop {
            match connection.receive(&mut input, &mut out).progress {
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
    (events, out.slices().flatten().copied().collect())
}

/// Chunks joined are as long as the messages, and the connection fails on the same rule.
pub fn chunking(bytes: &[u8]) {
    let count = |chunks: bool| {
        let mut receiver = Receiver::new(Role::Client, Limits::NONE);
        let mut input = ReceiveBuffer::new();
        input.extend(bytes);
        joined_lens(&mut receiver, &mut input, chunks)
    };
    assert_eq!(count(true), count(false));
}

fn joined_lens(
    receiver: &mut Receiver,
    input: &mut ReceiveBuffer,
    chunks: bool,
) -> (Vec<usize>, Option<ProtocolError>) {
    use bowsprit_proto::Event;
    let (mut lens, mut len) = (Vec::new(), 0);
    loop {
        let received = if chunks { receiver.receive_chunk(input, &mut ()) } else { receiver.receive(input, &mut ()) };
        match received.progress {
            Ok(Progress::NeedData) => return (lens, None),
            Err(error) => return (lens, Some(error)),
            Ok(_) => {}
        }
        let last = match input.event() {
            Some(Event::Chunk(chunk)) => {
                len += chunk.payload.len();
                chunk.last
            }
            Some(Event::Text(text)) => {
                len = text.len();
                true
            }
            Some(Event::Binary(bytes)) => {
                len = bytes.len();
                true
            }
            _ => false,
        };
        if last {
            lens.push(std::mem::take(&mut len));
        }
    }
}
