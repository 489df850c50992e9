//! Publications for a peer that does not keep up, which wait beside the output, and what is sent
//! after them.
//!
//! What is in the output is framed, and may be half written; publications that wait here can still
//! be left out. All of it moves into the output whenever that has been written out, in the order in
//! which it came.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Link, Offer, Out, SlowConsumerPolicy,
    lock::{Foreign, Spent},
    waiters::Ticket,
};
use crate::{CloseCode, ConnectionConfig, Outgoing, stats::Policy};

/// What a publication counts beside its payload, so that empty ones are bounded as well.
const OVERHEAD: usize = 32;

#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    /// Bytes of all of them.
    len: usize,
}

struct Waiting {
    /// Of a publication; other messages have none, and stay.
    topic: Option<u64>,
    message: Foreign<Outgoing<'static>>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.message.len() + OVERHEAD
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

/// A publication that waits for room.
pub(crate) struct Offering<'o> {
    link: &'o Arc<Link>,
    offer: &'o mut Offer,
    /// Once it waits.
    ticket: Option<Ticket>,
}

impl Future for Offering<'_> {
    type Output = Offered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Offered> {
        let Self { link, offer, ticket } = &mut *self;
        // Cloned before, as that may run code of the application.
        let waker = cx.waker().clone();
        let mut out = link.lock();
        let offered = link.offer_now(&mut out, offer);
        let spent = if offered == Offered::Full {
            out.waiting.get_or_insert_default().publications.wait(ticket, waker)
        } else {
            Some(waker)
        };
        if let Some(waker) = spent {
            out.spend(Spent::Waker(waker));
        }
        if offered == Offered::Full { Poll::Pending } else { Poll::Ready(offered) }
    }
}

impl Drop for Offering<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut out = self.link.lock();
        let waker = out.waiting.as_mut().and_then(|waiting| waiting.publications.leave(ticket));
        if let Some(waker) = waker {
            out.spend(Spent::Waker(waker));
        }
    }
}

impl Link {
    /// Queues a publication, or does as its policy says where there is no room. It is [`Full`]
    /// where that is to wait, if anybody does.
    ///
    /// [`Full`]: Offered::Full
    pub(crate) fn offer(self: &Arc<Self>, offer: &mut Offer, can_wait: bool) -> Offered {
        let mut offered = self.offer_now(&mut self.lock(), offer);
        if offered == Offered::Full && !(can_wait && offer.slow == SlowConsumerPolicy::Wait) {
            offered = self.offer_without_room(offer);
        }
        let left_out = matches!(offered, Offered::Dropped | Offered::Queued { dropped: 1.. });
        if left_out && tracing::enabled!(tracing::Level::DEBUG) {
            let policy = offer.slow;
            self.in_span(|| tracing::debug!(?policy, "a slow consumer misses something"));
        }
        offered
    }

    /// Does as the policy says where there is no room.
    #[cold]
    fn offer_without_room(self: &Arc<Self>, offer: &Offer) -> Offered {
        match offer.slow {
            SlowConsumerPolicy::Close(code) => self.close_slow(code),
            slow => {
                self.lock().note_dropped(slow, 1);
                Offered::Dropped
            }
        }
    }

    /// Waits for room for a publication that has found none.
    pub(crate) const fn offer_again<'o>(self: &'o Arc<Self>, offer: &'o mut Offer) -> Offering<'o> {
        Offering { link: self, offer, ticket: None }
    }

