//! Writing out what is queued on a link.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Wake, Waker, ready},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use bowsprit_proto::queue::{SendQueue, WaitFor};

use super::{Link, Out, lock::exempt};
use crate::{Error, PreparedMessage, error::EndReason, pool, stats::Policy, transport::WriteHalf};

/// How many slices one write may gather.
const MAX_SLICES: usize = 16;

thread_local! {
    /// The link whose handler is being polled on this thread, by address: its output is written
    /// when the poll has ended, so it need not be put on the flusher's list.
    static POLLED: Cell<usize> = const { Cell::new(0) };

    /// The link that is written out on this thread, by address, unless its transport can take more
    /// since.
    static WRITING: Cell<usize> = const { Cell::new(0) };
}

/// What a transport has taken.
#[derive(Default)]
struct Written {
    len: usize,
    /// Payloads that were shared, to be dropped without the lock: they may have an owner.
    finished: Vec<Bytes>,
}

impl Link {
    /// Writes out what is queued, as far as the transport takes it.
    pub(crate) fn write_out(self: &Arc<Self>) {
        self.scheduled.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        let mut written = Written::default();
        let mut out = self.lock();
        let before = WRITING.replace(self.address());
        loop {
            match out.write_out(&mut cx, &mut written) {
                Err(error) => {
                    self.end(&mut out, EndReason::Io(error.kind()));
                    break;
                }
                // Those who wait may call this themselves: without progress they would wake each
                // other for ever.
                Ok(progress)
                    if progress && out.queue.output_len() <= self.config().high_water_mark / 2 =>
                {
                    out.wake_for_progress(self.config());
                }
                Ok(_) => {}
            }
            if !out.queue.is_written() || !out.queue.refill(&self.resources()) {
                break;
            }
            out.collect(Policy::Closed);
        }
        if WRITING.replace(before) != self.address() {
            out.flush_due = true;
        }
        let tally = mem::take(&mut out.tally);
        // Before anybody can end the connection: what has ended is counted exactly.
        self.counters().written(&tally, written.len);
        drop(out);
        self.counters().tell_written(&tally, written.len);
    }

    /// Writes out what a handler's poll has queued.
    pub(super) fn write_out_if_scheduled(self: &Arc<Self>) {
        if self.scheduled.load(Ordering::Acquire) {
            self.write_out();
        }
    }

    /// Writes out what the task that reads has queued, when it is about to wait.
    ///
    /// The flusher would do it as well, but only after all other tasks that are ready, each of
    /// which then holds a block and has the cache forget the others'. Under `serve`, the end of the
    /// poll is known better; but if it is not the served task that waits, that may be far away.
    pub(crate) fn write_out_before_waiting(self: &Arc<Self>, is_served: bool) {
        if !is_served || !self.is_polled() {
            self.write_out_if_scheduled();
        }
    }

    /// Writes out what a handler's poll has queued if what waits in it is another task, such as one
    /// that blocks the thread until it can go on: the end of the poll waits for that.
    pub(super) fn write_out_for_others(self: &Arc<Self>, waiting: &Waker) {
        if self.is_polled() && !self.look(|out| out.is_reading(waiting)) {
            self.write_out_if_scheduled();
        }
    }

    /// Waits until the transport has taken everything, as the holder of one of the halves.
    pub(crate) fn poll_flush(
        self: &Arc<Self>,
        half: WaitFor,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.write_out();
        self.poll_or_wait(half, &mut None, cx, |out, _| match out.over {
            Some(cause) if cause != EndReason::Closed => Poll::Ready(Err(cause)),
            _ if out.queue.is_drained() && !out.unflushed => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        })
        .map_err(Error::from)
    }

    /// Waits until everything is written and the end of our side has been told to the transport.
    pub(crate) fn poll_shutdown(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = ready!(self.poll_flush(WaitFor::Receiving, cx));
        let mut out = self.lock();
        let Some(write) = out.write.as_mut().filter(|_| flushed.is_ok()) else {
            return Poll::Ready(());
        };
        let shutdown = ready!(exempt(|| Pin::new(&mut **write).poll_shutdown(cx)));
        drop(out);
        if let Err(error) = shutdown {
            tracing::debug!(%error, "the transport did not shut down cleanly");
        }
        Poll::Ready(())
    }

    /// Sees to it that what is queued is written out soon after the lock has been given back.
    /// Whoever has taken the flag down before then comes for the lock later.
    #[inline]
    pub(super) fn request_flush(&self, out: &mut Out) {
        if !self.scheduled.load(Ordering::Relaxed) {
            out.flush_due = true;
        }
    }

    /// Runs `poll`, the poll of this connection's handler, and does what the flusher would: it was
    /// kept from being told.
    #[cfg(feature = "server")]
    pub(crate) fn while_polled<T>(self: &Arc<Self>, poll: impl FnOnce() -> T) -> T {
        let before = POLLED.replace(self.address());
        let polled = poll();
        POLLED.set(before);
        if self.scheduled.load(Ordering::Acquire) {
            self.write_out();
            self.watch();
        }
        polled
    }

    pub(super) fn is_polled(&self) -> bool {
        POLLED.get() == self.address()
    }

    pub(super) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Out {
    /// Writes as much as the transport takes, and tells whether that was anything.
    fn write_out(&mut self, cx: &mut Context<'_>, all: &mut Written) -> io::Result<bool> {
        // Before writing: a peer that takes nothing must not keep a context from others.
        if let Some(compressor) = self.queue.take_compressor() {
            pool::give_compressor(compressor);
        }
        let Some(write) = self.write.as_deref_mut() else { return Ok(false) };
        let mut progress = false;
        while !self.queue.is_written() {
            let written = match exempt(|| poll_write(Pin::new(&mut *write), cx, &self.queue))? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => written,
                Poll::Pending => 0,
            };
            self.queue.advance_with(written, |payload| all.finished.push(payload));
            if written == 0 {
                return Ok(progress);
            }
            all.len += written;
            self.timers.on_written();
            self.unflushed = true;
            progress = true;
        }
        if let Some(block) = self.queue.take_block() {
            pool::give_write_block(block);
        }
        if self.unflushed && exempt(|| Pin::new(write).poll_flush(cx))?.is_ready() {
            self.unflushed = false;
            self.timers.on_flushed();
            progress = true;
        }
        Ok(progress)
    }
}

/// Writes once: much of what a vectored write costs is spared where there is one slice only.
#[inline]
fn poll_write(
    write: Pin<&mut WriteHalf>,
    cx: &mut Context<'_>,
    queue: &SendQueue<PreparedMessage>,
) -> Poll<io::Result<usize>> {
    match queue.contiguous() {
        Some(slice) => write.poll_write(cx, slice),
        None => poll_write_vectored(write, cx, queue),
    }
}

#[inline(never)]
fn poll_write_vectored(
    write: Pin<&mut WriteHalf>,
    cx: &mut Context<'_>,
    queue: &SendQueue<PreparedMessage>,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut count = 0;
    for (to, from) in slices.iter_mut().zip(queue.slices()) {
        *to = IoSlice::new(from);
        count += 1;
    }
    write.poll_write_vectored(cx, &slices[..count])
}

impl Wake for Link {
    /// The transport can take more, or it has something for the helper that reads.
    fn wake(self: Arc<Self>) {
        if WRITING.get() == self.address() {
            // It says so while it is written to, under the lock.
            return WRITING.set(0);
        }
        if !self.scheduled.swap(true, Ordering::AcqRel) {
            let helpers = Arc::clone(&self.helpers);
            helpers.schedule(self);
        }
    }
}
