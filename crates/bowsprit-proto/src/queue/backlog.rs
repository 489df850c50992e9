//! What waits outside of the output. Few connections have a backlog.
//!
//! Messages in the output are framed and may be half written; publications that wait here can still
//! be dropped. The backlog moves into the output, in order of arrival, whenever the output has been
//! written out.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::mem;

use super::{Outgoing, Pushed, Resources, SendQueue, Shared};
use crate::Close;

/// What a message that waits here counts beside its payload, so that empty ones are bounded too.
const OVERHEAD: usize = 32;

#[derive(Debug)]
pub(super) struct Backlog<P> {
    /// Publications for a peer that does not keep up, and messages sent after them.
    pub(super) outbox: Outbox<P>,
    /// A message that is compressed on another thread, and the messages that wait for it.
    pub(super) deferred: Deferred<P>,
    /// Our close frame, if it waits for deferred messages.
    pub(super) late_close: Option<Close<'static>>,
    /// The peer's close code and reason, once received.
    pub(super) peer_close: Option<Close<'static>>,
    pub(super) report: Report<P>,
}

/// What has happened in a queue beyond what its methods return.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<P> {
    /// Messages that had to wait and no longer do, in order.
    pub settled: Vec<Settled<P>>,
    /// The first deferred message is not being compressed yet. Have another thread call
    /// [`begin_job`](SendQueue::begin_job).
    pub job_is_due: bool,
}

/// A message that had to wait. Dropping it may run code of the owner of its bytes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Settled<P> {
    /// The message.
    pub message: Outgoing<'static, P>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a message that had to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever sends has to count all of them")]
pub enum Outcome {
    /// It is in the output.
    Sent {
        /// As in [`Sent`](super::Sent).
        wire_len: usize,
    },
    /// A publication that was dropped.
    Dropped,
    /// It can no longer be sent.
    Lost,
}

#[derive(Debug)]
pub(super) struct Outbox<P> {
    waiting: VecDeque<Waiting<P>>,
    /// Total length in bytes.
    len: usize,
    /// The part of it that can be dropped.
    publications_len: usize,
}

#[derive(Debug)]
struct Waiting<P> {
    /// The topic of a publication. Other messages have none, and no policy drops them.
    topic: Option<u64>,
    message: Outgoing<'static, P>,
}

#[derive(Debug)]
pub(super) struct Deferred<P> {
    messages: VecDeque<Outgoing<'static, P>>,
    /// Total length in bytes.
    len: usize,
}

impl<P> Backlog<P> {
    const fn new() -> Self {
        Self {
            outbox: Outbox { waiting: VecDeque::new(), len: 0, publications_len: 0 },
            deferred: Deferred { messages: VecDeque::new(), len: 0 },
            late_close: None,
            peer_close: None,
            report: Report { settled: Vec::new(), job_is_due: false },
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.outbox.len + self.deferred.len
    }

    fn is_empty(&self) -> bool {
        self.outbox.waiting.is_empty()
            && self.deferred.is_empty()
            && self.late_close.is_none()
            && self.peer_close.is_none()
            && self.report.is_empty()
    }

    pub(super) fn settle(&mut self, message: Outgoing<'static, P>, outcome: Outcome) {
        self.report.settled.push(Settled { message, outcome });
    }
}

impl<P> Report<P> {
    fn is_empty(&self) -> bool {
        self.settled.is_empty() && !self.job_is_due
    }
}

impl<P: Shared> Waiting<P> {
    fn len(&self) -> usize {
        self.message.len() + OVERHEAD
    }
}

impl<P: Shared> Outbox<P> {
    pub(super) fn push(&mut self, topic: Option<u64>, message: Outgoing<'static, P>) {
        let last = Waiting { topic, message };
        self.len += last.len();
        self.publications_len += topic.map_or(0, |_| last.len());
        self.waiting.push_back(last);
    }

    fn pop(&mut self) -> Option<Waiting<P>> {
        self.remove(0)
    }

    /// Removes the oldest publication.
    fn take_oldest(&mut self) -> Option<Waiting<P>> {
        self.remove(self.waiting.iter().position(|waiting| waiting.topic.is_some())?)
    }

    fn remove(&mut self, index: usize) -> Option<Waiting<P>> {
        let removed = self.waiting.remove(index)?;
        self.len -= removed.len();
        self.publications_len -= removed.topic.map_or(0, |_| removed.len());
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(removed)
    }

