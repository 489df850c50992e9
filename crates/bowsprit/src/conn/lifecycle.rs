//! How a connection lives and ends: what its halves, its timers and its server tell the link.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Waker},
};

use tokio::io::AsyncWrite;

#[cfg(feature = "server")]
use super::Reader;
use super::{
    Link, Out,
    lock::{Spent, exempt},
};
use crate::{
    Close, CloseCode,
    error::EndReason,
    stats::{Direction, Policy},
};

impl Link {
    /// Whether the connection has ended, whatever is still in the reader's buffer.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Why it is over, if it is.
    pub(crate) fn cause(&self) -> Option<EndReason> {
        self.look(|out| out.over)
    }

    /// Ends the connection at once, unless it has ended before.
    pub(crate) fn fail(self: &Arc<Self>, cause: EndReason) {
        self.end(&mut self.lock(), cause);
    }

    /// Ends the connection: nothing more is written, all who wait are told.
    pub(super) fn end(&self, out: &mut Out, cause: EndReason) {
        let Some(mut write) = out.write.take() else { return };
        // How it ends is settled when it is over.
        out.over.get_or_insert(cause);
        self.ended.store(true, Ordering::Release);
        out.due().tally = mem::take(&mut out.tally);
        let output = out.queue.stop();
        if !output.is_empty() {
            out.spend(Spent::Output(output));
        }
        out.collect(Policy::Closed);
        out.unflushed = false;
        // The peer is told now, even if the reader holds on to its half of the transport.
        let mut cx = Context::from_waker(Waker::noop());
        let _told = exempt(|| Pin::new(&mut *write).poll_shutdown(&mut cx));
        out.spend(Spent::Transport(write));
        out.wake_all();
        if self.reading.is_watched() {
            out.flush_due = true;
        }
        out.wake_reading_task();
    }

    /// The reader has got bytes.
    pub(crate) fn on_read(&self, len: usize) {
        self.counters().wire(Direction::Received, len);
        self.reading.on_read();
    }

    /// The reader waits for bytes; `waker` is told if the connection ends meanwhile. Whether it is
    /// that of the task behind the connection.
    pub(crate) fn set_reading_task(self: &Arc<Self>, waker: &Waker) -> bool {
        self.reading.on_wait();
        let mut out = self.lock();
        if out.is_reading(waker) {
            let other = out.reader.take();
            drop(out);
            drop(other);
            return true;
        }
        if out.reader.as_ref().is_some_and(|reader| reader.will_wake(waker)) {
            return false;
        }
        drop(out);
        // Cloning a waker may run other code, as may dropping one, so not under the lock.
        let waker = waker.clone();
        let mut out = self.lock();
        let before = out.set_reading_task(waker);
        drop(out);
        drop(before);
        false
    }

    /// Takes out the task that is told if the connection ends while it waits for bytes.
    pub(crate) fn take_reading_task(self: &Arc<Self>) -> Option<Waker> {
        self.lock().take_reading_task()
    }

    /// Puts it back, or none: whoever has read meanwhile could not wait.
    pub(crate) fn restore_reading_task(self: &Arc<Self>, task: Option<Waker>) {
        let mut out = self.lock();
        let before = match task {
            Some(task) => out.set_reading_task(task),
            None => out.take_reading_task(),
        };
        drop(out);
        drop(before);
    }

    /// The connection is over with `cause`, but for the end of the transport.
    pub(crate) fn begin_linger(self: &Arc<Self>, cause: EndReason) {
        let mut out = self.lock();
        if out.has_ended() {
            return;
        }
        out.over = Some(cause);
        out.timers.begin_linger(&self.config().timers());
        out.wake_all();
        // When the lock is given back, the end is told, and what was kept is given up.
        out.due();
    }

    /// Waits in the background for the transport of a connection to end that is over.
    pub(crate) fn spawn_linger(&self, linger: impl Future<Output = ()> + Send + 'static) {
        self.helpers.spawn(linger);
    }

    /// Ends a connection whose end takes more than it may.
    pub(crate) fn cut(self: &Arc<Self>) {
        let mut out = self.lock();
        let cause = out.cut_cause();
        self.end(&mut out, cause);
    }

    /// The half that sends was dropped. If it has not finished a message, everybody else would wait
    /// for that end for as long as the other half keeps the connection.
    pub(crate) fn drop_send_half(self: &Arc<Self>) {
        let other_half_lives = self.halves.load(Ordering::Acquire) == 2;
        if other_half_lives && self.look(|out| out.queue.is_fragmented()) {
            let close = Close::new(CloseCode::INTERNAL_ERROR, "a message was not finished");
            // Refused only if it is closing anyway.
            let _closing = self.close(&close);
        }
        self.drop_half();
    }

