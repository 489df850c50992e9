//! Messages that are sent in fragments, RFC 6455 §5.4.

use crate::{MessageKind, SendError, utf8};

/// The fragmented message in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutMessage {
    pub(super) kind: MessageKind,
    utf8: utf8::Validator,
    pub(super) compressed: bool,
}

/// A fragment of a message, §5.4.
///
/// ```
/// use bowsprit_proto::{Fragment, MessageKind};
///
/// let kind = MessageKind::Binary;
/// let first = Fragment { kind, payload: b"some bytes, ", fin: false };
/// let last = Fragment { kind, payload: b"and the rest", fin: true };
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by callers")]
pub struct Fragment<'p> {
    /// Whether the message is text or binary. It must be the same for all fragments.
    pub kind: MessageKind,
    /// The next bytes of the message. Text may be cut anywhere, even inside a character.
    pub payload: &'p [u8],
    /// Whether this is the last fragment of its message.
    pub fin: bool,
}

/// Whether a message that is sent in fragments is compressed, if compression was negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FragmentCompression {
    /// Always, as the length of the message is not known when it begins.
    #[default]
    Always,
    /// If the first fragment is at least as long as
    /// [`Deflate::threshold`](crate::deflate::Deflate).
    Threshold,
    /// Never. [`Sender::message_uncompressed`](crate::Sender::message_uncompressed) explains why
    /// one would want this.
    Never,
}

impl OutMessage {
    pub(super) const fn new(kind: MessageKind, compressed: bool) -> Self {
        Self { kind, utf8: utf8::Validator::new(), compressed }
    }

    /// §5.6: "a particular text frame might include a partial UTF-8 sequence; however, the whole
    /// message MUST contain valid UTF-8."
    pub(super) fn check(&mut self, fragment: Fragment<'_>) -> Result<(), SendError> {
        if self.kind == MessageKind::Binary {
            return Ok(());
        }
        self.utf8.push(fragment.payload).map_err(|_| SendError::TextUtf8)?;
        if fragment.fin {
            self.utf8.finish().map_err(|_| SendError::TextUtf8)?;
        }
        Ok(())
    }
}
