//! What a receiver does differently for drivers that ask for it.

use super::Receiver;

/// All off by default.
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
    /// Holds messages in chunks to the [`Limits`](crate::Limits) as well: for drivers that join the
    /// chunks of a message, and so hold it all the same.
    #[must_use]
    pub const fn with_limits_in_chunks(mut self) -> Self {
        self.policy.limits_chunks = true;
        self
    }

    /// Cuts chunks of text wherever input ends, also inside a character, so that nothing of them
    /// stays in the buffer. They are checked all the same: an invalid character fails the
    /// connection with the chunk in which that can be told.
    #[must_use]
    pub const fn with_cut_characters(mut self) -> Self {
        self.policy.cuts_characters = true;
        self
    }

    /// Takes text and close reasons that are not UTF-8.
    ///
    /// As it may be anything, text comes as [`Event::Binary`](crate::Event::Binary), or as a chunk
    /// of a binary message; [`ReceivedData::kind`](crate::ReceivedData::kind) says that it is text.
    /// In the event, a reason has replacement characters for what is not UTF-8; its bytes are at
    /// [`ReceiveBuffer::event_span`](crate::ReceiveBuffer::event_span), after those of the code.
    ///
    /// §8.1 has an endpoint fail the connection for invalid text. This is for peers that are known
    /// to send it.
    #[must_use]
    pub const fn without_utf8_checks(mut self) -> Self {
        self.policy.takes_any_text = true;
        self
    }
}
