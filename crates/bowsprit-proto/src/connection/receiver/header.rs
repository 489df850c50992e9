//! Checks of frame headers, RFC 6455 §5.1, §5.2, §5.4.

use super::{
    super::{Block, ReceiveBuffer, ReceivedData, Role},
    Receiver,
};
use crate::{FrameHeader, MessageKind, Opcode, ProtocolError, frame::FrameStart};

impl Receiver {
    /// Completes a message in one short frame, if that is next and has arrived completely. Only its
    /// text can be invalid, and it needs no bookkeeping, which is most of the cost of a short
    /// message.
    #[inline]
    pub(super) fn short_message<B: Block>(
        &self,
        input: &mut ReceiveBuffer<B>,
    ) -> Option<Result<ReceivedData, ProtocolError>> {
        if self.frame.is_some()
            || self.message.is_some()
            || self.limits.max_fragments == 0
            || self.policy.takes_any_text
        {
            return None;
        }
        input.short_message(self.role == Role::Server, self.limits.max_message_len)
    }

    /// Reads the header of the next frame, if it has arrived completely.
    pub(super) fn parse_header<B: Block>(
        &self,
        input: &mut ReceiveBuffer<B>,
    ) -> Result<Option<FrameHeader>, ProtocolError> {
        input.parse_header(|start| self.check_start(start))
    }

    /// Checks the first two bytes of a frame against what was negotiated and what came before.
    #[inline]
    pub(super) fn check_start(&self, start: FrameStart) -> Result<(), ProtocolError> {
        let begins_message = matches!(start.opcode, Opcode::Text | Opcode::Binary);
        // §5.2: RSV1 "MUST be 0 unless an extension is negotiated that defines meanings for
        // non-zero values."
        // RFC 7692 §6.1: it is set on the first frame of a compressed message, and on no other.
        if start.rsv1 && !(begins_message && self.inflation.is_some()) {
            return Err(ProtocolError::Rsv1Unexpected);
        }
        if start.masked != (self.role == Role::Server) {
            return Err(self.wrong_mask());
        }
        // §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
        // another message unless an extension has been negotiated that can interpret the
        // interleaving."
        match (&self.message, start.opcode) {
            (Some(_), Opcode::Text) => Err(ProtocolError::ContinuationExpected(MessageKind::Text)),
            (Some(_), Opcode::Binary) => {
                Err(ProtocolError::ContinuationExpected(MessageKind::Binary))
            }
            (None, Opcode::Continuation) => Err(ProtocolError::ContinuationUnexpected),
            _ => Ok(()),
        }
    }

    const fn wrong_mask(&self) -> ProtocolError {
        match self.role {
            // §5.1: "The server MUST close the connection upon receiving a frame that is not
            // masked."
            Role::Server => ProtocolError::MaskMissing,
            // §5.1: "A client MUST close a connection if it detects a masked frame."
            Role::Client => ProtocolError::MaskUnexpected,
        }
    }

    /// Whether a frame is a whole uncompressed message and has arrived completely, so that it needs
    /// no bookkeeping.
    #[inline]
    pub(super) fn is_whole_message<B: Block>(
        &self,
        header: &FrameHeader,
        input: &ReceiveBuffer<B>,
    ) -> bool {
        let len = header.payload_len;
        header.fin
            && !header.rsv1
            && matches!(header.opcode, Opcode::Text | Opcode::Binary)
            && len <= input.unparsed_len() as u64
            && len <= self.limits.max_message_len
            && self.limits.max_fragments > 0
            && self.message.is_none()
            && !self.policy.takes_any_text
    }
}
