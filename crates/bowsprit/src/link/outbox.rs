//! Publications for a peer that does not keep up, which wait beside the output.
//!
//! What is in the output is framed, and may be half written; what waits here can still be left out.
//! It moves into the output whenever that has been written out.

use std::{collections::VecDeque, sync::Arc, task::Context};

use super::{Link, Out};
use crate::{
    CloseCode, Options, Prepared,
    hub::{Offer, SlowConsumer},
    stats::Policy,
};

/// What a publication counts beside its payload, so that empty ones are bounded as well.
const OVERHEAD: usize = 32;

#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    /// Bytes of all of them.
    len: usize,
}

struct Waiting {
    topic: u64,
    message: Prepared,
}

impl Waiting {
    fn len(&self) -> usize {
        self.message.message().len() + OVERHEAD
    }
}

/// What has become of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It was queued, in place of so many others.
    Queued { dropped: usize },
    /// It was left out.
    Dropped,
    /// There is no room; the task will be woken.
    Full,
    /// The connection is being closed because of it.
    Closed,
    /// The connection had been closed before.
    Gone,
}

impl Link {
    /// Queues a publication, or does as its policy says where there is no room. Without a context
    /// there is no waiting for room.
    pub(crate) fn offer(
        self: &Arc<Self>,
        offer: &mut Offer,
        cx: Option<&mut Context<'_>>,
    ) -> Offered {
        let offered = self.take_or_leave(offer, cx);
        let left_out = matches!(offered, Offered::Dropped | Offered::Queued { dropped: 1.. });
        if left_out && tracing::enabled!(tracing::Level::DEBUG) {
            let policy = offer.slow;
            self.in_span(|| tracing::debug!(?policy, "a slow consumer misses something"));
        }
        offered
    }

    fn take_or_leave(self: &Arc<Self>, offer: &mut Offer, cx: Option<&mut Context<'_>>) -> Offered {
        let max_len = self.options().max_queue_len;
        let mut out = self.lock();
        if out.check_open().is_err() {
            return Offered::Gone;
        }
        let dropped = out.make_room(offer, max_len);
        self.note_dropped(&mut out, offer.slow, dropped);
        if out.queued_len() <= max_len {
            self.take_in(&mut out, offer);
            return Offered::Queued { dropped };
        }
        match (offer.slow, cx) {
            (SlowConsumer::Wait, Some(cx)) => {
                out.wait(cx);
                Offered::Full
            }
            (SlowConsumer::Close(code), _) => {
                drop(out);
                self.close_slow(code)
            }
            _ => {
                self.note_dropped(&mut out, offer.slow, 1);
                Offered::Dropped
            }
        }
    }

    /// Closes the connection because a publication found no room.
    fn close_slow(self: &Arc<Self>, code: CloseCode) -> Offered {
        if self.close(&code.into()).is_err() {
            return Offered::Gone;
        }
        self.counters().slow_close();
        self.in_span(|| tracing::debug!(%code, "a slow consumer is closed"));
        Offered::Closed
    }

    fn note_dropped(&self, out: &mut Out, slow: SlowConsumer, count: usize) {
        if count > 0 {
            out.extras().dropped += count as u64;
            self.counters().dropped(slow.into(), count);
        }
    }

    /// Queues a publication that there is room for.
    fn take_in(self: &Arc<Self>, out: &mut Out, offer: &mut Offer) {
        if offer.may_join() && out.may_join(offer.message.message().len(), self.options()) {
            let (len, before) = (out.batch_len(), out.batch.take());
            let batch = out.batch.insert(offer.join(before));
            let message = offer.message.message();
            let wire_len = batch.len() - len;
            out.note_sent(message.kind(), message.len(), wire_len);
            return self.request_flush();
        }
        out.settle();
        let room = match offer.slow {
            // Nothing that is queued already can be taken back.
            SlowConsumer::KeepLatest => 0,
            _ => self.options().high_water_len,
        };
        let message = offer.message.clone();
        if out.outbox_len() == 0 && !out.is_occupied() && out.output.len() <= room {
            let sent = self.send(out, message.into());
            debug_assert!(sent.is_ok(), "it is open, and between messages");
        } else {
            out.extras().outbox.push(Waiting { topic: offer.topic, message });
        }
    }

