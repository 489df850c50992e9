//! The reading side of a connection: from the transport to events, and through the end.

mod burst;
mod ending;
mod respond;
mod watch;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bowsprit_proto::{Received, ReceivedData, timers::RateLimiter};
use tokio::{
    io::{AsyncRead, ReadBuf},
    task::coop,
};

use self::{
    burst::{Burst, poll_yield},
    respond::Responder,
};
use super::Link;
use crate::{
    Error, Event, Message, Progress, ReceiveBuffer, Receiver, Role,
    error::EndReason,
    pool::{self, Block},
    stats::Direction,
    transport::ReadHalf,
};

/// Up to this much of an unfinished message is moved out of a pooled block before waiting.
const MAX_MOVED_LEN: usize = 4096;

pub(crate) struct Reader {
    read: Option<ReadHalf>,
    role: Role,
    buffer: ReceiveBuffer<Block>,
    receiver: Receiver,
    phase: Phase,
    burst: Burst,
    rates: RateLimiter,
    /// The runtime's helper reads, in place of the application.
    watched: bool,
    /// It has stopped in front of what is for the application.
    stopped: bool,
    link: Arc<Link>,
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Open,
    /// Nobody wants the data that comes.
    Discarding,
    /// No more events; our side's last bytes are on their way.
    Ending(EndReason),
    /// The transport is gone, or its end is awaited in the background. An error is told once.
    Ended(Option<EndReason>),
}

/// What [`Reader::poll_event`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Messages,
    Chunks,
    /// Nobody receives it: only so much is read until the end.
    Nothing,
    /// Control frames up to the next data.
    Control,
}

/// What [`Reader::receive`] has come to.
#[derive(Clone, Copy, Debug)]
enum Step {
    Event,
    NeedData,
    /// Data comes next, which nobody wants.
    Unwanted,
    Failed,
}

impl Reader {
    /// A reader of an open connection; `buffer` may hold bytes that came with the handshake.
    pub(crate) fn new(
        read: ReadHalf,
        role: Role,
        receiver: Receiver,
        buffer: ReceiveBuffer<Block>,
        link: Arc<Link>,
    ) -> Self {
        Self {
            read: Some(read),
            role,
            buffer,
            receiver,
            phase: Phase::Open,
            burst: Burst::default(),
            rates: RateLimiter::new(link.config().rates()),
            watched: false,
            stopped: false,
            link,
        }
    }

