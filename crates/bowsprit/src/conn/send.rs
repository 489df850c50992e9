//! Queueing frames on a link.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use tracing::level_filters::LevelFilter;

use super::{Link, Out, lock::Spent};
use crate::{
    ConnectionConfig, Fragment, Message, MessageKind, Output, SendError, Sender,
    error::{Cause, Unsent},
    outgoing::Outgoing,
    pool,
};

/// Owned messages up to this length are copied by every role.
const MAX_COPIED_LEN: usize = 4096;

/// Whose message is queued, which decides what it has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The holder of the sending half.
    Owner,
    /// A handle: it also waits for the end of a fragmented message.
    Handle,
}

/// Who waits for what is queued to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    Send,
    Receive,
}

impl Link {
    /// Queues a message now, if nothing unusual goes on, as is nearly always. Pending if there
    /// does.
    pub(super) fn send_if_free(
        self: &Arc<Self>,
        message: &mut Outgoing<'_>,
        origin: Origin,
    ) -> Poll<Result<(), Unsent>> {
        let mut out = self.lock();
        if !out.is_free(self.room(origin)) {
            return Poll::Pending;
        }
        if let Some(queued) = out.queue_copied(message, self.config().max_inline_compression_len) {
            self.request_flush(&mut out);
            return Poll::Ready(queued.map_err(Unsent::from));
        }
        Poll::Ready(self.send(&mut out, message))
    }

    /// Polls under the lock for one of the halves. If that is pending, its task is woken when there
    /// is more room, a fragmented message or the connection ends.
    pub(super) fn poll_or_wait<T>(
        self: &Arc<Self>,
        half: Half,
        cx: &Context<'_>,
        mut poll: impl FnMut(&mut Out) -> Poll<T>,
    ) -> Poll<T> {
        let polled = poll(&mut self.lock());
        if polled.is_ready() {
            return polled;
        }
        // Cloning a waker may run other code, so not under the lock; meanwhile much may happen.
        let waker = cx.waker().clone();
        let mut out = self.lock();
        let polled = poll(&mut out);
        if polled.is_ready() {
            out.spend(Spent::Waker(waker));
            return polled;
        }
        out.wait(half, waker);
        drop(out);
        self.write_out_for_others(cx.waker());
        polled
    }

    /// Queues a message now.
    ///
    /// # Errors
    ///
    /// [`Unsent::QueueFull`] where [`poll_send`](Self::poll_send) would wait.
    pub(crate) fn try_send(
        self: &Arc<Self>,
        mut message: Outgoing<'_>,
        origin: Origin,
    ) -> Result<(), Unsent> {
        let room = self.room(origin);
        // Given back before the message is dropped.
        let mut out = self.lock();
        out.check_open()?;
        if !out.has_room(room, origin) {
            return Err(Unsent::QueueFull);
        }
        self.send(&mut out, &mut message)
    }

    /// Queues a message, however much is queued already.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn start_send(self: &Arc<Self>, message: Message) -> Result<(), Unsent> {
        let mut message = message.into();
        let mut out = self.lock();
        out.check_open()?;
        self.send(&mut out, &mut message)
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
    ) -> Poll<Result<(), Unsent>> {
        let room = self.room(Origin::Owner);
        self.poll_or_wait(Half::Send, cx, |out| {
            out.check_open()?;
            // Others may wait for the end of the message that the fragment begins.
            // The first one comes behind all that was accepted before; further ones cannot.
            let waits = out.outbox_len() > 0 && !out.sender.is_fragmented();
            if waits || out.deferred().is_some() || !out.has_room(room, Origin::Owner) {
                return Poll::Pending;
            }
            out.queue(|sender, output| sender.fragment(fragment, output))?;
            out.tally.note(fragment.kind, fragment.payload.len(), fragment.fin);
            if fragment.fin {
                out.wake_for_progress(self.config());
            }
            self.request_flush(out);
            Poll::Ready(Ok(()))
        })
    }

    /// Waits until a message may be queued.
    pub(crate) fn poll_ready(self: &Arc<Self>, cx: &Context<'_>) -> Poll<Result<(), Unsent>> {
        let room = self.room(Origin::Owner);
        self.poll_or_wait(Half::Send, cx, |out| out.poll_room(room, Origin::Owner))
    }

    /// Queues what `queue` sends, however much is queued already.
    ///
    /// # Errors
    ///
    /// What `queue` fails with, or the connection has ended.
    pub(crate) fn queue(
        self: &Arc<Self>,
        queue: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<(), Unsent> {
        let mut out = self.lock();
        out.check_open()?;
        out.queue(queue)?;
        self.request_flush(&mut out);
        Ok(())
    }

    #[inline]
    pub(super) fn room(&self, origin: Origin) -> usize {
        Self::room_of(self.config(), origin)
    }

    #[inline]
    pub(super) const fn room_of(config: &ConnectionConfig, origin: Origin) -> usize {
        match origin {
            Origin::Owner => config.high_water_mark,
            Origin::Handle => config.max_queue_len,
        }
    }
}

