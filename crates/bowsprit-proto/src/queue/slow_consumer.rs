//! How peers that do not keep up with publications are handled.

use super::{Offer, Offered, Resources, SendQueue, Shared};
use crate::CloseCode;

/// What to do with a publication if the queue of a connection is full: if more bytes than
/// [`QueueLimits::max_queue_len`](super::QueueLimits::max_queue_len) wait to be written.
///
/// It does not apply to pings, pongs and close frames, which always have room.
///
/// ```
/// use bowsprit_proto::{CloseCode, queue::SlowConsumerPolicy};
///
/// let strict = SlowConsumerPolicy::default();
/// assert_eq!(strict, SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlowConsumerPolicy {
    /// Waits until there is room, or the connection ends. The publication is complete only then,
    /// and the publisher waits for it.
    Wait,
    /// Drops the new message.
    DropNewest,
    /// Drops the oldest publications that have not begun to be written, until there is room.
    /// Messages that were not published are never dropped; if they alone fill the queue, the new
    /// publication is dropped.
    DropOldest,
    /// Whenever a publication has to wait for the peer, keeps only the latest of the same topic, or
    /// of the server's broadcasts. For state updates, of which only the newest matters.
    KeepLatest,
    /// Closes the connection with this code, behind what is queued. The usual codes are
    /// [`CloseCode::TRY_AGAIN_LATER`] and [`CloseCode::POLICY_VIOLATION`].
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
                // With a code that must not be sent, the connection stays open.
                Err(_) => Offered::Gone,
            },
            _ => Offered::Dropped,
        }
    }

    /// Drops the publications that the offer's policy lets it replace. Returns how many there were,
    /// and whether the offer can be queued now.
    pub(super) fn make_room(&mut self, offer: &Offer<P>, max_len: usize) -> (usize, bool) {
        let replaced = match offer.policy {
            SlowConsumerPolicy::KeepLatest => self.drop_publications(|topic| topic == offer.topic),
            SlowConsumerPolicy::DropOldest if self.len() - self.publications_len() <= max_len => 0,
            _ => return (0, self.len() <= max_len),
        };
        let mut dropped = replaced;
        while self.len() > max_len && self.drop_oldest() {
            dropped += 1;
        }
        // The place of an earlier one is free, whatever else has taken the room meanwhile: of a
        // topic with a latest message one must arrive.
        (dropped, replaced > 0 || self.len() <= max_len)
    }
}
