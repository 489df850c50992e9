//! Limits on what a peer may make an endpoint hold, RFC 6455 §10.4.

/// Bounds on a received message.
///
/// §10.4: "Implementations that have implementation- and/or platform-specific limitations regarding
/// the frame size or total message size after reassembly from multiple frames MUST protect
/// themselves against exceeding those limits."
///
/// They hold for messages that are received whole. A message received chunk by chunk is never held,
/// so they do not apply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message, in bytes. Decided from the frame header, before any payload is read;
    /// a longer one fails the connection with 1009.
    pub max_message_len: u64,
    /// The most frames that one message may come in, empty ones counted; more fail the connection
    /// with 1008.
    pub max_fragments: u32,
}

impl Limits {
    /// For a server: messages of 1 MiB in 4,096 fragments. Anyone may connect to a server, and the
    /// number of connections multiplies whatever one may hold.
    pub const SERVER: Self = Self { max_message_len: 1 << 20, max_fragments: 4096 };

    /// For a client: messages of 16 MiB in 4,096 fragments. A client chose its one server.
    pub const CLIENT: Self = Self { max_message_len: 16 << 20, max_fragments: 4096 };

    /// No limit at all: for peers that are trusted with the memory of this process.
    pub const NONE: Self = Self { max_message_len: u64::MAX, max_fragments: u32::MAX };

    /// These limits with another length of message, in bytes.
    #[must_use]
    pub const fn max_message_len(self, max_message_len: u64) -> Self {
        Self { max_message_len, ..self }
    }

    /// These limits with another number of fragments.
    #[must_use]
    pub const fn max_fragments(self, max_fragments: u32) -> Self {
        Self { max_fragments, ..self }
    }
}