    /// Removes the publications to these topics.
    fn take(&mut self, is_meant: impl Fn(u64) -> bool) -> VecDeque<Waiting<P>> {
        let is_meant = |waiting: &Waiting<P>| waiting.topic.is_some_and(&is_meant);
        if !self.waiting.iter().any(is_meant) {
            return VecDeque::new();
        }
        let (taken, kept): (VecDeque<_>, VecDeque<_>) = self.waiting.drain(..).partition(is_meant);
        let taken_len: usize = taken.iter().map(Waiting::len).sum();
        self.len -= taken_len;
        self.publications_len -= taken_len;
        self.waiting = kept;
        taken
    }
}

impl<P: Shared> Deferred<P> {
    pub(super) fn push(&mut self, message: Outgoing<'static, P>) {
        self.len += message.len() + OVERHEAD;
        self.messages.push_back(message);
    }

    pub(super) fn pop(&mut self) -> Option<Outgoing<'static, P>> {
        let message = self.messages.pop_front()?;
        self.len -= message.len() + OVERHEAD;
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(message)
    }

    pub(super) fn first(&self) -> Option<&Outgoing<'static, P>> {
        self.messages.front()
    }
}

impl<P> Deferred<P> {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// The backlog.
impl<P: Shared> SendQueue<P> {
    /// Takes the report of what has happened since the last call, if there is anything. Call it
    /// after each method whose documentation mentions the report.
    #[must_use = "messages that had to wait are to be counted, and a job to be done"]
    pub fn take_report(&mut self) -> Option<Report<P>> {
        let backlog = self.backlog.as_mut()?;
        let nothing = Report { settled: Vec::new(), job_is_due: false };
        let report = mem::replace(&mut backlog.report, nothing);
        self.backlog.take_if(|backlog| backlog.is_empty());
        (!report.is_empty()).then_some(report)
    }

    /// Moves waiting messages into the output, as far as there is room. Returns whether there were
    /// any; they are in the report.
    #[inline]
    pub fn refill(&mut self, resources: &impl Resources) -> bool {
        self.backlog.is_some() && self.refill_from_outbox(resources)
    }

    #[cold]
    fn refill_from_outbox(&mut self, resources: &impl Resources) -> bool {
        let high_water_mark = resources.limits().high_water_mark;
        let mut moved = false;
        while !self.is_occupied()
            && self.output.len() <= high_water_mark
            && self.send_waiting(resources)
        {
            moved = true;
        }
        moved
    }

    /// Moves all waiting messages into the output, before a close frame. Inside a fragmented
    /// message, which the close frame aborts, none can be moved.
    pub(super) fn empty_outbox(&mut self, resources: &impl Resources) {
        while !self.is_fragmented() && self.send_waiting(resources) {}
        self.drop_outbox();
    }

    /// Sends the message that has waited longest. Returns whether there was one.
    fn send_waiting(&mut self, resources: &impl Resources) -> bool {
        let first = self.backlog.as_mut().and_then(|backlog| backlog.outbox.pop());
        let Some(Waiting { mut message, .. }) = first else { return false };
        let outcome = match self.send(&mut message, resources) {
            Ok(Pushed::Sent(sent)) => Outcome::Sent { wire_len: sent.wire_len },
            // It still waits, now for a job.
            Ok(Pushed::Waiting) => return true,
            Err(_) => Outcome::Lost,
        };
        self.backlog().settle(message, outcome);
        true
    }

    /// Drops the oldest publication. Returns whether there was one.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(backlog) = &mut self.backlog else { return false };
        let Some(oldest) = backlog.outbox.take_oldest() else { return false };
        backlog.settle(oldest.message, Outcome::Dropped);
        true
    }

    /// Drops the publications to these topics; returns how many there were.
    pub(super) fn drop_publications(&mut self, is_meant: impl Fn(u64) -> bool) -> usize {
        let Some(backlog) = &mut self.backlog else { return 0 };
        let dropped = backlog.outbox.take(is_meant);
        let count = dropped.len();
        dropped.into_iter().for_each(|waiting| backlog.settle(waiting.message, Outcome::Dropped));
        count
    }

    /// Drops all waiting messages, which can no longer be sent.
    pub(super) fn drop_outbox(&mut self) {
        while let Some(backlog) = &mut self.backlog
            && let Some(Waiting { topic, message }) = backlog.outbox.pop()
        {
            let outcome = if topic.is_some() { Outcome::Dropped } else { Outcome::Lost };
            backlog.settle(message, outcome);
        }
    }

    /// Drops all deferred messages, which can no longer be sent.
    pub(super) fn drop_deferred(&mut self) {
        let Some(backlog) = &mut self.backlog else { return };
        backlog.late_close = None;
        while let Some(message) = backlog.deferred.pop() {
            backlog.settle(message, Outcome::Lost);
        }
    }

    pub(super) fn backlog(&mut self) -> &mut Backlog<P> {
        self.backlog.get_or_insert_with(|| Box::new(Backlog::new()))
    }

    /// Bytes of publications that wait for room in the output.
    pub(super) fn publications_len(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.outbox.publications_len)
    }

    /// Bytes that wait for room in the output.
    pub(super) fn outbox_len(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.outbox.len)
    }
}
