//! Reading in place of an application that does not.

use std::task::{Context, Poll};

use super::{MAX_MOVED_LEN, Phase, Reader, Want};
use crate::{State, error::EndReason, stats::PendingCounts, transport::ReadHalf};

/// There is room for any control frame in what is read at once.
const MIN_WATCHED_LEN: usize = 256;

impl Reader {
    /// Answers pings and the peer's close frame, and notices the end; data stays where it is, or is
    /// dropped if nobody wants it. The task behind `cx` is woken when there may be more.
    pub(crate) fn watch(&mut self, cx: &mut Context<'_>, discards: bool) {
        if discards {
            self.discard_incoming();
        }
        self.stopped = self.is_left_alone();
        if !self.stopped {
            self.watched = true;
            self.see_to_control(cx);
            self.watched = false;
        }
        if self.stopped && self.read.as_ref().is_some_and(ReadHalf::is_cut) {
            self.link.fail(EndReason::Disconnected);
        }
    }

    fn see_to_control(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(polled) = self.poll_event(cx, Want::Control) {
            match polled {
                Ok(true) => {}
                Ok(false) => return,
                Err(cause) => return self.keep(cause),
            }
        }
    }

    /// From now on, data is dropped as it comes.
    pub(crate) fn discard_incoming(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.end_burst();
            self.phase = Phase::Discarding;
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Discarding)
    }

    /// How much may be read at once, so that what cannot be received needs no pooled block.
    pub(super) const fn max_watched_len(&self) -> usize {
        let len = MAX_MOVED_LEN.saturating_sub(self.buffer.live_len());
        if len < MIN_WATCHED_LEN { MIN_WATCHED_LEN } else { len }
    }

    /// Stops in front of data.
    pub(super) fn stop<T>(&mut self) -> Poll<T> {
        self.stopped = true;
        self.end_burst();
        self.return_block();
        Poll::Pending
    }

    /// Receives until something else than data comes, or nothing.
    pub(super) fn poll_discarding(&mut self, cx: &mut Context<'_>, want: Want) -> Poll<()> {
        // Once we have closed, only so much of what comes is read.
        let closing = want == Want::Nothing || self.link.state() != State::Open;
        let want = if closing { Want::Nothing } else { Want::Chunks };
        while matches!(self.phase, Phase::Discarding) {
            self.phase = Phase::Open;
            let polled = self.poll_event(cx, want);
            if matches!(self.phase, Phase::Open) {
                self.phase = Phase::Discarding;
            }
            match polled {
                // Nobody has received it.
                Poll::Ready(Ok(true)) => self.burst.tally = PendingCounts::default(),
                Poll::Ready(Err(cause)) => self.keep(cause),
                Poll::Ready(Ok(false)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// The application answers pings itself, so whatever comes is for it.
    fn is_left_alone(&self) -> bool {
        matches!(self.phase, Phase::Open) && !self.link.config().auto_pong && !self.link.has_ended()
    }

    /// Has the application told of an error that nobody has seen.
    const fn keep(&mut self, cause: EndReason) {
        self.phase = Phase::Ended(Some(cause));
    }
}
