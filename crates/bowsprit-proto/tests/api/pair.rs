//! Endpoints in memory, and assertions about them in the words of the RFC.

use bowsprit_proto::{
    Block, CloseCode, Connection, Event, Limits, MessageKind, Output, Progress, ProtocolError,
    ReceiveBuffer, Receiver, Role, SendError, Sender, State,
    deflate::{Deflate, Parameters},
    handshake::Version,
};

/// The masking key of all frames that [`frame`] makes for a client.
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(crate) const BOTH: [Role; 2] = [Role::Client, Role::Server];

/// What [`receive`] and [`receive_chunk`] return.
pub(crate) const EVENT: Result<bool, ProtocolError> = Ok(true);
pub(crate) const NEED_DATA: Result<bool, ProtocolError> = Ok(false);

/// What an endpoint has seen, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Chunk { kind: MessageKind, payload: Vec<u8>, first: bool, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
    Failed(ProtocolError),
}

impl Seen {
    pub(crate) fn of(event: &Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text((*text).to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Event::Chunk(chunk) => Self::Chunk {
                kind: chunk.kind,
                payload: chunk.payload.to_vec(),
                first: chunk.first,
                last: chunk.last,
            },
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong(payload) => Self::Pong(payload.to_vec()),
            Event::Close(close) => Self::Close(close.code.into(), close.reason.to_string()),
            other => panic!("an event that no test knows: {other:?}"),
        }
    }
}

pub(crate) fn text(text: &str) -> Seen {
    Seen::Text(text.to_owned())
}

/// One end of a connection with its buffers.
pub(crate) struct End {
    pub(crate) role: Role,
    pub(crate) connection: Connection,
    pub(crate) input: ReceiveBuffer,
    pub(crate) output: Output,
}

impl End {
    pub(crate) fn new(role: Role) -> Self {
        Self::with_limits(role, Limits::SERVER)
    }

    pub(crate) fn with_limits(role: Role, limits: Limits) -> Self {
        Self::build(role, Receiver::new(role, limits))
    }

    pub(crate) fn with_version(role: Role, version: Version) -> Self {
        Self::build(role, Receiver::new(role, Limits::SERVER).with_version(version))
    }

    pub(crate) fn with_deflate(
        role: Role,
        limits: Limits,
        parameters: &Parameters,
        deflate: &Deflate,
    ) -> Self {
        let receiver = Receiver::new(role, limits).with_deflate(parameters, deflate);
        let connection = Connection::new(receiver, sender(role).with_deflate(parameters, deflate));
        Self { role, connection, input: ReceiveBuffer::new(), output: Output::new() }
    }

    fn build(role: Role, receiver: Receiver) -> Self {
        let connection = Connection::new(receiver, sender(role));
        Self { role, connection, input: ReceiveBuffer::new(), output: Output::new() }
    }

    /// Reads `bytes` and returns what they meant, up to the first violation.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Seen> {
        self.input.extend(bytes);
        let mut seen = Vec::new();
        loop {
            match self.connection.receive(&mut self.input, &mut self.output).progress {
                Ok(Progress::NeedData) => return seen,
                Ok(_) => seen.push(Seen::of(&self.input.event().unwrap())),
                Err(error) => {
                    seen.push(Seen::Failed(error));
                    return seen;
                }
            }
        }
    }

    /// Sends something, and returns its bytes.
    pub(crate) fn send(
        &mut self,
        send: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<Vec<u8>, SendError> {
        send(self.connection.sender(), &mut self.output)?;
        Ok(self.sent())
    }

    /// Takes what waits to be written.
    pub(crate) fn sent(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !self.output.is_empty() {
            let slice = self.output.slices().next().unwrap();
            bytes.extend_from_slice(slice);
            let len = slice.len();
            self.output.advance(len);
        }
        bytes
    }

    pub(crate) fn state(&self) -> State {
        self.connection.state()
    }
}

/// Receives without answering; returns whether there is an event.
pub(crate) fn receive<B: Block>(
    receiver: &mut Receiver,
    input: &mut ReceiveBuffer<B>,
) -> Result<bool, ProtocolError> {
    receiver.receive(input, &mut ()).progress.map(|progress| progress.is_event())
}

