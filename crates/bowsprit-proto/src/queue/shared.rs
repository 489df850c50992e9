//! Messages that are shared by many connections.

use core::{convert::Infallible, fmt};

use crate::{EncodedBatch, EncodedMessage, Encoding, Message};

/// A message that is encoded once for many connections. Cloning it is cheap.
///
/// It is a trait because the encoded message must be cached behind a lock or a cell, which the
/// driver provides. A driver that publishes nothing uses [`Infallible`].
pub trait Shared: Clone + fmt::Debug {
    /// Several messages that are written together.
    type Batch: Batch<Self>;

    /// The message.
    fn message(&self) -> &Message;

    /// The message in this encoding, compressed now if it has not been before. `None` for
    /// [`Encoding::Own`], which cannot be shared.
    fn encoded(&self, encoding: Encoding) -> Option<EncodedMessage>;

    /// Whether [`encoded`](Self::encoded) would not have to compress.
    fn is_ready(&self, encoding: Encoding) -> bool;
}

/// Publications that are written together: those offered to a connection since its output was last
/// written out.
///
/// Connections that were offered the same publications share one batch and its bytes. When a
/// thousand messages go to a thousand connections, each message costs a connection the exchange of
/// a pointer.
pub trait Batch<P>: Clone + fmt::Debug {
    /// The messages of `before`, and one more.
    fn join(before: Option<Self>, last: &P) -> Self;

    /// Whether both are the same batch in memory.
    fn is(&self, other: &Self) -> bool;

    /// Whether no more messages may join it.
    fn is_full(&self) -> bool;

    /// Bytes of all frames.
    fn frames_len(&self) -> usize;

    /// All messages, encoded without compression and without a mask.
    fn joined(&self) -> &EncodedBatch;
}

impl Shared for Infallible {
    type Batch = Self;

    fn message(&self) -> &Message {
        match *self {}
    }

    fn encoded(&self, _: Encoding) -> Option<EncodedMessage> {
        match *self {}
    }

    fn is_ready(&self, _: Encoding) -> bool {
        match *self {}
    }
}

impl Batch<Self> for Infallible {
    fn join(_: Option<Self>, last: &Self) -> Self {
        *last
    }

    fn is(&self, _: &Self) -> bool {
        match *self {}
    }

    fn is_full(&self) -> bool {
        match *self {}
    }

    fn frames_len(&self) -> usize {
        match *self {}
    }

    fn joined(&self) -> &EncodedBatch {
        match *self {}
    }
}
