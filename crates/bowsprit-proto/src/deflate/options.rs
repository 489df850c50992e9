//! What an endpoint wants of permessage-deflate.

use super::{Backend, MAX_WINDOW_BITS, MIN_WINDOW_BITS};

/// Options of permessage-deflate for a client or a server.
///
/// ```
/// use bowsprit_proto::deflate::{ContextTakeover, Deflate};
///
/// // Better compression, for 330 KiB of memory more per connection.
/// let deflate = Deflate::server()
///     .level(6)
///     .server_context_takeover(ContextTakeover::Allowed)
///     .client_context_takeover(ContextTakeover::Allowed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// Whether the server may refer to earlier messages, §7.1.1.1.
    pub server_context_takeover: ContextTakeover,
    /// Whether the client may refer to earlier messages, §7.1.1.2.
    pub client_context_takeover: ContextTakeover,
    /// How far back the server may refer, §7.1.2.1.
    pub server_max_window_bits: WindowBits,
    /// How far back the client may refer, §7.1.2.2.
    pub client_max_window_bits: WindowBits,
    /// The compression level: 0 (none) to 9. Default: 1, which takes a third to a sixth of the time
    /// of level 6; messages become only slightly longer.
    pub level: u8,
    /// How much memory to use for compression: 1 to 9, as zlib's `memLevel`. Default: 8.
    pub mem_level: u8,
    /// The compression strategy.
    pub strategy: Strategy,
    /// Messages shorter than this are not compressed, as it would gain nothing. Default: 1,024
    /// bytes. A message that is sent in fragments is always compressed, because its length is not
    /// known when it begins, unless [`FragmentCompression`](crate::FragmentCompression) chooses
    /// otherwise.
    pub threshold: usize,
    /// How many bytes of compressed output are allocated at a time: at least 64. Default: 16 KiB.
    /// Less saves memory while messages are compressed, more saves time for long ones.
    pub chunk_len: usize,
    /// The library to compress and decompress with. Default: zlib-rs. Peers do not notice.
    pub backend: Backend,
}

/// Whether a side may refer to its earlier messages when it compresses a message.
///
/// This makes similar messages much shorter, and takes memory on both sides for as long as the
/// connection lives.
///
/// ```
/// use bowsprit_proto::deflate::{ContextTakeover, Deflate};
///
/// // Similar messages to each client, which send little themselves.
/// let deflate = Deflate::server().server_context_takeover(ContextTakeover::Allowed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextTakeover {
    /// Never: asked for in an offer, stated in an answer.
    Never,
    /// Unless the other side asks for none.
    Allowed,
    /// Always: an offer that asks for no context takeover is declined, and such an answer fails the
    /// handshake.
    Required,
}

/// How far back a side may refer, as the logarithm to base 2 of a number of bytes.
///
/// ```
/// use bowsprit_proto::deflate::{Deflate, WindowBits};
///
/// // 4 KiB instead of 32 KiB for what clients refer to.
/// let deflate = Deflate::server().client_max_window_bits(WindowBits::AtMost(12));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WindowBits {
    /// As far as the other side wants, at most 32 KiB.
    Any,
    /// At most 2^n bytes, with n from 8 to 15.
    AtMost(u8),
    /// 2^n bytes, with n from 8 to 15. A server answers this number, and declines an offer that
    /// asks for less. A client asks for it like [`AtMost`](Self::AtMost), and fails the handshake
    /// if the answer allows it more.
    Exactly(u8),
    /// The parameter is neither offered nor answered; an offer that depends on it is declined.
    Unspecified,
}

/// zlib's compression strategies.
///
/// ```
/// use bowsprit_proto::deflate::{Deflate, Strategy};
///
/// // For noise with few values, such as samples of sound: sequences hardly repeat.
/// let deflate = Deflate::server().strategy(Strategy::HuffmanOnly);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// For most data.
    #[default]
    Default,
    /// For data with few repetitions, such as numbers.
    Filtered,
    /// Huffman coding only, without looking for repetitions.
    HuffmanOnly,
    /// Only repetitions of the last byte.
    Rle,
    /// With fixed Huffman codes instead of codes made for the data.
    Fixed,
}

