//! Messages in fragments, RFC 6455 §5.4.

use super::{
    super::{Fragment, FragmentCompression, Output, fragment::OutMessage},
    Sender, header,
};
use crate::{FrameHeader, MessageKind, Opcode, SendError};

/// Messages in fragments.
impl Sender {
    /// Sends a fragment of a message. The first fragment begins the message; the one with `fin`
    /// ends it.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] after a close frame, [`SendError::FragmentKind`] if the message in
    /// progress is of another kind, [`SendError::TextUtf8`] if text is not UTF-8,
    /// [`SendError::Encoding`] if it was begun by
    /// [`compressed_fragment_header`](Self::compressed_fragment_header) and no compression was
    /// negotiated.
    pub fn fragment(&mut self, fragment: Fragment<'_>, out: &mut Output) -> Result<(), SendError> {
        self.fragment_with(fragment, FragmentCompression::Always, out)
    }

    /// Sends a fragment of a message, and chooses whether the message is compressed. The choice of
    /// the first fragment applies to the whole message; that of later ones is ignored.
    ///
    /// # Errors
    ///
    /// As [`fragment`](Self::fragment).
    pub fn fragment_with(
        &mut self,
        fragment: Fragment<'_>,
        compression: FragmentCompression,
        out: &mut Output,
    ) -> Result<(), SendError> {
        let (message, opcode) = self.advance_message(fragment, compression)?;
        let first = opcode != Opcode::Continuation;
        if let Some(compression) = self.compression.as_mut().filter(|_| message.compressed) {
            let compressed = compression.frame(fragment.payload, first, fragment.fin);
            let key = self.keys.as_mut().map(|keys| keys.next_key());
            // RFC 7692 §6.1: RSV1 is set on the first fragment only.
            let header =
                FrameHeader { rsv1: first, ..header(opcode, fragment.fin, key, compressed.len()) };
            out.push_long_frame(&header, compressed.iter());
            compression.shrink();
        } else {
            self.frame(opcode, fragment.fin, fragment.payload, out);
        }
        Ok(())
    }

    /// Whether a fragmented message is in progress, so that no other message may begin.
    #[must_use]
    pub const fn is_fragmented(&self) -> bool {
        self.fragmented.is_some()
    }

    /// The kind of the fragmented message in progress, which the next fragment must have.
    #[must_use]
    pub fn fragmented_kind(&self) -> Option<MessageKind> {
        self.fragmented.map(|message| message.kind)
    }

    /// Determines the frame of a fragment, and begins, continues or ends its message.
    pub(super) fn advance_message(
        &mut self,
        fragment: Fragment<'_>,
        choice: FragmentCompression,
    ) -> Result<(OutMessage, Opcode), SendError> {
        if self.closed {
            return Err(SendError::Closed);
        }
        let begun = self.fragmented;
        let mut message = begun.unwrap_or_else(|| {
            OutMessage::new(fragment.kind, self.compresses_from(fragment.payload, choice))
        });
        if message.kind != fragment.kind {
            return Err(SendError::FragmentKind);
        }
        // The driver compresses this message itself: see `compressed_fragment_header`.
        if message.compressed && self.compression.is_none() {
            return Err(SendError::Encoding);
        }
        message.check(fragment)?;
        self.fragmented = (!fragment.fin).then_some(message);
        let opcode = if begun.is_some() { Opcode::Continuation } else { message.kind.opcode() };
        Ok((message, opcode))
    }

    /// Whether to compress a message that begins with this fragment.
    fn compresses_from(&self, first: &[u8], choice: FragmentCompression) -> bool {
        self.compression.as_ref().is_some_and(|compression| match choice {
            FragmentCompression::Always => compression.is_here(),
            FragmentCompression::Threshold => compression.is_worth(first.len()),
            FragmentCompression::Never => false,
        })
    }
}
