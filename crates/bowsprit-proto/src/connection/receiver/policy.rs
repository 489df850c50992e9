//! Optional behaviour of a receiver.

use super::Receiver;

/// Everything is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) limits_chunks: bool,
    pub(super) cuts_characters: bool,
    pub(super) takes_any_text: bool,
}

impl Policy {
    pub(super) const fn new() -> Self {
        Self { limits_chunks: false, cuts_characters: false, takes_any_text: false }
    }
}

/// Policies.
impl Receiver {
    /// Applies the [`Limits`](crate::Limits) to messages in chunks as well, for drivers that join
    /// the chunks of a message and thus buffer it whole.
    #[must_use]
    pub const fn with_limits_in_chunks(mut self) -> Self {
        self.policy.limits_chunks = true;
        self
    }

    /// Ends chunks of text wherever the input ends, even inside a character, so that no bytes stay
    /// in the buffer. Text is still validated: an invalid character fails the connection at the
    /// chunk that shows that it is invalid.
    #[must_use]
    pub const fn with_cut_characters(mut self) -> Self {
        self.policy.cuts_characters = true;
        self
    }

    /// Accepts text and close reasons that are not UTF-8.
    ///
    /// As text may contain any bytes, it is returned as [`Event::Binary`](crate::Event::Binary), or
    /// as a chunk of a binary message; [`ReceivedData::kind`](crate::ReceivedData::kind) tells that
    /// it is text. In the event, invalid UTF-8 in a close reason becomes replacement characters;
    /// the original bytes are at [`ReceiveBuffer::event_span`](crate::ReceiveBuffer::event_span),
    /// after the code.
    ///
    /// §8.1 has an endpoint fail the connection for invalid text. This is for peers that are known
    /// to send it.
    #[must_use]
    pub const fn without_utf8_checks(mut self) -> Self {
        self.policy.takes_any_text = true;
        self
    }
}
