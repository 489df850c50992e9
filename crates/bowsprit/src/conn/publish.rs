//! Publications: what the queue makes of them, and waiting for room.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::Poll,
};

use bowsprit_proto::queue::{Offered, WaitFor};

use super::{Link, Out, wait::Place};
use crate::{SlowConsumerPolicy, prepared::Offer, stats::Side};

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
    pub(crate) fn publish_later(
        self: &Arc<Self>,
        offer: &mut Offer,
    ) -> impl Future<Output = Offered> {
        let mut place = Place::new(self, WaitFor::Publication);
        poll_fn(move |cx| {
            place.poll(cx, |out, _| match self.publish_locked(out, offer, true) {
                Offered::Full => Poll::Pending,
                offered => Poll::Ready(offered),
            })
        })
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
