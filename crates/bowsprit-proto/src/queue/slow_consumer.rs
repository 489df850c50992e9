//! What becomes of a peer that does not keep up with publications.

use super::{Offer, Offered, Resources, SendQueue, Shared};
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

impl<P: Shared> SendQueue<P> {
    #[cold]
    pub(super) fn publish_without_room(
        &mut self,
        policy: SlowConsumerPolicy,
        can_wait: bool,
        resources: &impl Resources,
    ) -> Offered {
        match policy {
            SlowConsumerPolicy::Wait if can_wait => Offered::Full,
            SlowConsumerPolicy::Close(code) => match self.close(&code.into(), resources) {
                Ok(()) => Offered::Closed,
                // A code that may not be sent closes nothing.
                Err(_) => Offered::Gone,
            },
            _ => Offered::Dropped,
        }
    }

    /// Leaves out what the offer's policy lets it take the place of; returns how many that were.
    pub(super) fn make_room(&mut self, offer: &Offer<P>, max_len: usize) -> usize {
        let mut dropped = match offer.policy {
            SlowConsumerPolicy::KeepLatest => self.drop_publications(|topic| topic == offer.topic),
            SlowConsumerPolicy::DropOldest => 0,
            _ => return 0,
        };
        while self.len() > max_len && self.drop_oldest() {
            dropped += 1;
        }
        dropped
    }
}
