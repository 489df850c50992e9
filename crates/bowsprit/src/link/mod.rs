//! The link: the writing side of a connection, shared by all who send on it.
//!
//! A link owns the core's [`Sender`], the [`Output`] and the write half of the transport, behind a
//! mutex that is held for the time of a few copies or one system call, and never across an await.
//! Sending *queues*; the queue is written out when the task that sends has ended its current poll:
//! by the [`serve`](crate::BoundServer::serve) wrapper for handlers, else by the
//! [flusher](flusher::Flusher) of the runtime. So whatever a task sends in one go leaves in one
//! write, and nothing waits for the application to come back.
//!
//! The transport is always polled with the link's own waker. A reader that sends pongs and a task
//! that sends messages would otherwise overwrite each other's wakers, for a transport keeps one per
//! direction.

mod flusher;
mod sweeper;
mod timers;

use std::{
    cell::Cell,
    fmt,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};

use tokio::io::AsyncWrite;

use self::{flusher::Helpers, timers::Timers};
use crate::{
    Close, Error, Event, Options, Output, ProtocolError, SendError, Sender, State, Timer,
    error::Cause, io::WriteHalf, outgoing::Outgoing, pool, reader::Reader,
};

/// How many slices one write may gather.
const MAX_SLICES: usize = 16;

thread_local! {
    /// The link whose handler is being polled on this thread, by address: its output is written
    /// when the poll has ended, so it need not be put on the flusher's list.
    static POLLED: Cell<usize> = const { Cell::new(0) };
}

/// Facts about a connection that never change.
#[derive(Debug, Default)]
pub(crate) struct Info {
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) path: Box<str>,
    pub(crate) subprotocol: Option<Box<str>>,
    pub(crate) extensions: Box<str>,
}

/// What the tasks of one connection share.
pub(crate) struct Link {
    out: Mutex<Out>,
    /// On the flusher's list, or to be flushed when the handler's poll ends.
    scheduled: AtomicBool,
    /// `Out::ended` is set; can be asked without the lock.
    ended: AtomicBool,
    /// How often the reader has got bytes.
    reads: AtomicU32,
    /// The reader waits for bytes, or has done so: it is asked again before it counts.
    reading: AtomicBool,
    /// How many halves of the connection the application holds: 0 to 2.
    halves: AtomicU8,
    helpers: Arc<Helpers>,
    options: Arc<Options>,
    info: Info,
}

struct Out {
    sender: Sender,
    output: Output,
    write: Option<WriteHalf>,
    /// Bytes were written that the transport may still hold back.
    unflushed: bool,
    peer_close: Option<Box<Close<'static>>>,
    ended: Option<Cause>,
    /// The reader waits for the transport to end, and the connection ends with this.
    lingering: Option<Cause>,
    timers: Timers,
    reader: Option<Waker>,
    waiting: Vec<Waker>,
    /// The task of a `serve` wrapper, which closes the connection when the application has dropped
    /// it. Until then it has the reader kept here.
    server: Option<Waker>,
    returned: Option<Box<Reader>>,
}

/// Whose message is queued, which decides what it has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The holder of the sending half.
    Owner,
    /// A handle: it also waits for the end of a fragmented message.
    Handle,
}

