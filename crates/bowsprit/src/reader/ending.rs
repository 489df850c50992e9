//! The end of a connection: our side of the transport, then the peer's.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use super::{
    Phase, Reader, Want,
    burst::{Burst, poll_yield},
};
use crate::{
    Role,
    error::Cause,
    pool,
    stats::{Direction, Tally},
};

/// A connection that the application has dropped, on its way out.
struct Leaving(Box<Reader>);

impl Leaving {
    /// Reads on, and drops what comes, until all is written out and the peer has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reader = &mut *self.0;
        loop {
            match reader.poll_event(cx, Want::Chunks) {
                // Nobody has received it.
                Poll::Ready(Ok(true)) => reader.burst.tally = Tally::default(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    // If the peer has closed, that is seen to there.
                    if !matches!(reader.phase, Phase::Open) {
                        return Poll::Pending;
                    }
                    let _failed = ready!(reader.link.poll_flush(cx));
                    reader.phase = Phase::Ending(Cause::Terminated);
                }
            }
        }
    }
}

impl Drop for Leaving {
    /// A runtime that ends leaves the rest.
    fn drop(&mut self) {
        self.0.link.fail(Cause::Terminated);
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
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>, cause: Cause) -> Poll<()> {
        self.discard();
        let finished = if self.role == Role::Server || cause != Cause::Closed {
            self.link.poll_shutdown(cx)
        } else {
            // Whether the close frame got through shows in what the server does next.
            self.link.poll_flush(cx).map(drop)
        };
        if finished.is_pending() {
            self.wait(cx);
        }
        finished
    }

    /// Waits for the end of the other side, and drops whatever comes before it: a socket that is
    /// closed with bytes unread takes back what it has sent. The link's linger timer bounds this.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut block = pool::take_read_block();
        let ended = self.poll_discard(cx, &mut block);
        pool::give_read_block(block);
        if ended.is_pending() {
            self.wait(cx);
        }
        ended
    }

    /// Reads to the end of the transport and drops what it reads.
    fn poll_discard(&mut self, cx: &mut Context<'_>, block: &mut [u8]) -> Poll<()> {
        let Some(read) = self.read.as_mut().filter(|_| !self.link.has_ended()) else {
            return Poll::Ready(());
        };
        let mut discarded = Burst::default();
        while !discarded.is_over() {
            let mut dropped = ReadBuf::new(block);
            let read = ready!(Pin::new(&mut *read).poll_read(cx, &mut dropped));
            if read.is_err() || dropped.filled().is_empty() {
                return Poll::Ready(());
            }
            let len = dropped.filled().len();
            self.link.counters().wire(Direction::Received, len);
            discarded.add(len);
        }
        poll_yield(cx)
    }
}
