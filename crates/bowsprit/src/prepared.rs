//! Messages for many connections, encoded once.

mod batch;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bowsprit_proto::{
    DetachedCompressor, EncodedMessage, Encoding, deflate::CompressorConfig, queue,
};

use self::batch::Batch;

use crate::{Message, pool};

/// A message that is offered to many connections.
pub(crate) type Offer = queue::Offer<PreparedMessage>;

/// A message for many connections.
///
/// It is framed once, and compressed once for each set of negotiated parameters without context
/// takeover; the connections share the bytes. Connections with context takeover compress it
/// themselves.
///
/// Cloning is cheap.
///
/// ```no_run
/// # async fn example(members: Vec<bowsprit::Handle>) {
/// let news = bowsprit::PreparedMessage::new("the anchor is up");
/// for member in &members {
///     // Skips members that are gone or whose queue is full.
///     let _sent = member.try_send(&news);
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PreparedMessage {
    shared: Arc<Encodings>,
}

#[derive(Debug)]
struct Encodings {
    message: Message,
    plain: OnceLock<EncodedMessage>,
    /// One entry per configuration that was needed.
    compressed: Mutex<Vec<(CompressorConfig, EncodedMessage)>>,
}

impl PreparedMessage {
    /// Prepares a message.
    pub fn new(message: impl Into<Message>) -> Self {
        let shared = Encodings {
            message: message.into(),
            plain: OnceLock::new(),
            compressed: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.shared.message
    }

    /// The message encoded for connections that do not compress it.
    fn plain(&self) -> &EncodedMessage {
        let Encodings { message, plain, .. } = &*self.shared;
        plain.get_or_init(|| EncodedMessage::new(message))
    }

    /// Returns the message compressed with this configuration. Concurrent callers wait for the one
    /// that compresses it.
    pub(crate) fn compressed(&self, config: CompressorConfig) -> EncodedMessage {
        let Encodings { message, compressed, .. } = &*self.shared;
        let mut compressed = compressed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoded)) = compressed.iter().find(|(known, _)| *known == config) {
            return encoded.clone();
        }
        let encoded = compress(message, config);
        compressed.push((config, encoded.clone()));
        encoded
    }

    /// Whether [`compressed`](Self::compressed) would return at once.
    fn is_compressed(&self, config: CompressorConfig) -> bool {
        // Whoever holds the lock may be compressing.
        let compressed = self.shared.compressed.try_lock();
        compressed.is_ok_and(|compressed| compressed.iter().any(|(known, _)| *known == config))
    }
}

impl queue::Shared for PreparedMessage {
    type Batch = Batch;

    fn message(&self) -> &Message {
        self.message()
    }

    fn encoded(&self, encoding: Encoding) -> Option<EncodedMessage> {
        match encoding {
            Encoding::Plain => Some(self.plain().clone()),
            Encoding::Compressed(config) => Some(self.compressed(config)),
            Encoding::Own => None,
        }
    }

    fn is_ready(&self, encoding: Encoding) -> bool {
        match encoding {
            Encoding::Compressed(config) => self.is_compressed(config),
            Encoding::Plain | Encoding::Own => true,
        }
    }
}

/// Compresses a message by itself, with a context from the pool.
pub(crate) fn compress(message: &Message, config: CompressorConfig) -> EncodedMessage {
    let mut compressing = DetachedCompressor::new(pool::compressor(config));
    let encoded = compressing.message(message);
    pool::give_compressor(compressing.into_compressor());
    encoded
}

impl<M: Into<Message>> From<M> for PreparedMessage {
    fn from(message: M) -> Self {
        Self::new(message)
    }
}