    /// A half of the connection was dropped.
    pub(crate) fn drop_half(self: &Arc<Self>) {
        if self.halves.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.abandon();
            self.drop_data();
        }
    }

    /// Ends a connection whose halves were dropped, or has the task of a `serve` wrapper do it.
    pub(super) fn abandon(self: &Arc<Self>) {
        let server = self.look(|out| if out.served { out.task.clone() } else { None });
        match server {
            // It looks by itself when the poll has ended.
            Some(_) if self.is_polled() => {}
            Some(server) => server.wake(),
            None => self.leave(),
        }
    }

    /// Ends a connection that the application has dropped. What was sent is delivered: it is
    /// written out, and what comes meanwhile is read, for a socket that is closed with bytes unread
    /// takes back what it has sent.
    fn leave(self: &Arc<Self>) {
        // Whoever has it now comes here when it puts it back.
        let Some(reader) = self.take_reader() else { return };
        self.write_out_if_scheduled();
        let mut out = self.lock();
        if out.over.is_some() {
            // Whatever is left to be done is seen to in the background.
            drop(out);
            return drop(reader);
        }
        let delivers = out.timers.has_written() || !out.queue.is_empty();
        if delivers {
            out.begin_end(self.config());
            out.cold_state().is_leaving = true;
            out.queue.abandon_fragments();
            out.collect(Policy::Closed);
            out.end_kept();
            out.wake_all();
        }
        drop(out);
        if delivers {
            self.helpers.spawn(reader.leave());
        } else {
            drop(reader);
            self.fail(EndReason::Terminated);
        }
    }

    /// Whether the application has dropped both halves.
    pub(super) fn is_abandoned(&self) -> bool {
        self.halves.load(Ordering::Acquire) == 0
    }

    /// From now on the task behind `server` closes the connection when it has been dropped.
    #[cfg(feature = "server")]
    pub(crate) fn serve(self: &Arc<Self>, server: Waker) {
        let mut out = self.lock();
        let before = out.task.replace(server);
        out.served = true;
        drop(out);
        drop(before);
    }

    /// The reader, once the application has dropped both halves.
    #[cfg(feature = "server")]
    pub(crate) fn take_abandoned(self: &Arc<Self>) -> Option<Box<Reader>> {
        self.is_abandoned().then(|| self.take_reader()).flatten()
    }

    /// Ends what [`serve`](Self::serve) began, and the connection if it has been dropped.
    #[cfg(feature = "server")]
    pub(crate) fn unserve(self: &Arc<Self>) {
        let mut out = self.lock();
        out.served = false;
        let reader = out.reader.take().map(|reader| *reader);
        let served = mem::replace(&mut out.task, reader);
        let is_over = out.over.is_some();
        drop(out);
        drop(served);
        if self.is_abandoned() {
            let reader = self.take_reader();
            if !is_over {
                self.write_out();
                self.fail(EndReason::Terminated);
            }
            // Left here, it would keep the link alive, and the link the reader.
            drop(reader);
        }
    }
}

impl Out {
    /// Whether the connection has ended, with its transport.
    pub(super) const fn has_ended(&self) -> bool {
        self.write.is_none()
    }

    /// Wakes whoever reads, who then says again that he does.
    pub(super) fn wake_reading_task(&mut self) {
        if let Some(reader) = self.take_reading_task() {
            self.wake(reader);
        }
    }

    /// The task to wake for whoever reads. That of a `serve` wrapper stays; it is the runtime's.
    fn take_reading_task(&mut self) -> Option<Waker> {
        match self.reader.take() {
            Some(reader) => Some(*reader),
            None if self.served => self.task.clone(),
            None => self.task.take(),
        }
    }

    /// Whether the task behind the connection is the one that reads.
    pub(super) fn is_reading(&self, waker: &Waker) -> bool {
        self.task.as_ref().is_some_and(|task| task.will_wake(waker))
    }

    /// Takes note of the task that reads; returns a waker that is to be dropped.
    fn set_reading_task(&mut self, waker: Waker) -> Option<Waker> {
        if self.is_reading(&waker) {
            Some(waker)
        } else if self.served {
            self.reader.replace(Box::new(waker)).map(|before| *before)
        } else {
            self.task.replace(waker)
        }
    }
}
