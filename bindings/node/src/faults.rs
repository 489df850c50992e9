//! Violations of the protocol, by number.

use bowsprit_proto::{MessageKind, ProtocolError};

/// The number by which JavaScript finds the text of an error, and a number to put into that.
pub(crate) fn number_of(error: ProtocolError) -> (i32, i32) {
    match error {
        ProtocolError::ReservedBits => (1, 0),
        ProtocolError::ReservedOpcode(opcode) => (2, i32::from(opcode)),
        ProtocolError::LengthNotMinimal => (3, 0),
        ProtocolError::LengthSignBit => (4, 0),
        ProtocolError::ControlFragmented => (5, 0),
        ProtocolError::ControlTooLong(len) => (6, i32::from(len)),
        ProtocolError::MaskMissing => (7, 0),
        ProtocolError::MaskUnexpected => (8, 0),
        ProtocolError::ContinuationUnexpected => (9, 0),
        ProtocolError::ContinuationExpected(MessageKind::Text) => (10, 1),
        ProtocolError::ContinuationExpected(MessageKind::Binary) => (10, 2),
        ProtocolError::CloseTruncated => (11, 1),
        ProtocolError::CloseCode(code) => (12, i32::from(u16::from(code))),
        ProtocolError::CloseReasonUtf8 | ProtocolError::TextUtf8 => (13, 0),
        ProtocolError::Compression(_) => (14, 0),
        ProtocolError::MessageTooLong => (15, 0),
        ProtocolError::TooManyFragments => (16, 0),
        ProtocolError::TooManyFinalBlocks => (17, 0),
        ProtocolError::Rsv1Unexpected => (18, 0),
        _ => (0, 0),
    }
}
