//! The result of a call of the receiver.

use crate::{MessageKind, ProtocolError};

/// The result of a call of [`Receiver::receive`](crate::Receiver::receive), and how much work it
/// was.
///
/// It has everything that a driver counts and bases decisions on, except for the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Received {
    /// An event, or the need for more input; or the peer violated the protocol.
    pub progress: Result<Progress, ProtocolError>,
    /// How many data frames have begun. An empty frame costs as much as a message, so limits count
    /// frames.
    pub data_frames: u32,
    /// How many bytes decompression has produced, including those of incomplete messages. A few
    /// bytes of input can cause much work, so a fair driver counts this in addition to what it
    /// reads.
    pub inflated_len: usize,
}

/// The progress that a call of [`Receiver::receive`](crate::Receiver::receive) has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kinds of events of RFC 6455, or none")]
pub enum Progress {
    /// A message, or a chunk of one. [`ReceiveBuffer::event`](crate::ReceiveBuffer::event) returns
    /// it, as it does for all variants except [`NeedData`](Self::NeedData). Call the receiver
    /// again: the input may already hold more.
    Data(ReceivedData),
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// The peer's close frame.
    Close,
    /// All input has been processed; read more.
    NeedData,
}

/// A received message, or a chunk of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedData {
    /// Whether the message is text or binary.
    pub kind: MessageKind,
    /// Whether this is the first chunk of its message, or the whole message.
    pub first: bool,
    /// Whether this is the last chunk of its message, or the whole message.
    pub last: bool,
    /// Whether this chunk ends a frame. Always true for a whole message.
    pub ends_frame: bool,
    /// Length of the payload.
    pub len: usize,
    /// The length of the message's payload on the wire, which is less than `len` if it is
    /// compressed: the sum of the frame headers received so far.
    pub wire_len: u64,
}

impl Progress {
    /// Whether [`ReceiveBuffer::event`](crate::ReceiveBuffer::event) returns an event.
    #[must_use]
    #[inline]
    pub const fn is_event(&self) -> bool {
        !matches!(self, Self::NeedData)
    }
}
