//! Frame headers, for drivers that send the payload themselves.

use super::{
    super::{Fragment, FragmentCompression, fragment::OutMessage},
    Sender,
};
use crate::{FrameHeader, MessageKind, Opcode, SendError};

/// Frame headers whose payload the driver sends itself, without copying it.
///
/// Write everything in the [`Output`](crate::Output) first, then the header, then the payload, with
/// nothing in between. §5.1: "a client MUST mask all frames that it sends to the server": if the
/// header has a masking key, mask the payload with it.
impl Sender {
    /// Returns the header of an uncompressed message in one frame.
    ///
    /// The payload of a text message must be UTF-8, §5.6.
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

    /// Returns the header of a fragment of an uncompressed message. It begins, continues or ends
    /// the message and checks text like [`fragment`](Self::fragment).
    ///
    /// # Errors
    ///
    /// As [`fragment`](Self::fragment), and [`SendError::Encoding`] if the message in progress is
    /// compressed.
    pub fn fragment_header(&mut self, fragment: Fragment<'_>) -> Result<FrameHeader, SendError> {
        let compressed = self.fragmented.is_some_and(|message| message.compressed);
        if compressed && !self.closed {
            return Err(SendError::Encoding);
        }
        let (_, opcode) = self.advance_message(fragment, FragmentCompression::Never)?;
        Ok(self.header(opcode, fragment.fin, fragment.payload.len()))
    }

    /// Returns the header of a fragment that the driver has compressed itself, such as with a
    /// [`FrameCompressor`](crate::deflate::FrameCompressor). It begins, continues or ends the
    /// message like [`fragment`](Self::fragment); what a text contains is not checked.
    ///
    /// RFC 7692 §6.1: RSV1 is set on the first fragment only.
    ///
    /// # Errors
    ///
    /// As [`fragment`](Self::fragment), and [`SendError::Encoding`] if the message in progress is
    /// not compressed.
    ///
    /// ```
    /// use bowsprit_proto::{MessageKind, Sender};
    ///
    /// let mut sender = Sender::server();
    /// let first = sender.compressed_fragment_header(MessageKind::Text, 3, false)?;
    /// let last = sender.compressed_fragment_header(MessageKind::Text, 4, true)?;
    /// assert_eq!((first.first_byte(), last.first_byte()), (0x41, 0x80));
    /// # Ok::<(), bowsprit_proto::SendError>(())
    /// ```
    pub fn compressed_fragment_header(
        &mut self,
        kind: MessageKind,
        payload_len: u64,
        fin: bool,
    ) -> Result<FrameHeader, SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        let begun = self.fragmented;
        let message = begun.unwrap_or(OutMessage::new(kind, true));
        if message.kind != kind {
            return Err(SendError::FragmentKind);
        }
        if !message.compressed {
            return Err(SendError::Encoding);
        }
        self.fragmented = (!fin).then_some(message);
        let opcode = if begun.is_some() { Opcode::Continuation } else { kind.opcode() };
        let header = self.header(opcode, fin, 0);
        Ok(FrameHeader { rsv1: begun.is_none(), payload_len, ..header })
    }
}