/// The same in chunks.
pub(crate) fn receive_chunk<B: Block>(
    receiver: &mut Receiver,
    input: &mut ReceiveBuffer<B>,
) -> Result<bool, ProtocolError> {
    receiver.receive_chunk(input, &mut ()).progress.map(|progress| progress.is_event())
}

fn sender(role: Role) -> Sender {
    match role {
        Role::Client => Sender::client(|| KEY),
        Role::Server => Sender::server(),
    }
}

pub(crate) const fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// A frame as `from` would send it, put together from §5.2 without the crate's help.
pub(crate) fn frame(from: Role, first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first_byte];
    let mask_bit = if from == Role::Client { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => bytes.push(mask_bit | u8::try_from(len).unwrap()),
        len => match u16::try_from(len) {
            Ok(len) => {
                bytes.push(mask_bit | 126);
                bytes.extend(len.to_be_bytes());
            }
            Err(_) => {
                bytes.push(mask_bit | 127);
                bytes.extend((len as u64).to_be_bytes());
            }
        },
    }
    if from == Role::Client {
        bytes.extend(KEY);
        bytes.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
    } else {
        bytes.extend(payload);
    }
    bytes
}

/// Several frames as `from` would send them, each a first byte and a payload.
pub(crate) fn frames<'p>(from: Role, frames: impl IntoIterator<Item = (u8, &'p [u8])>) -> Vec<u8> {
    frames.into_iter().flat_map(|(first, payload)| frame(from, first, payload)).collect()
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// Asserts that `bytes` fail a connection at the end of `role`: it reports `error`, the peer
/// gets a close frame with `code` that gives the error as its reason, and then all is over.
#[track_caller]
pub(crate) fn assert_fails(role: Role, bytes: &[u8], error: ProtocolError, code: u16) {
    let mut end = End::new(role);
    let seen = end.receive(bytes);
    assert_eq!(seen.last(), Some(&Seen::Failed(error)), "{role:?} received {bytes:02x?}");
    assert_failed(&mut end, error, code);
}

/// Asserts what [`assert_fails`] does after the fact.
#[track_caller]
pub(crate) fn assert_failed(end: &mut End, error: ProtocolError, code: u16) {
    assert_eq!(error.close_code(), CloseCode::new(code));
    assert_eq!(end.state(), State::Closed);
    assert!(end.input.is_empty(), "input is dropped");
    let mut peer = End::new(peer_of(end.role));
    let told = peer.receive(&end.sent());
    assert_eq!(told.last(), Some(&Seen::Close(code, error.to_string())));
    let again = end.receive(&frame(peer.role, 0x82, b"more"));
    assert_eq!(again, [Seen::Failed(error)], "no more data is processed");
    assert!(end.output.is_empty(), "nothing is sent after the close frame");
}

/// Asserts that both a client and a server fail on frames, each a first byte and a payload.
#[track_caller]
pub(crate) fn assert_frames_fail(sent: &[(u8, &[u8])], error: ProtocolError, code: u16) {
    for role in BOTH {
        assert_fails(role, &frames(peer_of(role), sent.iter().copied()), error, code);
    }
}

/// Asserts what both a client and a server see in frames, each a first byte and a payload.
#[track_caller]
pub(crate) fn assert_frames_seen(sent: &[(u8, &[u8])], expected: &[Seen]) {
    for role in BOTH {
        let seen = End::new(role).receive(&frames(peer_of(role), sent.iter().copied()));
        assert_eq!(seen, expected, "as {role:?}");
    }
}

/// A client and a server, joined by the bytes that they send.
pub(crate) struct Pair {
    pub(crate) client: End,
    pub(crate) server: End,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self { client: End::new(Role::Client), server: End::new(Role::Server) }
    }

    /// Carries bytes until both are silent; returns what the client and the server have seen.
    pub(crate) fn exchange(&mut self) -> (Vec<Seen>, Vec<Seen>) {
        let (mut by_client, mut by_server) = (Vec::new(), Vec::new());
        while !(self.client.output.is_empty() && self.server.output.is_empty()) {
            by_server.extend(self.server.receive(&self.client.sent()));
            by_client.extend(self.client.receive(&self.server.sent()));
        }
        (by_client, by_server)
    }
}
