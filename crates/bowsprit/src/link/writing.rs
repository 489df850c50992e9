//! Writing out what is queued on a link.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Wake, Waker, ready},
};

use tokio::io::AsyncWrite;

use super::{Link, Out};
use crate::{
    Error, Output,
    error::Cause,
    io::WriteHalf,
    pool,
    stats::{Counters, Direction},
};

/// How many slices one write may gather.
const MAX_SLICES: usize = 16;

thread_local! {
    /// The link whose handler is being polled on this thread, by address: its output is written
    /// when the poll has ended, so it need not be put on the flusher's list.
    static POLLED: Cell<usize> = const { Cell::new(0) };
}

impl Link {
    /// Writes out what is queued, as far as the transport takes it.
    pub(crate) fn write_out(self: &Arc<Self>) {
        self.scheduled.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(self));
        let mut out = self.lock();
        loop {
            match out.write_out(&mut Context::from_waker(&waker), self.counters()) {
                Err(error) => return self.end(&mut out, Cause::Io(error.kind())),
                // Those who wait may call this themselves: without progress they would wake each
                // other for ever.
                Ok(progress)
                    if progress && out.output.len() <= self.options().high_water_len / 2 =>
                {
                    out.wake_waiting();
                }
                Ok(_) => {}
            }
            if !out.output.is_empty() || !self.refill(&mut out) {
                return;
            }
        }
    }

    /// Writes out what a handler's poll has queued.
    fn write_out_if_scheduled(self: &Arc<Self>) {
        if self.scheduled.load(Ordering::Acquire) {
            self.write_out();
        }
    }

    /// Writes out what the task that reads has queued, when it is about to wait.
    ///
    /// The flusher would do it as well, but only after all other tasks that are ready, each of which
    /// then holds a block and has the cache forget the others'. Under `serve`, the end of the poll
    /// is known better.
    pub(crate) fn write_out_before_waiting(self: &Arc<Self>) {
        if !self.is_polled() {
            self.write_out_if_scheduled();
        }
    }

    /// Waits until the transport has taken everything.
    pub(crate) fn poll_flush(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.write_out();
        let mut out = self.lock();
        if let Some(cause) = out.ended
            && cause != Cause::Closed
        {
            return Poll::Ready(Err(cause.into()));
        }
        if out.queued_len() == 0 && out.deferred().is_none() && !out.unflushed {
            return Poll::Ready(Ok(()));
        }
        out.wait(cx);
        Poll::Pending
    }

    /// Waits until everything is written and the end of our side has been told to the transport.
    pub(crate) fn poll_shutdown(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = ready!(self.poll_flush(cx));
        let mut out = self.lock();
        let Some(write) = out.write.as_mut().filter(|_| flushed.is_ok()) else {
            return Poll::Ready(());
        };
        let shutdown = ready!(Pin::new(write).poll_shutdown(cx));
        if let Err(error) = shutdown {
            tracing::debug!(%error, "the transport did not shut down cleanly");
        }
        Poll::Ready(())
    }

    /// Sees to it that what is queued is written out soon. For those who hold the lock: whoever has
    /// taken the flag down then comes for the lock after them.
    pub(super) fn request_flush(self: &Arc<Self>) {
        if self.scheduled.load(Ordering::Relaxed) {
            return;
        }
        if !self.scheduled.swap(true, Ordering::AcqRel) && !self.is_polled() {
            self.helpers.schedule(Arc::clone(self));
        }
    }

    /// Runs `poll`, the poll of this connection's handler, and writes out what it has queued.
    #[cfg(feature = "server")]
    pub(crate) fn while_polled<T>(self: &Arc<Self>, poll: impl FnOnce() -> T) -> T {
        let before = POLLED.replace(self.address());
        let polled = poll();
        POLLED.set(before);
        self.write_out_if_scheduled();
        polled
    }

    pub(super) fn is_polled(&self) -> bool {
        POLLED.get() == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Out {
    /// Writes as much as the transport takes, and tells whether that was anything.
    fn write_out(&mut self, cx: &mut Context<'_>, counters: &Counters) -> io::Result<bool> {
        counters.settle(Direction::Sent, &mut self.tally);
        // Before writing: a peer that takes nothing must not keep a context from others.
        if let Some(compressor) = self.sender.take_compressor() {
            pool::give_compressor(compressor);
        }
        let mut progress = self.write_batch(cx, counters)?;
        let Some(write) = &mut self.write else { return Ok(false) };
        while !self.output.is_empty() {
            match poll_write(Pin::new(&mut *write), cx, &self.output)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => {
                    self.output.advance(written);
                    counters.wire(Direction::Sent, written);
                    self.timers.note_written();
                    self.unflushed = true;
                    progress = true;
                }
                Poll::Pending => return Ok(progress),
            }
        }
        if let Some(block) = self.output.take_block() {
            pool::give_write_block(block);
        }
        if self.unflushed && Pin::new(write).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
            progress = true;
        }
        Ok(progress)
    }

    /// Writes publications from where they are, if nothing goes before them, and puts into the output
    /// what the transport does not take. Tells whether it took anything.
    fn write_batch(&mut self, cx: &mut Context<'_>, counters: &Counters) -> io::Result<bool> {
        let Some(batch) = &self.batch else { return Ok(false) };
        let mut taken = 0;
        if let Some(write) = &mut self.write
            && self.output.is_empty()
            && let Poll::Ready(written) = Pin::new(write).poll_write(cx, batch.joined().frames())?
        {
            taken = written;
            counters.wire(Direction::Sent, written);
            self.timers.note_written();
            self.unflushed = true;
        }
        if taken > 0 && taken == batch.len() {
            self.batch = None;
        } else {
            self.settle();
            self.output.advance(taken);
        }
        Ok(taken > 0)
    }
}

/// Writes once: much of what a vectored write costs is spared where there is one slice only.
fn poll_write(
    write: Pin<&mut WriteHalf>,
    cx: &mut Context<'_>,
    output: &Output,
) -> Poll<io::Result<usize>> {
    if let Some(slice) = output.contiguous() {
        return write.poll_write(cx, slice);
    }
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut count = 0;
    for (to, from) in slices.iter_mut().zip(output.slices()) {
        *to = IoSlice::new(from);
        count += 1;
    }
    write.poll_write_vectored(cx, &slices[..count])
}

impl Wake for Link {
    /// The transport can take more.
    fn wake(self: Arc<Self>) {
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            let helpers = Arc::clone(&self.helpers);
            helpers.schedule(self);
        }
    }
}
