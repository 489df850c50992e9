//! What arrives on a connection.

use crate::{Close, MessageKind, utf8};

/// A complete message, chunk or control frame from the peer. It borrows the
/// [`ReceiveBuffer`](crate::ReceiveBuffer).
///
/// ```
/// use bowsprit_proto::Event;
///
/// fn describe(event: &Event<'_>) -> String {
///     match event {
///         Event::Text(text) => format!("{} bytes of text", text.len()),
///         Event::Binary(bytes) => format!("{} bytes", bytes.len()),
///         Event::Ping(_) | Event::Pong(_) => "a sign of life".to_owned(),
///         Event::Close(close) => format!("the end: {}", close.code),
///         _ => "something new".to_owned(),
///     }
/// }
///
/// assert_eq!(describe(&Event::Text("hello")), "5 bytes of text");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A whole text message.
    Text(&'b str),
    /// A whole binary message.
    Binary(&'b [u8]),
    /// A piece of a message, from [`Receiver::receive_chunk`](crate::Receiver::receive_chunk).
    Chunk(Chunk<'b>),
    /// A ping; [`Sender::respond`](crate::Sender::respond) writes the pong.
    Ping(&'b [u8]),
    /// A pong, solicited or not.
    Pong(&'b [u8]),
    /// The peer's close frame, the last event of a connection.
    Close(Close<'b>),
}

/// A piece of a message that is received without buffering all of it.
///
/// ```
/// use bowsprit_proto::Chunk;
///
/// /// Adds up how long messages are that no memory holds.
/// fn count(len: &mut u64, chunk: &Chunk<'_>) {
///     if chunk.first {
///         *len = 0;
///     }
///     *len += chunk.payload.len() as u64;
///     if chunk.last {
///         println!("a message of {len} bytes");
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk<'b> {
    /// Whether the message is text or binary.
    pub kind: MessageKind,
    /// The next bytes of the message. Text is cut only between characters, unless
    /// [`Receiver::with_cut_characters`](crate::Receiver::with_cut_characters) is used.
    pub payload: &'b [u8],
    /// Whether this is the first piece of its message.
    pub first: bool,
    /// Whether this is the last piece of its message. It may be empty.
    pub last: bool,
}

impl<'b> Chunk<'b> {
    /// The piece as text, or `None` for a binary message.
    #[must_use]
    pub fn as_text(&self) -> Option<&'b str> {
        match self.kind {
            MessageKind::Text => utf8::from_utf8(self.payload).ok(),
            MessageKind::Binary => None,
        }
    }
}
