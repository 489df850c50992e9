//! What a call of the receiver has come to.

use crate::{MessageKind, ProtocolError};

/// What a call of [`Receiver::receive`](crate::Receiver::receive) has come to, and what it took.
///
/// All that a driver counts and decides by is in it, without a look at the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct Received {
    /// An event, or the need for more input; or the peer broke the protocol.
    pub progress: Result<Progress, ProtocolError>,
    /// How many frames of messages have begun. An empty one costs as much as a message, so limits
    /// count them.
    pub data_frames: u32,
    /// How many bytes decompression has written, also of a message that is not complete. Few bytes
    /// of input can cause much work: a driver that is fair counts this as well as what it reads.
    pub inflated_len: usize,
}

/// What a call of [`Receiver::receive`](crate::Receiver::receive) has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kinds of events of RFC 6455, or none")]
pub enum Progress {
    /// A message, or a chunk of one. Like all but [`NeedData`](Self::NeedData), it is what
    /// [`ReceiveBuffer::event`](crate::ReceiveBuffer::event) returns; call again for more: the
    /// input may hold it already.
    Data(ReceivedData),
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// The peer's close frame.
    Close,
    /// All input is used up; read more.
    NeedData,
}

/// A message, or a chunk of one, that has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedData {
    /// Whether the message is text or binary.
    pub kind: MessageKind,
    /// The first chunk of its message, or the whole message.
    pub first: bool,
    /// The last chunk of its message, or the whole message.
    pub last: bool,
    /// The end of a frame, of a chunk; of a whole message always.
    pub ends_frame: bool,
    /// Length of the payload.
    pub len: usize,
    /// The length that the payload of the message has on the wire, less if it is compressed: as far
    /// as the headers of its frames have told.
    pub wire_len: u64,
}

impl Progress {
    /// Whether [`ReceiveBuffer::event`](crate::ReceiveBuffer::event) has something.
    #[must_use]
    #[inline]
    pub const fn is_event(&self) -> bool {
        !matches!(self, Self::NeedData)
    }
}
