//! How a connection lives and ends: what its halves, its timers and its server tell the link.

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Waker},
    time::Duration,
};

use tokio::io::AsyncWrite;

use super::{Link, Out, timers};
use crate::{
    Output, SendError, Timer, entropy,
    error::{Cause, Unsent},
    reader::Reader,
    stats::{Control, Direction},
};

impl Link {
    /// Whether the connection has ended, whatever is still in the reader's buffer.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn cause(&self) -> Option<Cause> {
        self.lock().ended
    }

    /// Ends the connection at once, unless it has ended before.
    pub(crate) fn fail(&self, cause: Cause) {
        self.end(&mut self.lock(), cause);
    }

    /// Ends the connection: nothing more is written, all who wait are told.
    pub(super) fn end(&self, out: &mut Out, cause: Cause) {
        if out.ended.is_some() {
            return;
        }
        out.ended = Some(cause);
        self.counters().settle(Direction::Sent, &mut out.tally);
        self.ended.store(true, Ordering::Release);
        out.output = Output::new();
        out.batch = None;
        out.drop_deferred();
        self.drop_outbox(out);
        out.unflushed = false;
        if let Some(mut write) = out.write.take() {
            // The peer is told now, even if the reader holds on to its half of the transport.
            let _told = Pin::new(&mut write).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
        out.wake_waiting();
        if let Some(reader) = out.take_reading_task() {
            out.wake(reader);
        }
    }

    /// The reader has got bytes.
    pub(crate) fn note_read(&self, len: usize) {
        self.counters().wire(Direction::Received, len);
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.reading.store(false, Ordering::Relaxed);
    }

    /// The reader waits for bytes; `waker` is told if the connection ends meanwhile.
    pub(crate) fn note_reading(&self, waker: &Waker) {
        self.reading.store(true, Ordering::Relaxed);
        let mut out = self.lock();
        let before = out.note_reading(waker);
        drop(out);
        // Dropping a waker may run other code as well, so not under the lock.
        drop(before);
    }

    /// The task that is told if the connection ends while it waits for bytes.
    pub(crate) fn reading_task(&self) -> Option<Waker> {
        self.lock().reading_task()
    }

    /// Nobody waits for bytes: whoever has read could not wait.
    pub(crate) fn forget_reading_task(&self) {
        let task = self.lock().task.take();
        drop(task);
    }

    /// The reader waits for the transport to end; the connection will have ended with `cause`.
    pub(crate) fn note_lingering(&self, cause: Cause) {
        self.lock().lingering = Some(cause);
    }

    /// A half of the connection was dropped.
    pub(crate) fn drop_half(self: &Arc<Self>, mut reader: Option<Box<Reader>>) {
        let mut out = self.lock();
        let server = out.task.clone().filter(|_| out.served);
        if server.is_some() && reader.is_some() {
            out.extras().returned = reader.take();
        }
        let abandoned = self.halves.fetch_sub(1, Ordering::AcqRel) == 1;
        drop(out);
        match server {
            _ if !abandoned => {}
            // It looks by itself when the poll has ended.
            Some(_) if self.is_polled() => {}
            Some(server) => server.wake(),
            None => {
                // Its last messages are counted before the end is.
                drop(reader);
                self.write_out();
                self.fail(Cause::Terminated);
            }
        }
    }

    /// Whether the application has dropped both halves.
    #[cfg(feature = "server")]
    fn is_abandoned(&self) -> bool {
        self.halves.load(Ordering::Acquire) == 0
    }

    /// From now on the task behind `server` closes the connection when it has been dropped.
    #[cfg(feature = "server")]
    pub(crate) fn serve(&self, server: Waker) {
        let mut out = self.lock();
        let before = out.task.replace(server);
        out.served = true;
        drop(out);
        drop(before);
    }

    /// The reader, once the application has dropped both halves.
    #[cfg(feature = "server")]
    pub(crate) fn take_abandoned(&self) -> Option<Box<Reader>> {
        self.is_abandoned().then(|| self.lock().take_returned()).flatten()
    }

    /// Ends what [`serve`](Self::serve) began, and the connection if it has been dropped.
    #[cfg(feature = "server")]
    pub(crate) fn unserve(self: &Arc<Self>) {
        let mut out = self.lock();
        out.served = false;
        let reader = out.reader.take().map(|reader| *reader);
        let served = std::mem::replace(&mut out.task, reader);
        // A reader that stays here would keep the link alive, and the link the reader.
        let returned = out.take_returned();
        drop(out);
        drop((served, returned));
        if self.is_abandoned() {
            self.write_out();
            self.fail(Cause::Terminated);
        }
    }

    /// Sends a ping whose pong tells the round-trip time.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn measure_round_trip(self: &Arc<Self>) -> Result<(), Unsent> {
        let mut out = self.lock();
        out.check_open()?;
        self.ping(&mut out)?;
        self.request_flush();
        Ok(())
    }

    fn ping(&self, out: &mut Out) -> Result<(), SendError> {
        let nonce = out.timers.round_trip.ping(self.info.since().elapsed(), entropy::random());
        out.queue(|sender, output| sender.ping(&nonce, output))?;
        self.counters().control(Direction::Sent, Control::Ping);
        Ok(())
    }

    /// A pong has come.
    pub(crate) fn note_pong(&self, payload: &[u8]) {
        let took = self.lock().timers.round_trip.pong(payload, || self.info.since().elapsed());
        self.counters().pong(took);
    }

    /// How long the last ping and its pong took.
    pub(crate) fn round_trip_time(&self) -> Option<Duration> {
        self.lock().timers.round_trip.took()
    }

    /// Drops a compression context that was not used since the last call.
    pub(super) fn drop_idle_compressor(&self) {
        self.lock().sender.drop_idle_compressor();
    }

    /// Looks at the timers; `passed` is the time since the last sweep.
    pub(super) fn sweep(self: &Arc<Self>, passed: timers::Millis) {
        let mut out = self.lock();
        if out.ended.is_some() {
            return;
        }
        let seen = timers::Seen {
            reads: self.reads.load(Ordering::Relaxed),
            reading: self.reading.load(Ordering::Relaxed),
            queued: !out.output.is_empty() || out.unflushed,
            closing: out.sender.is_closed(),
            lingering: out.lingering.is_some(),
        };
        let swept = out.timers.sweep(self.options(), seen, passed);
        if swept.asks {
            // Whoever has stopped reading need not tell us, so ask whether somebody still does.
            self.reading.store(false, Ordering::Relaxed);
            if let Some(reader) = out.reading_task() {
                out.wake(reader);
            }
        }
        match swept.action {
            timers::Action::None => {}
            timers::Action::Ping => {
                let _closing = self.ping(&mut out);
                drop(out);
                // At once, not when all others have been swept: the time until the pong is measured.
                self.write_out();
            }
            // Both close frames are through; only the application did not wait for the end.
            timers::Action::End(Timer::Close) if out.peer_close().is_some() => {
                self.end(&mut out, Cause::Closed);
            }
            timers::Action::End(timer) => self.end(&mut out, Cause::TimedOut(timer)),
            timers::Action::EndLinger => {
                let cause = out.lingering.unwrap_or(Cause::Closed);
                self.end(&mut out, cause);
            }
        }
    }
}

impl Out {
    /// The task to wake for whoever reads.
    fn reading_task(&self) -> Option<Waker> {
        self.reader.as_deref().or(self.task.as_ref()).cloned()
    }

    /// The same at the end, when only that of a `serve` wrapper is needed any longer.
    fn take_reading_task(&mut self) -> Option<Waker> {
        match self.reader.take() {
            Some(reader) => Some(*reader),
            None if self.served => self.task.clone(),
            None => self.task.take(),
        }
    }

    /// Takes note of the task that reads; returns what was known before and is to be dropped.
    fn note_reading(&mut self, waker: &Waker) -> (Option<Waker>, Option<Box<Waker>>) {
        if self.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            return (None, self.reader.take());
        }
        if !self.served {
            return (self.task.replace(waker.clone()), None);
        }
        match &self.reader {
            Some(reader) if reader.will_wake(waker) => (None, None),
            _ => (None, self.reader.replace(Box::new(waker.clone()))),
        }
    }
}
