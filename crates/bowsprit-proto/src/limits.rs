//! Limits on what a peer can make an endpoint hold in memory, RFC 6455 §10.4.

/// Bounds on a received message.
///
/// §10.4: "Implementations that have implementation- and/or platform-specific limitations regarding
/// the frame size or total message size after reassembly from multiple frames MUST protect
/// themselves against exceeding those limits."
///
/// They apply to messages that are received whole. A message that is received in chunks is never
/// buffered as a whole, so they do not apply to it.
///
/// ```
/// use bowsprit_proto::Limits;
///
/// let limits = Limits::SERVER.max_message_len(64 * 1024).max_fragments(16);
/// assert_eq!(limits.max_message_len, 65_536);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum length of a message in bytes. A longer one fails the connection with 1009, based
    /// on the frame header, before its payload is read.
    pub max_message_len: u64,
    /// The maximum number of frames of a message, including empty ones. More fail the connection
    /// with 1008.
    pub max_fragments: u32,
}

impl Limits {
    /// For a server: messages of 1 MiB in 4,096 fragments. Anyone may connect to a server, so the
    /// limit is multiplied by the number of connections.
    pub const SERVER: Self = Self { max_message_len: 1 << 20, max_fragments: 4096 };

    /// For a client: messages of 16 MiB in 4,096 fragments. A client chooses its server.
    pub const CLIENT: Self = Self { max_message_len: 16 << 20, max_fragments: 4096 };

    /// No limits, for peers that are trusted not to exhaust the memory of this process.
    pub const NONE: Self = Self { max_message_len: u64::MAX, max_fragments: u32::MAX };

    /// Sets the maximum length of a message, in bytes.
    #[must_use]
    pub const fn max_message_len(self, max_message_len: u64) -> Self {
        Self { max_message_len, ..self }
    }

    /// Sets the maximum number of fragments.
    #[must_use]
    pub const fn max_fragments(self, max_fragments: u32) -> Self {
        Self { max_fragments, ..self }
    }
}
