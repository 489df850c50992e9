//! Opcodes: how to read a frame's payload, RFC 6455 §11.8.

use crate::ProtocolError;

/// How to read the payload of a frame.
///
/// A reserved opcode has no variant: it is a [`ProtocolError::ReservedOpcode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every other opcode is reserved and refused")]
pub enum Opcode {
    /// Another fragment of the message in progress.
    Continuation,
    /// The first or only frame of a text message.
    Text,
    /// The first or only frame of a binary message.
    Binary,
    /// The closing handshake.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping, or is unsolicited.
    Pong,
}

impl Opcode {
    /// Whether this is a control frame, which may be sent between the fragments of a message, §5.5.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl TryFrom<u8> for Opcode {
    type Error = ProtocolError;

    /// Reads the four bits of an opcode.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::ReservedOpcode`] for a number that RFC 6455 reserves.
    fn try_from(bits: u8) -> Result<Self, ProtocolError> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Text),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xA => Ok(Self::Pong),
            // §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the
            // WebSocket Connection_."
            reserved => Err(ProtocolError::ReservedOpcode(reserved)),
        }
    }
}

impl From<Opcode> for u8 {
    fn from(opcode: Opcode) -> Self {
        match opcode {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xA,
        }
    }
}