    /// Moves what waits into the output, as far as that has room. Whether that was anything.
    pub(super) fn refill(self: &Arc<Self>, out: &mut Out) -> bool {
        let mut moved = false;
        while !out.is_occupied()
            && !out.is_closing()
            && out.output.len() <= self.options().high_water_len
            && let Some(next) = out.next_waiting()
        {
            moved |= self.send(out, next.into()).is_ok();
        }
        moved
    }

    /// Moves all that waits into the output, before a close frame.
    pub(super) fn empty_outbox(self: &Arc<Self>, out: &mut Out) {
        while !out.sender.is_fragmented()
            && let Some(next) = out.next_waiting()
        {
            let sent = self.send(out, next.into());
            debug_assert!(sent.is_ok(), "it is open, and between messages");
        }
        self.drop_outbox(out);
    }

    /// Leaves out all that waits: it can no longer be sent.
    pub(super) fn drop_outbox(&self, out: &mut Out) {
        let Some(extras) = &mut out.extras else { return };
        let left_out = std::mem::take(&mut extras.outbox).waiting.len();
        extras.dropped += left_out as u64;
        self.counters().dropped(Policy::Closed, left_out);
    }
}

impl From<SlowConsumer> for Policy {
    fn from(slow: SlowConsumer) -> Self {
        match slow {
            SlowConsumer::Wait => Self::Wait,
            SlowConsumer::DropNewest => Self::DropNewest,
            SlowConsumer::DropOldest => Self::DropOldest,
            SlowConsumer::KeepLatest => Self::KeepLatest,
            SlowConsumer::Close(_) => Self::Closed,
        }
    }
}

impl Outbox {
    fn push(&mut self, waiting: Waiting) {
        self.len += waiting.len();
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let first = self.waiting.pop_front()?;
        self.len -= first.len();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(first)
    }

    /// Leaves out what is of this topic; returns how many that were.
    fn drop_topic(&mut self, topic: u64) -> usize {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.topic != topic);
        self.len = self.waiting.iter().map(Waiting::len).sum();
        before - self.waiting.len()
    }
}

impl Out {
    /// Leaves out what the offer's policy lets it take the place of; returns how many that were.
    fn make_room(&mut self, offer: &Offer, max_len: usize) -> usize {
        let Some(extras) = &mut self.extras else { return 0 };
        let mut dropped = match offer.slow {
            SlowConsumer::KeepLatest => extras.outbox.drop_topic(offer.topic),
            SlowConsumer::DropOldest => 0,
            _ => return 0,
        };
        while self.queued_len() > max_len && self.next_waiting().is_some() {
            dropped += 1;
        }
        dropped
    }

    /// Whether a publication of this length may wait to leave together with others.
    fn may_join(&self, len: usize, options: &Options) -> bool {
        let batch = self.batch.as_ref();
        self.outbox_len() == 0
            && !self.is_occupied()
            && !batch.is_some_and(|batch| batch.is_full())
            && self.output.len() + self.batch_len() <= options.high_water_len
            && self.sender.takes_batches(len)
    }

    /// Puts publications into the output, which are to go before what comes now.
    pub(super) fn settle(&mut self) {
        if let Some(batch) = self.batch.take() {
            let queued = self.sender.batch(batch.joined(), &mut self.output);
            debug_assert!(queued.is_ok(), "nothing goes before a batch");
        }
    }

    /// Bytes of the publications that are to go into the output.
    pub(super) fn batch_len(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.len())
    }

    fn next_waiting(&mut self) -> Option<Prepared> {
        Some(self.extras.as_mut()?.outbox.pop()?.message)
    }

    /// Bytes that wait beside the output.
    pub(super) fn outbox_len(&self) -> usize {
        self.extras.as_ref().map_or(0, |extras| extras.outbox.len)
    }

    /// Whether another message is under way, in fragments or on its way to a compressor.
    fn is_occupied(&self) -> bool {
        self.deferred().is_some() || self.sender.is_fragmented()
    }
}
