//! Errors, by who is at fault: the peer ([`ProtocolError`]) or the caller ([`SendError`]).
//!
//! The errors of the opening handshake are in [`handshake`](crate::handshake).

use core::fmt;

use crate::{CloseCode, MessageKind, deflate::DataError};

/// The peer violated the protocol after the opening handshake; the connection has failed, §7.1.7.
///
/// [`close_code`](Self::close_code) is the code that the peer is sent.
///
/// ```
/// use bowsprit_proto::{CloseCode, ProtocolError};
///
/// assert_eq!(ProtocolError::TextUtf8.close_code(), CloseCode::INVALID_PAYLOAD);
/// assert_eq!(ProtocolError::MaskMissing.to_string(), "a frame from the client is not masked");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// RSV2 or RSV3 is set, §5.2.
    ReservedBits,
    /// RSV1 is set although no extension defines it, §5.2.
    Rsv1Unexpected,
    /// A reserved opcode, §5.2.
    ReservedOpcode(u8),
    /// A payload length that is not in its shortest encoding, §5.2.
    LengthNotMinimal,
    /// A 64-bit payload length with its most significant bit set, §5.2.
    LengthSignBit,
    /// A control frame without FIN, §5.5.
    ControlFragmented,
    /// A control frame with more than 125 bytes of payload, §5.5. The length is that in its second
    /// byte, 126 or 127, which stand for all longer payloads.
    ControlTooLong(u8),
    /// An unmasked frame from a client, §5.1.
    MaskMissing,
    /// A masked frame from a server, §5.1.
    MaskUnexpected,
    /// A continuation frame while no message is in progress, §5.4.
    ContinuationUnexpected,
    /// A new message, of this kind, before the fragmented one is complete, §5.4.
    ContinuationExpected(MessageKind),
    /// A close frame with half a code, §5.5.1.
    CloseTruncated,
    /// A close code that must not be sent, §7.4.
    CloseCode(CloseCode),
    /// A close reason that is not UTF-8, §5.5.1.
    CloseReasonUtf8,
    /// A text message that is not UTF-8, §8.1.
    TextUtf8,
    /// A compressed message that cannot be decompressed, or is truncated, RFC 7692 §7.2.2.
    Compression(DataError),
    /// A message longer than [`Limits::max_message_len`](crate::Limits::max_message_len).
    MessageTooLong,
    /// A message in more frames than [`Limits::max_fragments`](crate::Limits::max_fragments).
    TooManyFragments,
    /// A compressed message with more than 1,024 final blocks, RFC 7692 §7.2.3.4. Each of them only
    /// makes the receiver reload the window.
    TooManyFinalBlocks,
    /// More messages than
    /// [`RateLimits::max_messages_per_second`](crate::timers::RateLimits::max_messages_per_second)
    /// allows. Each frame of a message counts.
    TooManyMessages,
    /// More pings and pongs than
    /// [`RateLimits::max_pings_per_second`](crate::timers::RateLimits::max_pings_per_second)
    /// allows.
    TooManyPings,
}

impl ProtocolError {
    /// The code to close the connection with, §7.4.1.
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::TextUtf8 | Self::CloseReasonUtf8 | Self::Compression(_) => {
                CloseCode::INVALID_PAYLOAD
            }
            Self::MessageTooLong => CloseCode::TOO_BIG,
            Self::TooManyFragments
            | Self::TooManyFinalBlocks
            | Self::TooManyMessages
            | Self::TooManyPings => CloseCode::POLICY_VIOLATION,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedBits => "RSV2 or RSV3 is set",
            Self::Rsv1Unexpected => "RSV1 is set where it has no meaning",
            Self::ReservedOpcode(opcode) => return write!(f, "opcode {opcode} is reserved"),
            Self::LengthNotMinimal => "the payload length is not in its shortest form",
            Self::LengthSignBit => "the payload length has its most significant bit set",
            Self::ControlFragmented => "a control frame is fragmented",
            Self::ControlTooLong(_) => "a control frame is longer than 125 bytes",
            Self::MaskMissing => "a frame from the client is not masked",
            Self::MaskUnexpected => "a frame from the server is masked",
            Self::ContinuationUnexpected => "a continuation frame continues no message",
            Self::ContinuationExpected(MessageKind::Text) => "a text begins inside another message",
            Self::ContinuationExpected(MessageKind::Binary) => {
                "a binary message begins inside another message"
            }
            Self::CloseTruncated => "a close frame has half a code",
            Self::CloseCode(code) => return write!(f, "close code {code} may not be sent"),
            Self::CloseReasonUtf8 => "a close reason is not valid UTF-8",
            Self::TextUtf8 => "a text message is not valid UTF-8",
            Self::Compression(error) => {
                return write!(f, "a compressed message cannot be decompressed: {error}");
            }
            Self::MessageTooLong => "a message is longer than the limit",
            Self::TooManyFragments => "a message has more fragments than the limit",
            Self::TooManyFinalBlocks => "a compressed message has more than 1024 final blocks",
            Self::TooManyMessages => "more messages in a second than the limit",
            Self::TooManyPings => "more pings in a second than the limit",
        })
    }
}

impl core::error::Error for ProtocolError {}

/// The caller tried to send something that must not be sent. Nothing was queued, and no state has
/// changed.
///
/// ```
/// use bowsprit_proto::{CloseCode, SendError};
///
/// fn is_over(error: SendError) -> bool {
///     error == SendError::Closed
/// }
///
/// assert!(!is_over(SendError::CloseCode(CloseCode::ABNORMAL)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// After a close frame nothing more may be sent, §5.5.1.
    Closed,
    /// The payload of a ping or pong is longer than 125 bytes, §5.5.
    ControlTooLong,
    /// A close reason is longer than 123 bytes: the code takes two of the 125 bytes, §5.5.1.
    CloseReasonTooLong,
    /// This close code must not be sent, §7.4.
    CloseCode(CloseCode),
    /// A fragmented message is in progress; another one may begin only after it is complete, §5.4.
    FragmentOpen,
    /// A fragment of another kind than the message it continues, §5.4.
    FragmentKind,
    /// The fragments of a text message are not UTF-8, §8.1.
    TextUtf8,
    /// A message was encoded for connections that negotiated another compression, or an
    /// uncompressed fragment would continue a compressed message, RFC 7692 §7.
    Encoding,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the connection is closing",
            Self::ControlTooLong => "the payload of a ping or pong is limited to 125 bytes",
            Self::CloseReasonTooLong => "a close reason is limited to 123 bytes",
            Self::CloseCode(code) => return write!(f, "close code {code} may not be sent"),
            Self::FragmentOpen => "a fragmented message is not finished",
            Self::FragmentKind => "a fragment is of another kind than its message",
            Self::TextUtf8 => "the fragments of a text message are not valid UTF-8",
            Self::Encoding => "the message was encoded for another kind of compression",
        })
    }
}

impl core::error::Error for SendError {}