    pub(crate) const fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The event that [`poll_event`](Self::poll_event) found.
    #[inline]
    pub(crate) fn event(&self) -> Option<Event<'_>> {
        self.buffer.event()
    }

    /// Waits for a message; control frames are passed over.
    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        loop {
            match self.poll_event(cx, Want::Messages) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause.into())),
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(true)) => {
                    // The application may take long before it reads on.
                    self.return_context();
                    if let Some(message) = self.buffer.take_message() {
                        return Poll::Ready(Ok(Some(message)));
                    }
                }
            }
        }
    }

    /// Waits for an event. `false` means that the connection has ended.
    ///
    /// # Errors
    ///
    /// Why it has not ended cleanly, once.
    pub(crate) fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
        want: Want,
    ) -> Poll<Result<bool, EndReason>> {
        loop {
            match self.phase {
                Phase::Open => {}
                Phase::Discarding => {
                    ready!(self.poll_discarding(cx, want));
                    continue;
                }
                Phase::Ending(cause) => {
                    ready!(self.poll_finish(cx, cause));
                    self.linger(cause);
                    continue;
                }
                Phase::Ended(cause) => return Poll::Ready(self.tell(cause)),
            }
            if self.burst.is_over() {
                self.end_burst();
                return poll_yield(cx);
            }
            self.lend_context();
            match self.receive(want) {
                Step::Event => return Poll::Ready(Ok(true)),
                Step::NeedData => match ready!(self.poll_fill(cx, want)) {
                    Ok(()) => {}
                    Err(cause) => self.end(cause),
                },
                Step::Unwanted => return self.stop(),
                Step::Failed => {}
            }
        }
    }

    /// Receives from what was read.
    #[inline]
    fn receive(&mut self, want: Want) -> Step {
        let peer = &mut Responder { link: &self.link, rates: &mut self.rates };
        // Each is looked at where it is: it is too long to be moved for every message.
        match want {
            Want::Messages => {
                let received = self.receiver.receive(&mut self.buffer, peer);
                self.on_received(&received)
            }
            Want::Chunks | Want::Nothing => {
                let received = self.receiver.receive_chunk(&mut self.buffer, peer);
                self.on_received(&received)
            }
            Want::Control => match self.receiver.receive_control(&mut self.buffer, peer) {
                Some(received) => self.on_received(&received),
                None => Step::Unwanted,
            },
        }
    }

    /// Counts what has been received, and takes note of the end.
    #[inline(always)]
    fn on_received(&mut self, received: &Received) -> Step {
        self.burst.add(received.inflated_len);
        match &received.progress {
            Ok(Progress::Data(data)) => self.on_data(data),
            Ok(Progress::Ping | Progress::Pong) => {}
            Ok(Progress::Close) => self.phase = Phase::Ending(EndReason::Closed),
            Ok(Progress::NeedData) => return Step::NeedData,
            Err(error) => {
                // The error is told here when the close frame is out.
                self.phase = Phase::Ending(EndReason::Protocol(*error));
                return Step::Failed;
            }
        }
        self.burst.events += 1;
        Step::Event
    }

    /// Cuts the connection.
    pub(crate) fn terminate(&mut self) {
        self.end_burst();
        self.link.fail(EndReason::Terminated);
        self.read = None;
        self.phase = Phase::Ended(None);
    }

    /// Counts a message or a chunk, and tells those who want to know of every message.
    #[inline]
    fn on_data(&mut self, data: &ReceivedData) {
        self.burst.tally.note(data.kind, data.len, data.last);
        if data.first && data.last {
            tracing::trace!(len = data.len, wire_len = data.wire_len, "message received");
        }
    }

    /// Ends what is counted as one batch.
    pub(crate) fn end_burst(&mut self) {
        self.link.counters().flush_counts(Direction::Received, &mut self.burst.tally);
        self.burst = Burst::default();
    }

    /// Begins a new batch if this one is so long that others should have their turn.
    pub(crate) fn skip_pause(&mut self) {
        if self.burst.is_over() {
            self.end_burst();
        }
    }

    fn end(&mut self, cause: EndReason) {
        self.read = None;
        self.discard();
        self.end_burst();
        self.link.fail(cause);
        self.phase = Phase::Ended(Some(cause));
    }

    /// The outcome of the connection: an error the first time, then only that it has ended.
    fn tell(&mut self, cause: Option<EndReason>) -> Result<bool, EndReason> {
        self.phase = Phase::Ended(None);
        match cause {
            None | Some(EndReason::Closed) => Ok(false),
            Some(cause) => Err(cause),
        }
    }

    /// Reads once into the buffer.
    fn poll_fill(&mut self, cx: &mut Context<'_>, want: Want) -> Poll<Result<(), EndReason>> {
        if want == Want::Nothing && self.discarding().remaining_len() == 0 {
            self.link.cut();
            return Poll::Ready(Err(self.link.cause().unwrap_or(EndReason::Terminated)));
        }
        match self.poll_read(cx, want) {
            // If a write has failed before, that is why it has ended.
            Poll::Ready(Ok(0)) => {
                Poll::Ready(Err(self.link.cause().unwrap_or(EndReason::Disconnected)))
            }
            Poll::Ready(Ok(len)) => {
                self.burst.add(len);
                if want == Want::Nothing {
                    self.discarding().on_read(len);
                }
                self.rates.on_read(|| self.link.info().age());
                self.link.on_read(len);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(cause)) => Poll::Ready(Err(cause)),
            Poll::Pending => {
                self.end_burst();
                self.rates.on_wait();
                self.return_block();
                let known = self.wait(cx);
                self.link.write_out_before_waiting(known);
                Poll::Pending
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, want: Want) -> Poll<Result<usize, EndReason>> {
        let ended =
            self.link.has_ended().then(|| self.link.cause().unwrap_or(EndReason::Terminated));
        match ended {
            // Writing has failed, or the peer was seen to go; what it has sent before that is still
            // there to be read.
            None | Some(EndReason::Io(_) | EndReason::Disconnected) => {}
            Some(cause) => return Poll::Ready(Err(cause)),
        }
        let max_len = if want == Want::Control { self.max_watched_len() } else { usize::MAX };
        let Some(read) = &mut self.read else { return Poll::Ready(Err(EndReason::Terminated)) };
        let len = self.buffer.block_len();
        if len < pool::READ_BLOCK_LEN {
            drop(self.buffer.replace_block(Block::to_read()));
        } else if let Some(wanted) = self.buffer.wanted_block_len() {
            drop(self.buffer.replace_block(Block::larger(len, wanted)));
        }
        let spare = self.buffer.spare_mut();
        let len = spare.len().min(max_len);
        let mut spare = ReadBuf::new(&mut spare[..len]);
        match Pin::new(read).poll_read(cx, &mut spare) {
            Poll::Ready(Ok(())) => {
                let len = spare.filled().len();
                self.buffer.advance(len);
                Poll::Ready(Ok(len))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(EndReason::Io(error.kind()))),
            Poll::Pending => match ended {
                // Without budget the transport was not asked at all.
                Some(cause) if coop::has_budget_remaining() => Poll::Ready(Err(cause)),
                _ => Poll::Pending,
            },
        }
    }

    /// Lends what it takes to decompress a message, if messages may be compressed.
    #[inline]
    fn lend_context(&mut self) {
        if let Some(backend) = self.receiver.wanted_decompressor()
            && let Some(decompressor) = pool::take_decompressor(backend)
        {
            self.receiver.lend_decompressor(decompressor);
        }
    }

    /// Gives the context back, unless it is needed for what follows.
    #[inline]
    fn return_context(&mut self) {
        if self.receiver.has_decompressor() {
            self.return_decompressor();
        }
    }

    #[inline(never)]
    fn return_decompressor(&mut self) {
        if let Some(decompressor) = self.receiver.take_decompressor() {
            pool::give_decompressor(decompressor);
        }
    }

    /// Gives block and context back to the pool before waiting; a little that is unfinished moves
    /// out.
    fn return_block(&mut self) {
        self.return_context();
        // Also where the context stays because messages may refer to earlier ones.
        drop(self.buffer.take_scratch());
        let len = self.buffer.live_len();
        if len <= MAX_MOVED_LEN {
            drop(self.buffer.replace_block(Block::to_wait(len)));
        }
    }

    /// Drops what has come, and gives its block back to the pool.
    fn discard(&mut self) {
        self.buffer = ReceiveBuffer::default();
    }

    /// Has this task woken if the connection ends while the transport says nothing. Whether it is
    /// the one that the connection was known to belong to.
    fn wait(&self, cx: &Context<'_>) -> bool {
        if self.watched {
            // It looks after those that have ended by itself.
            self.link.on_watch();
            return false;
        }
        let known = self.link.set_reading_task(cx.waker());
        if self.link.has_ended() {
            cx.waker().wake_by_ref();
        }
        known
    }
}

impl Drop for Reader {
    /// Whoever drops it may not have waited since the last message.
    fn drop(&mut self) {
        self.end_burst();
        self.discard();
    }
}

#[cfg(test)]
mod tests;
