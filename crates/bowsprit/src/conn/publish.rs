//! Publications: what the queue makes of them, and waiting for room.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bowsprit_proto::queue::{Offered, Ticket};

use super::{Link, Out, lock::Spent};
use crate::{SlowConsumerPolicy, prepared::Offer, stats::Side};

/// A publication that waits for room.
pub(crate) struct Publishing<'o> {
    link: &'o Arc<Link>,
    offer: &'o mut Offer,
    /// Once it waits.
    ticket: Option<Ticket>,
}

impl Link {
    /// Queues a publication, or does as its policy says where there is no room. It is [`Full`]
    /// where that is to wait, if anybody does.
    ///
    /// [`Full`]: Offered::Full
    pub(crate) fn publish(self: &Arc<Self>, offer: &mut Offer, can_wait: bool) -> Offered {
        let offered = self.publish_locked(&mut self.lock(), offer, can_wait);
        if offered != (Offered::Queued { dropped: 0 }) {
            self.tell_published(offer.policy, offered);
        }
        offered
    }

    /// Waits for room for a publication that has found none.
    pub(crate) const fn publish_later<'o>(
        self: &'o Arc<Self>,
        offer: &'o mut Offer,
    ) -> Publishing<'o> {
        Publishing { link: self, offer, ticket: None }
    }

    #[inline]
    fn publish_locked(&self, out: &mut Out, offer: &mut Offer, can_wait: bool) -> Offered {
        if out.check_open().is_err() {
            return Offered::Gone;
        }
        let (offered, sent) = out.queue.publish(offer, can_wait, &self.resources());
        if let Some(sent) = sent {
            out.record_sent(sent);
            self.request_flush(out);
        }
        if sent.is_none() || offered != (Offered::Queued { dropped: 0 }) {
            self.record_published(out, offer.policy, offered);
        }
        offered
    }

    #[cold]
    fn record_published(&self, out: &mut Out, policy: SlowConsumerPolicy, offered: Offered) {
        out.collect(policy);
        match (offered, policy) {
            (Offered::Dropped, _) => out.record_dropped(policy.into(), 1),
            (Offered::Closed, SlowConsumerPolicy::Close(code)) => {
                out.on_close(Side::Us, code, self.config());
                out.wake_waiting();
                self.request_flush(out);
            }
            _ => {}
        }
    }

    /// Tells of a slow consumer. Not under the lock: who listens may send.
    #[cold]
    fn tell_published(&self, policy: SlowConsumerPolicy, offered: Offered) {
        match (offered, policy) {
            (Offered::Closed, SlowConsumerPolicy::Close(code)) => {
                self.counters().slow_close();
                self.in_span(|| tracing::debug!(%code, "a slow consumer is closed"));
            }
            (Offered::Dropped | Offered::Queued { .. }, _)
                if tracing::enabled!(tracing::Level::DEBUG) =>
            {
                self.in_span(|| tracing::debug!(?policy, "a slow consumer misses something"));
            }
            _ => {}
        }
    }
}

impl Future for Publishing<'_> {
    type Output = Offered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Offered> {
        let Self { link, offer, ticket } = &mut *self;
        // Cloned before, as that may run code of the application.
        let waker = cx.waker().clone();
        let mut out = link.lock();
        let offered = link.publish_locked(&mut out, offer, true);
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

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut out = self.link.lock();
        let waker = out.waiting.as_mut().and_then(|waiting| waiting.publications.leave(ticket));
        if let Some(waker) = waker {
            out.spend(Spent::Waker(waker));
        }
    }
}
