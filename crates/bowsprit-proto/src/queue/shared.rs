//! Messages that many connections share.

use core::{convert::Infallible, fmt};

use crate::{EncodedBatch, EncodedMessage, Encoding, Message};

/// A message that is encoded once for many connections. Cloning it is cheap.
///
/// It is a trait because what is encoded once has to be kept behind a lock or a cell, which is the
/// driver's. A driver that publishes nothing takes [`Infallible`].
pub trait Shared: Clone + fmt::Debug {
    /// Several of them that leave together.
    type Batch: Batch<Self>;

    /// The message.
    fn message(&self) -> &Message;

    /// The message encoded for connections of this kind, if they can share it; compressed now if it
    /// has not been before. `None` for [`Encoding::Own`].
    fn encoded(&self, encoding: Encoding) -> Option<EncodedMessage>;

    /// Whether [`encoded`](Self::encoded) has nothing left to compress.
    fn is_ready(&self, encoding: Encoding) -> bool;
}

/// Publications that leave together, what a connection has been offered since it was written out
/// last.
///
/// Connections that have been offered the same share it, and with it the bytes to write: of a
/// thousand messages to a thousand connections each costs a connection the exchange of a pointer.
pub trait Batch<P>: Clone + fmt::Debug {
    /// The messages of `before`, and one more.
    fn join(before: Option<Self>, last: &P) -> Self;

    /// Whether this is the very same batch.
    fn is(&self, other: &Self) -> bool;

    /// Whether no more join it.
    fn is_full(&self) -> bool;

    /// Bytes of all frames.
    fn frames_len(&self) -> usize;

    /// All of them, as they are written: uncompressed, and without a mask.
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
