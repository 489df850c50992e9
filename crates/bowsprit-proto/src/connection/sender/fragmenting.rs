//! Messages in fragments, RFC 6455 §5.4.

use super::{
    super::{Fragment, Output, fragment::OutMessage},
    Sender, header,
};
use crate::{FrameHeader, Opcode, SendError};

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
        if self.closed {
            return Err(SendError::Closed);
        }
        let begun = self.fragmented;
        // How long the message will be is not known when it begins.
        let compressed = self.compression.as_ref().is_some_and(|compression| compression.is_here());
        let mut message = begun.unwrap_or(OutMessage::new(fragment.kind, compressed));
        if message.kind != fragment.kind {
            return Err(SendError::FragmentKind);
        }
        message.check(fragment)?;
        self.fragmented = (!fragment.fin).then_some(message);
        let opcode = if begun.is_some() { Opcode::Continuation } else { message.kind.opcode() };
        if let Some(compression) = self.compression.as_mut().filter(|_| message.compressed) {
            let compressed = compression.frame(fragment.payload, begun.is_none(), fragment.fin);
            let key = self.keys.as_mut().map(|keys| keys.next_key());
            // RFC 7692 §6.1: RSV1 is set on the first fragment only.
            let header = FrameHeader {
                rsv1: begun.is_none(),
                ..header(opcode, fragment.fin, key, compressed.len())
            };
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
}
