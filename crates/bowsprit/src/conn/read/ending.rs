//! The end of a connection: our side of the transport, then, in the background, the peer's.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bowsprit_proto::{queue::WaitFor, timers::DiscardBudget};
use tokio::io::{AsyncRead, ReadBuf};

use super::{
    super::Link,
    Phase, Reader, Want,
    burst::{Burst, poll_yield},
};
use crate::{
    Role,
    error::EndReason,
    pool::Block,
    stats::{Direction, PendingCounts},
    transport::ReadHalf,
};

/// A connection that the application has dropped, on its way out.
struct Leaving(Box<Reader>);

impl Leaving {
    /// Reads on, and drops what comes, until all is written out and the peer has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reader = &mut *self.0;
        loop {
            match reader.poll_event(cx, Want::Nothing) {
                // Nobody has received it.
                Poll::Ready(Ok(true)) => reader.burst.tally = PendingCounts::default(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    // If the peer has closed, that is seen to there.
                    if !reader.is_open() {
                        return Poll::Pending;
                    }
                    let _failed = ready!(reader.link.poll_flush(WaitFor::Receiving, cx));
                    reader.phase = Phase::Ending(EndReason::Terminated);
                }
            }
        }
    }
}

impl Drop for Leaving {
    /// A runtime that ends leaves the rest.
    fn drop(&mut self) {
        if !matches!(self.0.phase, Phase::Ended(_)) {
            self.0.link.fail(EndReason::Terminated);
        }
    }
}

impl Reader {
    /// Delivers what was sent before the connection was dropped, and ends it.
    // No `async fn`: one that is never polled would drop the reader without ending the connection.
    pub(crate) fn leave(self: Box<Self>) -> impl Future<Output = ()> + Send {
        let mut leaving = Leaving(self);
        poll_fn(move |cx| leaving.poll(cx))
    }

    /// Ends our side of the transport, after the last frame.
    ///
    /// §7.1.1: "the underlying TCP connection, in most normal cases, SHOULD be closed first by the
    /// server, so that it holds the TIME_WAIT state and not the client".
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>, cause: EndReason) -> Poll<()> {
        self.discard();
        let finished = if self.role == Role::Server || cause != EndReason::Closed {
            self.link.poll_shutdown(cx)
        } else {
            // Whether the close frame got through shows in what the server does next.
            self.link.poll_flush(WaitFor::Receiving, cx).map(drop)
        };
        if finished.is_pending() {
            self.wait(cx);
        }
        finished
    }

    /// Leaves the end of the other side to a task in the background: the connection is over.
    pub(super) fn linger(&mut self, cause: EndReason) {
        self.end_burst();
        let Some(read) = self.read.take().filter(|_| !self.link.has_ended()) else {
            return self.end(cause);
        };
        let left = self.discarding().remaining_len();
        let linger = Linger { read: Some(read), link: Arc::clone(&self.link), left };
        self.link.begin_linger(cause);
        self.phase = Phase::Ended(Some(cause));
        self.link.spawn_linger(linger);
    }

    /// How much more is read of what nobody receives.
    pub(super) fn discarding(&mut self) -> &mut DiscardBudget {
        let discard = self.rates.discard(|| self.link.queued_len());
        let frame_rest_len = self.receiver.frame_rest_len();
        discard.allow_frame(frame_rest_len.min(self.link.config().limits.max_message_len));
        discard
    }
}

/// The end of a connection that is over: waits for that of the other side, and drops whatever comes
/// before it, for a socket that is closed with bytes unread takes back what it has sent. The link's
/// timer bounds it.
struct Linger {
    /// Taken when dropped.
    read: Option<ReadHalf>,
    link: Arc<Link>,
    /// How much more is read.
    left: u64,
}

impl Linger {
    /// Reads to the end of the transport and drops what it reads.
    fn poll_discard(&mut self, cx: &mut Context<'_>, block: &mut [u8]) -> Poll<()> {
        let mut discarded = Burst::default();
        while !discarded.is_over() {
            if self.link.has_ended() {
                return Poll::Ready(());
            }
            let Some(read) = &mut self.read else { return Poll::Ready(()) };
            let mut dropped = ReadBuf::new(block);
            let read = ready!(Pin::new(read).poll_read(cx, &mut dropped));
            let len = dropped.filled().len();
            self.link.counters().wire(Direction::Received, len);
            if read.is_err() || len == 0 || len as u64 > self.left {
                return Poll::Ready(());
            }
            self.left -= len as u64;
            discarded.add(len);
        }
        poll_yield(cx)
    }
}

impl Future for Linger {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Before reading: from then on it is woken when the connection is cut.
        self.link.set_reading_task(cx.waker());
        self.poll_discard(cx, &mut Block::to_read())
    }
}

impl Drop for Linger {
    /// Also when the runtime drops it. Whoever sees it leave sees no transport of it any more.
    fn drop(&mut self) {
        self.read = None;
        self.link.cut();
    }
}