impl Out {
    /// Whether a close frame of ours was sent, or will be as soon as what was sent before it.
    pub(super) fn is_closing(&self) -> bool {
        let closes = |close_waits| close_waits || self.peer_close().is_some();
        let deferred = self.deferred();
        self.sender.is_closed() || deferred.is_some_and(|deferred| closes(deferred.close.is_some()))
    }

    pub(super) fn check_open(&self) -> Result<(), Unsent> {
        match self.over() {
            Some(cause) => Err(Unsent::Ended(cause)),
            None if self.is_closing() => Err(SendError::Closed.into()),
            None if self.is_leaving() => Err(Unsent::Ended(Cause::Terminated)),
            None => Ok(()),
        }
    }

    /// Whether a message may be queued and nothing unusual goes on, as is nearly always.
    #[inline]
    fn is_free(&self, room: usize) -> bool {
        self.ended.is_none()
            && self.extras.is_none()
            && self.waiting.is_none()
            && self.batch.is_none()
            && self.sender.may_begin()
            && self.output.len() <= room
    }

    /// Whether a message may be queued; pending if it has to wait.
    pub(super) fn poll_room(&self, room: usize, origin: Origin) -> Poll<Result<(), Unsent>> {
        self.check_open()?;
        if self.has_room(room, origin) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn has_room(&self, room: usize, origin: Origin) -> bool {
        if !self.sender.is_fragmented() {
            return self.queued_len() <= room;
        }
        // Publications wait for the end of the message, so it must not wait for them.
        origin == Origin::Owner && self.queued_len() - self.outbox_len() <= room
    }

    /// Bytes that wait to be written, or for their turn before that.
    pub(super) fn queued_len(&self) -> usize {
        let deferred = self.deferred().map_or(0, |deferred| deferred.len);
        self.output.len() + self.batch_len() + deferred + self.outbox_len()
    }

    /// Queues a message that is copied in any case, without moving it: moves are much of what a
    /// short message costs. `None` if it is another one.
    #[inline]
    fn queue_copied(
        &mut self,
        message: &Outgoing<'_>,
        max_len: usize,
    ) -> Option<Result<(), SendError>> {
        let len = message.len();
        if self.deferred().is_some() || len > max_len {
            return None;
        }
        let before = self.output.len();
        let (kind, queued) = match message {
            Outgoing::Text(text) => {
                (MessageKind::Text, self.queue(|sender, output| sender.text(text, output)))
            }
            Outgoing::Binary(bytes) => {
                (MessageKind::Binary, self.queue(|sender, output| sender.binary(bytes, output)))
            }
            Outgoing::Message(message) if len <= MAX_COPIED_LEN => (
                message.kind(),
                self.queue(|sender, output| sender.message_copied(message, output)),
            ),
            _ => return None,
        };
        if queued.is_ok() {
            self.note_sent(kind, len, self.output.len() - before);
        }
        Some(queued)
    }

    pub(super) fn queue_message(&mut self, message: &Outgoing<'_>) -> Result<(), SendError> {
        let (kind, len, before) = (message.kind(), message.len(), self.output.len());
        self.queue(|sender, output| message.queue(sender, output))?;
        self.note_sent(kind, len, self.output.len() - before);
        Ok(())
    }

    /// Counts a message, and tells those who want to know of every one.
    #[inline]
    pub(super) fn note_sent(&mut self, kind: MessageKind, len: usize, wire_len: usize) {
        self.tally.note(kind, len, true);
        if LevelFilter::TRACE <= LevelFilter::current() {
            self.tell_sent(len, wire_len);
        }
    }

    /// Not from here: who listens may send.
    #[cold]
    fn tell_sent(&mut self, len: usize, wire_len: usize) {
        self.due().sent.push((len, wire_len));
    }

    #[inline]
    pub(super) fn queue(
        &mut self,
        queue: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        if let Some(compressor) = self.sender.wanted_compressor().and_then(pool::take_compressor) {
            self.sender.lend_compressor(compressor);
        }
        self.queue_encoded(queue)
    }

    #[inline]
    pub(super) fn lend_block(&mut self) {
        if !self.output.has_block() {
            self.output.set_block(pool::take_write_block());
        }
    }

    /// Wakes the task of a half when there is more room, a fragmented message or the connection
    /// ends.
    fn wait(&mut self, half: Half, waker: Waker) {
        let waiting = self.waiting.get_or_insert_default();
        let before = match half {
            Half::Send => waiting.send_half.replace(waker),
            Half::Receive => waiting.receive_half.replace(waker),
        };
        if let Some(before) = before {
            self.spend(Spent::Waker(before));
        }
    }

    /// Wakes all who wait: the connection closes, or has ended.
    pub(super) fn wake_waiting(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.wake_all();
            self.due();
        }
    }

    /// Wakes those who wait for all being written, or for room that there is now.
    pub(super) fn wake_for_progress(&mut self, config: &ConnectionConfig) {
        if let Some(waiting) = &mut self.waiting {
            if waiting.wake() {
                self.due();
            }
            self.wake_for_room(config);
        }
    }

    /// Wakes this task when the lock is given back.
    pub(super) fn wake(&mut self, waker: Waker) {
        self.due().wake.push(waker);
    }
}
