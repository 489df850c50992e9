//! The send queue of an open connection: messages, publications and control frames that wait to be
//! written.
//!
//! A [`SendQueue`] has no lock, task or clock: a driver puts it behind a lock together with the
//! write half of its transport. The queue decides the order of frames, when it is full, how slow
//! consumers are handled, which messages are compressed on another thread, and what may follow a
//! close frame.
//!
//! # Order of calls
//!
//! Accept, at any time:
//!
//! 1. [`has_room`](SendQueue::has_room), then [`push`](SendQueue::push); for fragments
//!    [`accepts_fragment`](SendQueue::accepts_fragment), then [`fragment`](SendQueue::fragment). A
//!    task that finds the queue full waits in a [`Waitlist`].
//! 2. [`publish`](SendQueue::publish), which checks for room itself.
//! 3. [`ping`](SendQueue::ping), [`pong`](SendQueue::pong) and [`close`](SendQueue::close), which
//!    always have room.
//! 4. [`respond`](SendQueue::respond) for each received event, and [`fail`](SendQueue::fail) for a
//!    violation.
//!
//! Write, whenever the transport takes bytes:
//!
//! 1. [`contiguous`](SendQueue::contiguous) or [`slices`](SendQueue::slices), then
//!    [`advance_with`](SendQueue::advance_with), until the queue
//!    [has nothing to write](SendQueue::is_written).
//! 2. [`refill`](SendQueue::refill). If it moved anything, start again.
//! 3. [`take_block`](SendQueue::take_block) and [`take_compressor`](SendQueue::take_compressor),
//!    which return what [`Resources`] have lent.
//!
//! After each call whose documentation mentions the report, call
//! [`take_report`](SendQueue::take_report). It returns the messages that had to wait, sent or not,
//! so that they can be counted, and dropped outside of any lock. If it says that a job is due, have
//! another thread call [`begin_job`](SendQueue::begin_job), compress, and call
//! [`end_job`](SendQueue::end_job).
//!
//! ```text
//!  push ───────────────┬──────────────────────────────► output ─► slices, advance_with
//!  publish ─┬─ batch ──│──────────────────────────────────▲
//!           └─ outbox ◄┤ behind publications that wait     │
//!                 │    └─► deferred ─► begin_job, end_job ─┤
//!                 └────────────── refill ──────────────────┘
//! ```
//!
//! # Example
//!
//! A server that publishes nothing, and has no pools:
//!
//! ```
//! use std::convert::Infallible;
//! use bowsprit_proto::{CloseCode, Sender, queue::{Origin, Outgoing, QueueLimits, SendQueue}};
//!
//! let limits = QueueLimits::DEFAULT;
//! let mut queue = SendQueue::<Infallible>::new(Sender::server());
//! if queue.has_room(Origin::Owner, &limits) {
//!     queue.push(&mut Outgoing::from("hello"), &limits)?;
//! }
//! queue.close(&CloseCode::NORMAL.into(), &limits)?;
//!
//! let mut socket = Vec::new();
//! while !queue.is_written() || queue.refill(&limits) {
//!     let piece = queue.slices().next().unwrap_or_default();
//!     socket.extend_from_slice(piece);
//!     let taken = piece.len();
//!     queue.advance_with(taken, drop);
//! }
//! assert_eq!(socket, b"\x81\x05hello\x88\x02\x03\xe8");
//! # Ok::<(), bowsprit_proto::SendError>(())
//! ```

mod backlog;
mod closing;
mod job;
mod offer;
mod outgoing;
mod resources;
mod shared;
mod slow_consumer;
mod turns;
mod waiters;
mod waitlist;
mod writing;

use alloc::boxed::Box;

use self::backlog::Backlog;
pub use self::{
    backlog::{Outcome, Report, Settled},
    job::Job,
    offer::{Offer, Offered},
    outgoing::Outgoing,
    resources::{Origin, QueueLimits, Resources},
    shared::{Batch, Shared},
    slow_consumer::SlowConsumerPolicy,
    turns::Turns,
    waiters::{Ticket, Waiters},
    waitlist::{WaitFor, Waitlist},
};
use crate::{Fragment, MessageKind, Output, SendError, Sender};

/// The send queue of an open connection.
///
/// An idle queue holds no memory: blocks and contexts are lent by [`Resources`].
#[derive(Debug)]
pub struct SendQueue<P: Shared> {
    sender: Sender,
    output: Output,
    /// Publications that go into the output before anything else.
    batch: Option<P::Batch>,
    /// What waits outside of the output, and the report.
    backlog: Option<Box<Backlog<P>>>,
}

/// A message that is in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is for counters")]
pub struct Sent {
    /// Whether it is text or binary.
    pub kind: MessageKind,
    /// Bytes of the message.
    pub len: usize,
    /// Bytes that it adds to the output.
    pub wire_len: usize,
}

/// Whether an accepted message is in the output yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there or not yet")]
pub enum Pushed {
    /// It is in the output and only waits to be written.
    Sent(Sent),
    /// It waits for other messages, or is to be compressed on another thread; see the report. The
    /// pushed message was taken, and replaced by an empty one.
    Waiting,
}

impl Pushed {
    /// The message, if it is in the output.
    #[must_use]
    pub const fn sent(self) -> Option<Sent> {
        match self {
            Self::Sent(sent) => Some(sent),
            Self::Waiting => None,
        }
    }
}

