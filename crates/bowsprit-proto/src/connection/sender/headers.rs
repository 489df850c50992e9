//! Headers alone, for drivers that send the payload themselves.

use super::{
    super::{Fragment, FragmentCompression},
    Sender,
};
use crate::{FrameHeader, MessageKind, SendError};

/// Headers whose payload the driver sends itself, from where it is.
///
/// All that waits in the [`Output`](crate::Output) goes first, then the header, then the payload,
/// and nothing between them. §5.1: "a client MUST mask all frames that it sends to the server": if
/// the header has a masking key, the payload goes out masked with it.
impl Sender {
    /// The header of a message in one frame, not compressed.
    ///
    /// The payload of a text has to be UTF-8, §5.6.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    ///
    /// ```
    /// use bowsprit_proto::{FrameHeader, MessageKind, Sender};
    ///
    /// let mut sender = Sender::client(|| [0x37, 0xfa, 0x21, 0x3d]);
    /// let header = sender.message_header(MessageKind::Text, 5)?;
    /// let mut frame = [0; FrameHeader::MAX_LEN + 5];
    /// let len = header.encode_to_slice(&mut frame).unwrap_or(0);
    /// let key = header.masking_key.unwrap_or_default();
    /// bowsprit_proto::mask::copy_masked_to_slice(b"Hello", key, 0, &mut frame[len..len + 5]);
    /// assert_eq!(frame[..len + 5], *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    /// # Ok::<(), bowsprit_proto::SendError>(())
    /// ```
    pub fn message_header(
        &mut self,
        kind: MessageKind,
        payload_len: u64,
    ) -> Result<FrameHeader, SendError> {
        self.check_message_may_begin()?;
        Ok(FrameHeader { payload_len, ..self.header(kind.opcode(), true, 0) })
    }

    /// The header of a piece of a message that is not compressed. It begins, continues or ends the
    /// message like [`fragment`](Self::fragment), and checks text as that does.
    ///
    /// # Errors
    ///
    /// As [`fragment`](Self::fragment), and [`SendError::Encoding`] if the message that is under
    /// way is compressed.
    pub fn fragment_header(&mut self, fragment: Fragment<'_>) -> Result<FrameHeader, SendError> {
        let compressed = self.fragmented.is_some_and(|message| message.compressed);
        if compressed && !self.closed {
            return Err(SendError::Encoding);
        }
        let (_, opcode) = self.advance_message(fragment, FragmentCompression::Never)?;
        Ok(self.header(opcode, fragment.fin, fragment.payload.len()))
    }
}
