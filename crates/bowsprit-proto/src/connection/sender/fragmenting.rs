//! Messages in fragments, RFC 6455 §5.4.

use super::{
    super::{Fragment, FragmentCompression, Output, fragment::OutMessage},
    Sender, header,
};
use crate::{FrameHeader, MessageKind, Opcode, SendError};

/// Messages in fragments.
impl Sender {
    /// Sends a piece of a message. The first piece of a message begins it; the one with `fin` ends
    /// it.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] after a close frame, [`SendError::FragmentKind`] if the message that
    /// is under way is of another kind, [`SendError::TextUtf8`] if text stops being UTF-8.
    pub fn fragment(&mut self, fragment: Fragment<'_>, out: &mut Output) -> Result<(), SendError> {
        self.fragment_with(fragment, FragmentCompression::Always, out)
    }

    /// Sends a piece of a message, and chooses whether the message is compressed. The first piece
    /// decides for the whole message; what is chosen for a later one does not matter.
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

    /// Whether a fragmented message is under way, so that no other message may begin.
    #[must_use]
    pub const fn is_fragmented(&self) -> bool {
        self.fragmented.is_some()
    }

    /// The kind of the fragmented message that is under way: what a fragment has to be that
    /// continues it.
    #[must_use]
    pub fn fragmented_kind(&self) -> Option<MessageKind> {
        self.fragmented.map(|message| message.kind)
    }

    /// Finds what frame a fragment is sent in, and begins, continues or ends its message.
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
        message.check(fragment)?;
        self.fragmented = (!fragment.fin).then_some(message);
        let opcode = if begun.is_some() { Opcode::Continuation } else { message.kind.opcode() };
        Ok((message, opcode))
    }

    /// Whether a message that begins with this fragment is compressed.
    fn compresses_from(&self, first: &[u8], choice: FragmentCompression) -> bool {
        self.compression.as_ref().is_some_and(|compression| match choice {
            FragmentCompression::Always => compression.is_here(),
            FragmentCompression::Threshold => compression.is_worth(first.len()),
            FragmentCompression::Never => false,
        })
    }
}