    /// Queues a publication, if there is room for it.
    #[inline]
    fn offer_now(&self, out: &mut Out, offer: &mut Offer) -> Offered {
        let max_len = self.config().max_queue_len;
        if out.check_open().is_err() {
            return Offered::Gone;
        }
        let dropped = out.make_room(offer, max_len);
        if dropped > 0 {
            out.note_dropped(offer.slow, dropped);
        }
        if out.queued_len() > max_len {
            return Offered::Full;
        }
        self.take_in(out, offer);
        Offered::Queued { dropped }
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

    /// Queues a publication that there is room for.
    fn take_in(&self, out: &mut Out, offer: &mut Offer) {
        if offer.may_join() && out.may_join(offer.message.message().len(), self.config()) {
            let (len, before) = (out.batch_len(), out.batch.take());
            let batch = out.batch.insert(offer.join(before));
            let message = offer.message.message();
            let wire_len = batch.len() - len;
            out.note_sent(message.kind(), message.len(), wire_len);
            return self.request_flush(out);
        }
        out.settle();
        let room = match offer.slow {
            // Nothing that is queued already can be taken back.
            SlowConsumerPolicy::KeepLatest => 0,
            _ => self.config().high_water_mark,
        };
        let mut message = offer.message.clone().into();
        if out.outbox_len() == 0 && !out.is_occupied() && out.output.len() <= room {
            let sent = self.send_next(out, &mut message);
            debug_assert!(sent.is_ok(), "it is open, and between messages");
        } else {
            let message = Foreign(message);
            out.extras().outbox.push(Waiting { topic: Some(offer.topic), message });
        }
    }

    /// Moves what waits into the output, as far as that has room. Whether that was anything.
    pub(super) fn refill(&self, out: &mut Out) -> bool {
        let mut moved = false;
        while !out.is_occupied()
            && !out.is_closing()
            && out.output.len() <= self.config().high_water_mark
            && let Some(mut next) = out.next_waiting()
        {
            moved |= self.send_next(out, &mut next).is_ok();
            out.spend(Spent::Message(next));
        }
        moved
    }

    /// Moves all that waits into the output, before a close frame.
    pub(super) fn empty_outbox(&self, out: &mut Out) {
        while !out.sender.is_fragmented()
            && let Some(mut next) = out.next_waiting()
        {
            let sent = self.send_next(out, &mut next);
            debug_assert!(sent.is_ok(), "it is open, and between messages");
            out.spend(Spent::Message(next));
        }
        out.drop_outbox();
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

    /// Takes out the publication that has waited longest.
    fn take_oldest(&mut self) -> Option<Foreign<Outgoing<'static>>> {
        let oldest = self.waiting.iter().position(|waiting| waiting.topic.is_some())?;
        let oldest = self.waiting.remove(oldest)?;
        self.len -= oldest.len();
        Some(oldest.message)
    }

    /// Takes out the publications that are meant.
    fn take(&mut self, is_meant: impl Fn(u64) -> bool) -> Vec<Foreign<Outgoing<'static>>> {
        let is_meant = |waiting: &Waiting| waiting.topic.is_some_and(&is_meant);
        if !self.waiting.iter().any(is_meant) {
            return Vec::new();
        }
        let (taken, kept): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(is_meant);
        self.len = kept.iter().map(Waiting::len).sum();
        self.waiting = kept.into();
        taken.into_iter().map(|waiting| waiting.message).collect()
    }
}

impl Out {
    /// Leaves out what the offer's policy lets it take the place of; returns how many that were.
    fn make_room(&mut self, offer: &Offer, max_len: usize) -> usize {
        let Some(extras) = &mut self.extras else { return 0 };
        let mut dropped = match offer.slow {
            SlowConsumerPolicy::KeepLatest => extras.outbox.take(|topic| topic == offer.topic),
            SlowConsumerPolicy::DropOldest => Vec::new(),
            _ => return 0,
        };
        while self.queued_len() > max_len
            && let Some(oldest) =
                self.extras.as_mut().and_then(|extras| extras.outbox.take_oldest())
        {
            dropped.push(oldest);
        }
        let count = dropped.len();
        if count > 0 {
            self.spend(Spent::Messages(dropped));
        }
        count
    }

    /// Counts publications that were left out.
    #[cold]
    fn note_dropped(&mut self, policy: impl Into<Policy>, count: usize) {
        self.extras().dropped += count as u64;
        self.due().dropped.push((policy.into(), count));
    }

    /// Leaves out the publications that wait: nobody will want them any more.
    pub(super) fn drop_publications(&mut self) {
        let Some(extras) = &mut self.extras else { return };
        let left_out = extras.outbox.take(|_| true);
        if !left_out.is_empty() {
            self.note_dropped(Policy::Closed, left_out.len());
            self.spend(Spent::Messages(left_out));
        }
    }

    /// Leaves out all that waits: it can no longer be sent.
    pub(super) fn drop_outbox(&mut self) {
        self.drop_publications();
        let Some(extras) = &mut self.extras else { return };
        let lost = mem::take(&mut extras.outbox).waiting;
        if !lost.is_empty() {
            let lost = lost.into_iter().map(|waiting| waiting.message).collect();
            self.spend(Spent::Messages(lost));
        }
    }

    /// Has a message wait behind publications that came before it.
    pub(super) fn queue_behind(&mut self, message: Outgoing<'static>) {
        let message = Foreign(message);
        self.extras().outbox.push(Waiting { topic: None, message });
    }

    /// Whether a publication of this length may wait to leave together with others.
    fn may_join(&self, len: usize, config: &ConnectionConfig) -> bool {
        let batch = self.batch.as_ref();
        self.outbox_len() == 0
            && !self.is_occupied()
            && !batch.is_some_and(|batch| batch.is_full())
            && self.output.len() + self.batch_len() <= config.high_water_mark
            && self.sender.takes_batches(len)
    }

    /// Puts publications into the output, which are to go before what comes now.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.batch.is_some() {
            self.settle_batch();
        }
    }

    #[cold]
    fn settle_batch(&mut self) {
        if let Some(batch) = self.batch.take() {
            let queued = self.sender.batch(batch.joined(), &mut self.output);
            debug_assert!(queued.is_ok(), "nothing goes before a batch");
        }
    }

    /// Bytes of the publications that are to go into the output.
    pub(super) fn batch_len(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.len())
    }

    fn next_waiting(&mut self) -> Option<Foreign<Outgoing<'static>>> {
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