impl Link {
    /// A link for an open connection.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn new(
        sender: Sender,
        write: WriteHalf,
        info: Info,
        options: Arc<Options>,
    ) -> Arc<Self> {
        let out = Out {
            sender,
            output: Output::new(),
            write: Some(write),
            unflushed: false,
            peer_close: None,
            ended: None,
            lingering: None,
            timers: Timers::new(),
            reader: None,
            waiting: Vec::new(),
            server: None,
            returned: None,
        };
        let link = Arc::new(Self {
            out: Mutex::new(out),
            scheduled: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            reads: AtomicU32::new(0),
            reading: AtomicBool::new(false),
            halves: AtomicU8::new(2),
            helpers: Helpers::of_current_runtime(),
            options,
            info,
        });
        link.helpers.watch(&link);
        link
    }

    pub(crate) const fn info(&self) -> &Info {
        &self.info
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// How far the closing handshake has come.
    pub(crate) fn state(&self) -> State {
        let out = self.lock();
        match out.ended {
            Some(_) => State::Closed,
            None => State::of(out.peer_close.is_some(), out.sender.is_closed()),
        }
    }

    pub(crate) fn peer_close(&self) -> Option<Close<'static>> {
        self.lock().peer_close.as_deref().cloned()
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_len(&self) -> usize {
        self.lock().output.len()
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sending.
impl Link {
    /// Queues a message as soon as at most `room` bytes are queued.
    ///
    /// # Errors
    ///
    /// The connection is closing or has ended.
    pub(crate) fn poll_send(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
        origin: Origin,
    ) -> Poll<Result<(), Error>> {
        let room = self.room(origin);
        let mut out = self.lock();
        out.check_open()?;
        if !out.has_room(room, origin) {
            out.wait(cx);
            return Poll::Pending;
        }
        let Some(message) = message.take() else { return Poll::Ready(Ok(())) };
        out.queue(|sender, output| message.queue(sender, output))?;
        self.request_flush();
        Poll::Ready(Ok(()))
    }

    /// Queues a message now.
    ///
    /// # Errors
    ///
    /// [`Error::QueueFull`] where [`poll_send`](Self::poll_send) would wait.
    pub(crate) fn try_send(
        self: &Arc<Self>,
        message: Outgoing<'_>,
        origin: Origin,
    ) -> Result<(), Error> {
        let room = self.room(origin);
        let mut out = self.lock();
        out.check_open()?;
        if !out.has_room(room, origin) {
            return Err(Error::QueueFull);
        }
        out.queue(|sender, output| message.queue(sender, output))?;
        self.request_flush();
        Ok(())
    }

    /// Waits until a message may be queued.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut out = self.lock();
        out.check_open()?;
        if out.has_room(self.room(Origin::Owner), Origin::Owner) {
            return Poll::Ready(Ok(()));
        }
        out.wait(cx);
        Poll::Pending
    }

    /// Queues what `queue` sends, however much is queued already.
    ///
    /// # Errors
    ///
    /// What `queue` fails with, or the connection has ended.
    pub(crate) fn queue(
        self: &Arc<Self>,
        queue: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut out = self.lock();
        out.check_open()?;
        out.queue(queue)?;
        if !out.sender.is_fragmented() || out.sender.is_closed() {
            out.wake_waiting();
        }
        self.request_flush();
        Ok(())
    }

    /// Queues the answer that an event asks for.
    pub(crate) fn respond(self: &Arc<Self>, event: &Event<'_>) {
        let mut out = self.lock();
        if let Event::Close(close) = event {
            out.peer_close = Some(Box::new(close.clone().into_owned()));
            // Nothing more may be sent, so nobody need wait for room.
            out.wake_waiting();
        }
        self.answer(out, |sender, output| sender.respond(event, output));
    }

    /// Queues the close frame that tells the peer what it did wrong.
    pub(crate) fn fail_protocol(self: &Arc<Self>, error: &ProtocolError) {
        let mut out = self.lock();
        out.wake_waiting();
        self.answer(out, |sender, output| sender.fail(error, output));
    }

    /// Queues what the core has to say, unless it is too late.
    fn answer(
        self: &Arc<Self>,
        mut out: MutexGuard<'_, Out>,
        answer: impl FnOnce(&mut Sender, &mut Output),
    ) {
        if out.ended.is_some() {
            return;
        }
        out.lend_block();
        let Out { sender, output, .. } = &mut *out;
        answer(sender, output);
        self.request_flush();
    }

    fn room(&self, origin: Origin) -> usize {
        match origin {
            Origin::Owner => self.options.high_water_len,
            Origin::Handle => self.options.max_queue_len,
        }
    }
}

/// Writing out.
impl Link {
    /// Writes out what is queued, as far as the transport takes it.
    pub(crate) fn write_out(self: &Arc<Self>) {
        self.scheduled.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(self));
        let mut out = self.lock();
        match out.write_out(&mut Context::from_waker(&waker)) {
            Err(error) => self.end(&mut out, Cause::Io(error.kind())),
            // Those who wait may call this themselves: without progress they would wake each other
            // for ever.
            Ok(progress) if progress && out.output.len() <= self.options.high_water_len / 2 => {
                out.wake_waiting();
            }
            Ok(_) => {}
        }
    }

    /// Writes out what a handler's poll has queued.
    #[cfg(feature = "server")]
    pub(crate) fn write_out_if_scheduled(self: &Arc<Self>) {
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
        if out.output.is_empty() && !out.unflushed {
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
    fn request_flush(self: &Arc<Self>) {
        if self.scheduled.load(Ordering::Relaxed) {
            return;
        }
        if !self.scheduled.swap(true, Ordering::AcqRel) && !self.is_polled() {
            self.helpers.schedule(Arc::clone(self));
        }
    }
}

/// The life of the connection.
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
    fn end(&self, out: &mut Out, cause: Cause) {
        if out.ended.is_some() {
            return;
        }
        out.ended = Some(cause);
        self.ended.store(true, Ordering::Release);
        out.output = Output::new();
        out.unflushed = false;
        if let Some(mut write) = out.write.take() {
            // The peer is told now, even if the reader holds on to its half of the transport.
            let _told = Pin::new(&mut write).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
        out.wake_waiting();
        if let Some(reader) = out.reader.take() {
            reader.wake();
        }
    }

    /// The reader has got bytes.
    pub(crate) fn note_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.reading.store(false, Ordering::Relaxed);
    }

    /// The reader waits for bytes; `waker` is told if the connection ends meanwhile.
    pub(crate) fn note_reading(&self, waker: Option<&Waker>) {
        self.reading.store(true, Ordering::Relaxed);
        if let Some(waker) = waker {
            self.lock().reader = Some(waker.clone());
        }
    }

    /// The reader waits for the transport to end; the connection will have ended with `cause`.
    pub(crate) fn note_lingering(&self, cause: Cause) {
        self.lock().lingering = Some(cause);
    }

    /// A half of the connection was dropped.
    pub(crate) fn drop_half(self: &Arc<Self>, mut reader: Option<Box<Reader>>) {
        let mut out = self.lock();
        let server = out.server.clone();
        if server.is_some() && reader.is_some() {
            out.returned = reader.take();
        }
        let abandoned = self.halves.fetch_sub(1, Ordering::AcqRel) == 1;
        drop(out);
        match server {
            _ if !abandoned => {}
            // It looks by itself when the poll has ended.
            Some(_) if self.is_polled() => {}
            Some(server) => server.wake(),
            None => {
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
        self.lock().server = Some(server);
    }

    /// The reader, once the application has dropped both halves.
    #[cfg(feature = "server")]
    pub(crate) fn take_abandoned(&self) -> Option<Box<Reader>> {
        self.is_abandoned().then(|| self.lock().returned.take()).flatten()
    }

    /// Ends what [`serve`](Self::serve) began, and the connection if it has been dropped.
    #[cfg(feature = "server")]
    pub(crate) fn unserve(&self) {
        let mut out = self.lock();
        out.server = None;
        // A reader that stays here would keep the link alive, and the link the reader.
        let returned = out.returned.take();
        drop(out);
        drop(returned);
        if self.is_abandoned() {
            self.fail(Cause::Terminated);
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

    fn is_polled(&self) -> bool {
        POLLED.get() == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Looks at the timers; `passed` is the time since the last sweep.
    fn sweep(self: &Arc<Self>, passed: timers::Millis) {
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
        let action = out.timers.sweep(&self.options, seen, passed);
        if out.timers.awaits_life() {
            // Whoever has stopped reading need not tell us, so ask whether somebody still does.
            self.reading.store(false, Ordering::Relaxed);
            if let Some(reader) = &out.reader {
                reader.wake_by_ref();
            }
        }
        match action {
            timers::Action::None => {}
            timers::Action::Ping(nonce) => {
                if out.queue(|sender, output| sender.ping(&nonce, output)).is_ok() {
                    self.request_flush();
                }
            }
            // Both close frames are through; only the application did not wait for the end.
            timers::Action::End(Timer::Close) if out.peer_close.is_some() => {
                self.end(&mut out, Cause::Closed);
            }
            timers::Action::End(timer) => {
                tracing::debug!(peer = ?self.info.peer_addr, %timer, "connection cut");
                self.end(&mut out, Cause::TimedOut(timer));
            }
            timers::Action::EndLinger => {
                let cause = out.lingering.unwrap_or(Cause::Closed);
                self.end(&mut out, cause);
            }
        }
    }
}

impl Out {
    fn check_open(&self) -> Result<(), Error> {
        match self.ended {
            Some(cause) => Err(cause.into()),
            None if self.sender.is_closed() => Err(SendError::Closed.into()),
            None => Ok(()),
        }
    }

    fn has_room(&self, room: usize, origin: Origin) -> bool {
        let interrupts = origin == Origin::Handle && self.sender.is_fragmented();
        self.output.len() <= room && !interrupts
    }

    fn queue(
        &mut self,
        queue: impl FnOnce(&mut Sender, &mut Output) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        self.lend_block();
        queue(&mut self.sender, &mut self.output)
    }

    fn lend_block(&mut self) {
        if !self.output.has_block() {
            self.output.set_block(pool::take_write_block());
        }
        if let Some(compressor) = self.sender.wanted_compressor().and_then(pool::take_compressor) {
            self.sender.lend_compressor(compressor);
        }
    }

    /// Writes as much as the transport takes, and tells whether that was anything.
    fn write_out(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let Some(write) = &mut self.write else { return Ok(false) };
        let mut progress = false;
        while !self.output.is_empty() {
            match poll_write(Pin::new(&mut *write), cx, &self.output)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => {
                    self.output.advance(written);
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
        if let Some(compressor) = self.sender.take_compressor() {
            pool::give_compressor(compressor);
        }
        if self.unflushed && Pin::new(write).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
            progress = true;
        }
        Ok(progress)
    }

    /// Wakes this task when there is more room, a fragmented message or the connection ends.
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
    }

    fn wake_waiting(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

/// Writes once: much of what a vectored write costs is spared where there is one slice only.
fn poll_write(
    write: Pin<&mut WriteHalf>,
    cx: &mut Context<'_>,
    output: &Output,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut count = 0;
    for (to, from) in slices.iter_mut().zip(output.slices()) {
        *to = IoSlice::new(from);
        count += 1;
    }
    match &slices[..count] {
        [slice] => write.poll_write(cx, slice),
        slices => write.poll_write_vectored(cx, slices),
    }
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

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("info", &self.info).field("state", &self.state()).finish()
    }
}
