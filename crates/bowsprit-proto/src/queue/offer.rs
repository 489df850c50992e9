//! Publications, and how each connection's queue accepts them.

use super::{Batch, Outcome, Outgoing, Resources, SendQueue, Sent, Shared, SlowConsumerPolicy};

/// Longer messages are not copied into a batch.
const MAX_JOINED_LEN: usize = 4096;

/// A publication that is offered to many queues in turn.
#[derive(Clone, Debug)]
pub struct Offer<P: Shared> {
    message: P,
    pub(super) topic: u64,
    /// What happens if a queue is full.
    pub policy: SlowConsumerPolicy,
    step: Option<Step<P::Batch>>,
}

/// The batch that this publication made for the previous connection, because the next one most
/// likely needs the same.
#[derive(Clone, Debug)]
struct Step<B> {
    before: Option<B>,
    after: B,
}

/// The result of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever publishes has to count all of them")]
pub enum Offered {
    /// It was accepted. The publications dropped for it are in the [report](super::Report).
    Queued {
        /// How many publications were dropped for it.
        dropped: usize,
    },
    /// It was dropped.
    Dropped,
    /// The queue is full: offer it again when something has been written.
    Full,
    /// The connection is being closed because of it.
    Closed,
    /// A close frame had already been sent or received.
    Gone,
}

impl<P: Shared> Offer<P> {
    /// Creates a publication to the topic with this number; 0 means no topic.
    #[must_use]
    pub const fn new(message: P, topic: u64, policy: SlowConsumerPolicy) -> Self {
        Self { message, topic, policy, step: None }
    }

    /// The message that is published.
    #[must_use]
    pub const fn message(&self) -> &P {
        &self.message
    }

    fn len(&self) -> usize {
        self.message.message().len()
    }

    /// Whether the message may join a batch.
    fn may_join(&self) -> bool {
        // A publication with `KeepLatest` must remain droppable, so it must not join a batch.
        self.policy != SlowConsumerPolicy::KeepLatest && self.len() <= MAX_JOINED_LEN
    }

    /// The batch that consists of `before` and this message.
    fn join(&mut self, before: Option<P::Batch>) -> P::Batch {
        if let Some(step) = &self.step
            && step.begins_with(before.as_ref())
        {
            return step.after.clone();
        }
        let after = P::Batch::join(before.clone(), &self.message);
        self.step = Some(Step { before, after: after.clone() });
        after
    }
}

impl<B> Step<B> {
    fn begins_with<P>(&self, before: Option<&B>) -> bool
    where
        B: Batch<P>,
    {
        match (&self.before, before) {
            (None, None) => true,
            (Some(known), Some(before)) => known.is(before),
            _ => false,
        }
    }
}

/// Publications.
impl<P: Shared> SendQueue<P> {
    /// Queues a publication, or applies its policy if the queue is full. Returns
    /// [`Full`](Offered::Full) only if the policy is to wait and the caller `can_wait`.
    ///
    /// Publications that it replaces, or that a close frame discards, are in the report. If the
    /// publication waits only to be written, it is returned as sent; otherwise it will be in a
    /// later report.
    #[inline]
    pub fn publish(
        &mut self,
        offer: &mut Offer<P>,
        can_wait: bool,
        resources: &impl Resources,
    ) -> (Offered, Option<Sent>) {
        let limits = resources.limits();
        let max_len = limits.high_water_mark.min(limits.max_queue_len);
        // The usual case.
        if self.backlog.is_none()
            && self.sender.may_begin()
            && offer.may_join()
            && self.may_join(offer.len(), max_len)
        {
            return (Offered::Queued { dropped: 0 }, Some(self.join(offer)));
        }
        self.publish_alone(offer, can_wait, resources)
    }

    fn publish_alone(
        &mut self,
        offer: &Offer<P>,
        can_wait: bool,
        resources: &impl Resources,
    ) -> (Offered, Option<Sent>) {
        if self.is_closing() {
            return (Offered::Gone, None);
        }
        let max_len = resources.limits().max_queue_len;
        let (dropped, has_room) = self.make_room(offer, max_len);
        if !has_room {
            return (self.publish_without_room(offer.policy, can_wait, resources), None);
        }
        (Offered::Queued { dropped }, self.enqueue(offer, resources))
    }

    fn join(&mut self, offer: &mut Offer<P>) -> Sent {
        let (len_before, before) = (self.batch_len(), self.batch.take());
        let batch = self.batch.insert(offer.join(before));
        let wire_len = batch.frames_len() - len_before;
        let message = offer.message.message();
        Sent { kind: message.kind(), len: message.len(), wire_len }
    }

    /// Queues a publication for which there is room.
    fn enqueue(&mut self, offer: &Offer<P>, resources: &impl Resources) -> Option<Sent> {
        let room = match offer.policy {
            // A message in the output can no longer be dropped.
            SlowConsumerPolicy::KeepLatest => 0,
            _ => resources.limits().high_water_mark,
        };
        let mut message = Outgoing::Prepared(offer.message.clone());
        if self.outbox_len() == 0 && !self.is_occupied() && self.output_len() <= room {
            return match self.send(&mut message, resources) {
                Ok(pushed) => pushed.sent(),
                // It was encoded for other connections: its `Shared` is wrong.
                Err(_) => {
                    self.backlog().settle(message, Outcome::Lost);
                    None
                }
            };
        }
        self.backlog().outbox.push(Some(offer.topic), message);
        None
    }

    /// Whether a publication of this length may be added to the batch.
    #[inline]
    fn may_join(&self, len: usize, max_len: usize) -> bool {
        let (is_full, batch_len) = match &self.batch {
            Some(batch) => (batch.is_full(), batch.frames_len()),
            None => (false, 0),
        };
        !is_full && self.output.len() + batch_len <= max_len && self.sender.takes_batches(len)
    }
}
