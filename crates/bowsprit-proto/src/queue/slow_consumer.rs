//! What becomes of a peer that does not keep up with publications.

use crate::CloseCode;

/// What becomes of a publication where a connection has no room for it: where more bytes than
/// [`QueueLimits::max_queue_len`](super::QueueLimits::max_queue_len) wait to be written.
///
/// Pings, pongs and close frames are not concerned: they always have room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowConsumerPolicy {
    /// Waits until there is room, or the connection ends. All of the publication waits, and the
    /// publisher with it.
    Wait,
    /// Leaves the new message out.
    DropNewest,
    /// Leaves out the oldest publications that have not begun to be written, until there is room.
    /// What was sent in other ways is not touched; where there is only that, the new one is left
    /// out.
    DropOldest,
    /// Keeps only the latest of the same topic, or of the server's broadcasts, whenever one has to
    /// wait for the peer: for states, of which only the newest is of interest.
    KeepLatest,
    /// Closes the connection with this code, behind what is queued. [`CloseCode::TRY_AGAIN_LATER`]
    /// and [`CloseCode::POLICY_VIOLATION`] are usual.
    Close(CloseCode),
}

impl Default for SlowConsumerPolicy {
    /// Closes with 1013, so that the client knows that it has missed something.
    fn default() -> Self {
        Self::Close(CloseCode::TRY_AGAIN_LATER)
    }
}
