//! Putting messages into a link's queue, and recording what became of them.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bowsprit_proto::queue::{Origin, Outcome, Pushed, Report, Sent, WaitFor};
use tracing::level_filters::LevelFilter;

use super::{
    Link, Out,
    lock::{Foreign, Spent},
};
use crate::{
    ConnectionConfig, Fragment, Message, Outgoing, PreparedMessage, SendError,
    error::{EndReason, QueueError},
    stats::Policy,
};

impl Link {
    /// Queues a message now, if nothing unusual goes on, as is nearly always. Pending if there
    /// does.
    pub(super) fn send_if_free(
        self: &Arc<Self>,
        message: &mut Outgoing<'_>,
        origin: Origin,
    ) -> Poll<Result<(), QueueError>> {
        let mut out = self.lock();
        if !out.is_free(self.config().queue().room(origin)) {
            return Poll::Pending;
        }
        Poll::Ready(self.push(&mut out, message))
    }

    /// Accepts a message behind all that was accepted before. What stays of it is not to be dropped
    /// under the lock.
    #[inline(always)]
    pub(super) fn push(&self, out: &mut Out, message: &mut Outgoing<'_>) -> Result<(), QueueError> {
        match out.queue.push(message, &self.resources()) {
            Ok(Pushed::Sent(sent)) => out.record_sent(sent),
            Ok(Pushed::Waiting) => out.collect(Policy::Closed),
            Err(error) => return Err(error.into()),
        }
        self.request_flush(out);
        Ok(())
    }

    /// Queues a message now.
    ///
    /// # Errors
    ///
    /// [`QueueError::QueueFull`] where there is no room, or others wait for it.
    pub(crate) fn try_send(
        self: &Arc<Self>,
        mut message: Outgoing<'_>,
        origin: Origin,
    ) -> Result<(), QueueError> {
        // Given back before the message is dropped.
        let mut out = self.lock();
        let limits = self.config().queue();
        if !out.is_free(limits.room(origin)) {
            out.check_open()?;
            if !out.has_turn(None, origin) || !out.queue.has_room(origin, &limits) {
                return Err(QueueError::QueueFull);
            }
        }
        self.push(&mut out, &mut message)
    }

    /// Queues a message, however much is queued already.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn start_send(self: &Arc<Self>, message: Message) -> Result<(), QueueError> {
        let mut message = message.into();
        let mut out = self.lock();
        out.check_open()?;
        self.push(&mut out, &mut message)
    }

    /// Queues a fragment as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended, or the fragment may not be sent.
    pub(crate) fn poll_fragment(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        fragment: Fragment<'_>,
    ) -> Poll<Result<(), QueueError>> {
        self.poll_or_wait(WaitFor::Sending, &mut None, cx, |out, _| {
            out.check_open()?;
            if !out.queue.accepts_fragment(&self.config().queue()) {
                return Poll::Pending;
            }
            out.queue.fragment(fragment, &self.resources())?;
            out.tally.note(fragment.kind, fragment.payload.len(), fragment.fin);
            if fragment.fin {
                // Others may wait for the end of the message.
                out.wake_for_progress(self.config());
            }
            self.request_flush(out);
            Poll::Ready(Ok(()))
        })
    }

    /// Waits until a message may be queued.
    pub(crate) fn poll_ready(self: &Arc<Self>, cx: &Context<'_>) -> Poll<Result<(), QueueError>> {
        self.poll_or_wait(WaitFor::Sending, &mut None, cx, |out, _| {
            out.poll_room(Origin::Owner, self.config())
        })
    }
}

impl Out {
    pub(super) fn check_open(&self) -> Result<(), QueueError> {
        match self.over {
            Some(cause) => Err(QueueError::Ended(cause)),
            None if self.queue.is_closing() => Err(SendError::Closed.into()),
            None if self.is_leaving() => Err(QueueError::Ended(EndReason::Terminated)),
            None => Ok(()),
        }
    }

    /// Whether a message may be queued and nothing unusual goes on, as is nearly always. The queue
    /// of a connection that has ended takes nothing.
    #[inline]
    fn is_free(&self, room: usize) -> bool {
        self.cold_state.is_none() && self.waiting.is_none() && self.queue.is_free(room)
    }

    /// Whether a message may be queued; pending if it has to wait.
    pub(super) fn poll_room(
        &self,
        origin: Origin,
        config: &ConnectionConfig,
    ) -> Poll<Result<(), QueueError>> {
        self.check_open()?;
        if self.queue.has_room(origin, &config.queue()) {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    /// Counts a message, and tells those who want to know of every one.
    #[inline(always)]
    pub(super) fn record_sent(&mut self, sent: Sent) {
        self.tally.note(sent.kind, sent.len, true);
        if LevelFilter::TRACE <= LevelFilter::current() {
            self.tell_sent(sent);
        }
    }

    /// Not from here: who listens may send.
    #[cold]
    fn tell_sent(&mut self, sent: Sent) {
        self.due().sent.push((sent.len, sent.wire_len));
    }

    /// Counts messages that have waited in the queue and wait no longer, and has the next of them
    /// compressed. `policy` is why publications were left out, if any were.
    pub(super) fn collect(&mut self, policy: impl Into<Policy>) {
        if let Some(report) = self.queue.take_report() {
            self.record_report(report, policy.into());
        }
    }

    #[cold]
    fn record_report(&mut self, report: Report<PreparedMessage>, policy: Policy) {
        let mut dropped = 0;
        for settled in &report.settled {
            let (kind, len) = (settled.message.kind(), settled.message.len());
            match settled.outcome {
                Outcome::Sent { wire_len } => self.record_sent(Sent { kind, len, wire_len }),
                Outcome::Dropped => dropped += 1,
                Outcome::Lost => {}
            }
        }
        if dropped > 0 {
            self.record_dropped(policy, dropped);
        }
        self.due().compress |= report.job_is_due;
        self.spend(Spent::Messages(Foreign(report.settled)));
    }

    /// Counts publications that were left out.
    pub(super) fn record_dropped(&mut self, policy: Policy, count: usize) {
        self.cold_state().dropped += count as u64;
        self.due().dropped.push((policy, count));
    }
}
