//! Compressed messages.

use std::mem;

use bowsprit_proto::{
    Connection, Event, Limits, MessageKind, Output, Progress, ProtocolError, ReceiveBuffer,
    Receiver, Role, Sender, Url,
    deflate::{Backend, ContextTakeover, Deflate},
    handshake::{ClientHandshake, Offer, Policy, respond},
};

/// What is compressed with: `--features zlib` runs all of them with zlib.
#[cfg(not(feature = "zlib"))]
const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
const BACKEND: Backend = Backend::Zlib;

/// The longest message: short, so that inputs go beyond it.
const MAX_MESSAGE_LEN: u64 = 1000;

/// The first byte says whether there is context takeover and how long the frames are; the others
/// are a compressed text, an uncompressed one, and the compressed one again. Any cut gives the
/// same, in chunks as well, and what comes out survives being sent.
pub fn deflate(bytes: &[u8]) {
    let Some((settings, payload)) = bytes.split_first() else { return };
    let frame_len = usize::from(settings >> 1).max(1);
    let stream = [frames(0x41, payload, frame_len), frames(0x01, b"plain", 3)].concat().repeat(2);
    let deflate = if settings & 1 == 1 { Deflate::client() } else { Deflate::server() };
    let whole = run(&deflate, &stream, stream.len(), MAX_MESSAGE_LEN, false);
    assert_eq!(run(&deflate, &stream, 1, MAX_MESSAGE_LEN, false), whole, "any cut gives the same");
    assert!(whole.0.iter().all(|message| message.len() as u64 <= MAX_MESSAGE_LEN));
    let unlimited = run(&deflate, &stream, stream.len(), 1 << 20, false);
    if unlimited.1 != Some(ProtocolError::MessageTooLong) {
        assert_eq!(run(&deflate, &stream, 1, 0, true), unlimited, "chunks joined are the messages");
    }
    for message in whole.0 {
        assert_eq!(there_and_back(&deflate, &message), [message]);
    }
}

/// Frames of a server, which are not masked.
fn frames(first: u8, payload: &[u8], frame_len: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut first = first;
    for piece in payload.chunks(frame_len.min(125)) {
        frames.extend([first, piece.len() as u8]);
        frames.extend(piece);
        first = 0;
    }
    frames.extend([first | 0x80, 0]);
    frames
}

fn receiver(deflate: &Deflate, max_message_len: u64) -> (Receiver, Sender) {
    let mut policy = Policy::default();
    policy.deflate = Some(*deflate);
    let mut offer = Offer::default();
    offer.deflate = Some(Deflate::client());
    let Ok(url) = "ws://example.com/".parse::<Url>() else { unreachable!("this is a URL") };
    let Ok((_, request)) = ClientHandshake::new(&url, &offer, [7; 16]) else {
        unreachable!("this offer is good")
    };
    let agreed = respond(&request, &policy).ok().and_then(|accepted| accepted.negotiated.deflate);
    let Some(parameters) = agreed else { unreachable!("this server accepts it") };
    let takeover = deflate.server_context_takeover == ContextTakeover::Allowed;
    assert_eq!(parameters.server.no_context_takeover, !takeover);
    let limits = Limits::CLIENT.max_message_len(max_message_len);
    let deflate = &deflate.threshold(0).backend(BACKEND);
    let receiver = Receiver::new(Role::Client, limits).with_deflate(&parameters, deflate);
    (receiver, Sender::server().with_deflate(&parameters, deflate))
}

/// Feeds pieces of `len`; returns the messages, chunks joined, and what went wrong.
fn run(
    deflate: &Deflate,
    stream: &[u8],
    len: usize,
    max_message_len: u64,
    in_chunks: bool,
) -> (Vec<Vec<u8>>, Option<ProtocolError>) {
    let (receiver, sender) = receiver(deflate, max_message_len);
    let mut connection = Connection::new(receiver, sender);
    let (mut input, mut out) = (ReceiveBuffer::new(), Output::new());
    let (mut messages, mut message) = (Vec::new(), Vec::new());
    for piece in stream.chunks(len) {
        input.extend(piece);
        loop {
            let received = if in_chunks {
                connection.receive_chunk(&mut input, &mut out)
            } else {
                connection.receive(&mut input, &mut out)
            };
            match received.progress {
                Ok(Progress::NeedData) => break,
                Err(error) => return (messages, Some(error)),
                Ok(_) => {}
            }
            let last = match input.event() {
                Some(Event::Text(text)) => {
                    message.extend(text.as_bytes());
                    true
                }
                Some(Event::Chunk(chunk)) => {
                    assert!(chunk.as_text().is_some() && chunk.kind == MessageKind::Text);
                    message.extend(chunk.payload);
                    chunk.last
                }
                _ => false,
            };
            if last {
                messages.push(mem::take(&mut message));
            }
        }
    }
    (messages, None)
}

fn there_and_back(deflate: &Deflate, message: &[u8]) -> Vec<Vec<u8>> {
    let (mut receiver, mut sender) = receiver(deflate, MAX_MESSAGE_LEN);
    let (mut input, mut out) = (ReceiveBuffer::new(), Output::new());
    assert_eq!(sender.binary(message, &mut out), Ok(()));
    out.slices().for_each(|slice| input.extend(slice));
    let mut messages = Vec::new();
    while receiver.receive(&mut input, &mut ()).progress.is_ok_and(|progress| progress.is_event()) {
        messages.push(input.take_payload().to_vec());
    }
    messages
}