impl Deflate {
    /// The defaults of a server: no context takeover on either side, so that connections share
    /// contexts from a pool instead of keeping their own.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            server_context_takeover: ContextTakeover::Never,
            client_context_takeover: ContextTakeover::Never,
            ..Self::client()
        }
    }

    /// The defaults of a client: it offers `permessage-deflate; client_max_window_bits` and accepts
    /// what the server answers.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            server_context_takeover: ContextTakeover::Allowed,
            client_context_takeover: ContextTakeover::Allowed,
            server_max_window_bits: WindowBits::Any,
            client_max_window_bits: WindowBits::Any,
            level: 1,
            mem_level: 8,
            strategy: Strategy::Default,
            threshold: 1024,
            chunk_len: 16 * 1024,
            backend: Backend::ZlibRs,
        }
    }

    /// Sets the server's context takeover.
    ///
    /// ```
    /// use bowsprit_proto::deflate::{ContextTakeover, Deflate};
    ///
    /// // The server's messages resemble each other, and clients have the memory.
    /// let deflate = Deflate::server().server_context_takeover(ContextTakeover::Allowed);
    /// ```
    #[must_use]
    pub const fn server_context_takeover(mut self, takeover: ContextTakeover) -> Self {
        self.server_context_takeover = takeover;
        self
    }

    /// Sets the client's context takeover.
    ///
    /// ```
    /// use bowsprit_proto::deflate::{ContextTakeover, Deflate};
    ///
    /// // Shorter messages from clients, for a window of each in memory.
    /// let deflate = Deflate::server().client_context_takeover(ContextTakeover::Allowed);
    /// ```
    #[must_use]
    pub const fn client_context_takeover(mut self, takeover: ContextTakeover) -> Self {
        self.client_context_takeover = takeover;
        self
    }

    /// Sets the window of the server.
    ///
    /// ```
    /// use bowsprit_proto::deflate::{Deflate, WindowBits};
    ///
    /// // Clients need no more than 8 KiB to decompress.
    /// let deflate = Deflate::server().server_max_window_bits(WindowBits::Exactly(13));
    /// ```
    #[must_use]
    pub const fn server_max_window_bits(mut self, bits: WindowBits) -> Self {
        self.server_max_window_bits = bits;
        self
    }

    /// Sets the window of the client.
    ///
    /// ```
    /// use bowsprit_proto::deflate::{Deflate, WindowBits};
    ///
    /// // No more than 8 KiB to decompress what a client sends.
    /// let deflate = Deflate::server().client_max_window_bits(WindowBits::AtMost(13));
    /// ```
    #[must_use]
    pub const fn client_max_window_bits(mut self, bits: WindowBits) -> Self {
        self.client_max_window_bits = bits;
        self
    }

    /// Sets the level, 0 to 9; larger values count as 9.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Sets the memory level, 1 to 9; other values count as the closest of these.
    #[must_use]
    pub const fn mem_level(mut self, mem_level: u8) -> Self {
        self.mem_level = mem_level;
        self
    }

    /// Sets the strategy.
    ///
    /// ```
    /// use bowsprit_proto::deflate::{Deflate, Strategy};
    ///
    /// // Numbers, in which few sequences repeat.
    /// let deflate = Deflate::server().strategy(Strategy::Filtered);
    /// ```
    #[must_use]
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets the length from which on messages are compressed.
    #[must_use]
    pub const fn threshold(mut self, threshold: usize) -> Self {
        self.threshold = threshold;
        self
    }

    /// Sets the length of the chunks that output is allocated in.
    #[must_use]
    pub const fn chunk_len(mut self, chunk_len: usize) -> Self {
        self.chunk_len = chunk_len;
        self
    }

    /// Sets the library, for both directions.
    ///
    /// ```
    /// use bowsprit_proto::deflate::{Backend, Deflate};
    ///
    /// // What is the default in all builds.
    /// let deflate = Deflate::server().backend(Backend::ZlibRs);
    /// ```
    #[must_use]
    pub const fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }
}

impl WindowBits {
    /// The limit, if there is one; a number that no window can have counts as the nearest one.
    pub(super) fn limit(self) -> Option<u8> {
        match self {
            Self::AtMost(bits) | Self::Exactly(bits) => {
                Some(bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS))
            }
            _ => None,
        }
    }
}