/// Messages.
impl<P: Shared> SendQueue<P> {
    /// Creates an empty queue; `sender` encodes its frames.
    #[must_use]
    pub const fn new(sender: Sender) -> Self {
        Self { sender, output: Output::new(), batch: None, backlog: None }
    }

    /// Accepts a message behind all others, even if the queue is full. What is not taken stays in
    /// `message`, for the caller to drop.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] after a close frame was accepted or received,
    /// [`SendError::FragmentOpen`] inside a fragmented message.
    // Inlined: a call would cost a tenth of what a short message costs here.
    #[inline(always)]
    pub fn push(
        &mut self,
        message: &mut Outgoing<'_, P>,
        resources: &impl Resources,
    ) -> Result<Pushed, SendError> {
        // The usual case. Moves are much of the cost of a short message, so this path has none.
        if self.backlog.is_none()
            && let Some((kind, payload)) = message.copied()
            && payload.len() <= resources.limits().max_inline_compression_len
        {
            return self.push_copied(kind, payload, resources).map(Pushed::Sent);
        }
        self.push_behind(message, resources)
    }

    #[inline(always)]
    fn push_copied(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        resources: &impl Resources,
    ) -> Result<Sent, SendError> {
        self.prepare(resources);
        let before = self.output.len();
        self.sender.data(kind, payload, &mut self.output)?;
        Ok(Sent { kind, len: payload.len(), wire_len: self.output.len() - before })
    }

    fn push_behind(
        &mut self,
        message: &mut Outgoing<'_, P>,
        resources: &impl Resources,
    ) -> Result<Pushed, SendError> {
        self.check_open()?;
        if self.outbox_len() == 0 || self.is_fragmented() {
            return self.send(message, resources);
        }
        let message = message.take().into_owned();
        self.backlog().outbox.push(None, message);
        Ok(Pushed::Waiting)
    }

    /// Queues a fragment of a message. Check [`accepts_fragment`](Self::accepts_fragment) first.
    ///
    /// # Errors
    ///
    /// As [`Sender::fragment`].
    pub fn fragment(
        &mut self,
        fragment: Fragment<'_>,
        resources: &impl Resources,
    ) -> Result<(), SendError> {
        self.check_open()?;
        self.prepare(resources);
        self.sender.fragment(fragment, &mut self.output)
    }

    /// Puts a message into the output.
    fn frame(
        &mut self,
        message: &Outgoing<'_, P>,
        resources: &impl Resources,
    ) -> Result<Sent, SendError> {
        self.prepare(resources);
        let before = self.output.len();
        message.frame(&mut self.sender, &mut self.output)?;
        let wire_len = self.output.len() - before;
        Ok(Sent { kind: message.kind(), len: message.len(), wire_len })
    }

    /// Prepares the output for a message.
    #[inline(always)]
    fn prepare(&mut self, resources: &impl Resources) {
        self.lend_compressor(resources);
        self.settle();
        self.lend_block(resources);
    }

    /// Moves the batch into the output, ahead of what comes next.
    #[inline]
    fn settle(&mut self) {
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
}

/// Length and capacity.
impl<P: Shared> SendQueue<P> {
    /// The number of queued bytes, in the output or waiting to enter it.
    #[must_use]
    pub fn len(&self) -> usize {
        let backlog_len = self.backlog.as_ref().map_or(0, |backlog| backlog.len());
        self.output.len() + self.batch_len() + backlog_len
    }

    /// Whether nothing is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing waits but for the end of a fragmented message: all that its sender can wait
    /// for is written.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.due_len() == 0
    }

    /// Bytes that wait for anything else than the end of a fragmented message. That one must not
    /// wait for what waits for it.
    fn due_len(&self) -> usize {
        let waits_for_end = if self.is_fragmented() { self.outbox_len() } else { 0 };
        self.len() - waits_for_end
    }

    /// A quick check whether there is room for a message: true in the usual case that at most
    /// `room` bytes are in the output and nothing else waits. If false, there may still be room.
    #[must_use]
    #[inline]
    pub fn is_free(&self, room: usize) -> bool {
        self.backlog.is_none()
            && self.batch.is_none()
            && self.sender.may_begin()
            && self.output.len() <= room
    }

    /// Whether there is room for a message of this origin.
    #[must_use]
    pub fn has_room(&self, origin: Origin, limits: &QueueLimits) -> bool {
        self.has_room_behind(0, origin, limits)
    }

    /// The same behind others, whose messages are so long.
    fn has_room_behind(&self, others_len: usize, origin: Origin, limits: &QueueLimits) -> bool {
        let may_begin = origin == Origin::Owner || !self.is_fragmented();
        may_begin && self.due_len().saturating_add(others_len) <= limits.room(origin)
    }

    /// Whether there is room for a fragment. The first one goes behind everything accepted before.
    /// Further ones do not wait for other messages, which may themselves wait for the end of the
    /// fragmented one.
    #[must_use]
    pub fn accepts_fragment(&self, limits: &QueueLimits) -> bool {
        let waits = self.outbox_len() > 0 && !self.is_fragmented();
        !waits && !self.is_deferring() && self.has_room(Origin::Owner, limits)
    }

    /// Whether a fragmented message is in progress.
    #[must_use]
    pub const fn is_fragmented(&self) -> bool {
        self.sender.is_fragmented()
    }

    /// Whether a message is in progress, in fragments or being compressed on another thread.
    fn is_occupied(&self) -> bool {
        self.is_deferring() || self.is_fragmented()
    }

    /// Bytes of the publications in the batch.
    fn batch_len(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.frames_len())
    }
}
