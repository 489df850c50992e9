//! Who reads a connection: the application, or, while that does not, the runtime's helper.
//!
//! The reader has its place in the link, and receive calls borrow it. If none has waited since the
//! last sweep, the flusher sees to the connection: it answers pings and the peer's close frame, and
//! notices the end, but leaves data where it is. The transport wakes it by the link's own waker, as
//! it does for writing. A receive call that comes meanwhile takes the place of that waker.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU8,
            Ordering::{AcqRel, Relaxed},
        },
    },
    task::{Context, Waker},
};

use super::{Link, Reader};

/// What is known of who reads, as bits: every connection has them.
#[derive(Debug)]
pub(super) struct Reading(AtomicU8);

impl Reading {
    /// A receive call waits for bytes, or has done so: it is asked again before it counts.
    const WAITING: u8 = 1;
    /// The helper waits for them, or is about to.
    const WATCHING: u8 = 1 << 1;
    /// Nobody has waited when the last sweep came by, nor since.
    const UNREAD: u8 = 1 << 2;
    /// The helper is to see to the connection.
    const WATCHED: u8 = 1 << 3;
    /// A receive call waits for the reader, which the helper has.
    const WANTED: u8 = 1 << 4;
    /// Nobody will receive any data.
    const DISCARDED: u8 = 1 << 5;
    /// No bytes have come since the last sweep.
    const SILENT: u8 = 1 << 6;

    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(Self::SILENT))
    }

    fn has(&self, bits: u8) -> bool {
        self.0.load(Relaxed) & bits != 0
    }

    fn add(&self, bits: u8) {
        self.0.fetch_or(bits, Relaxed);
    }

    /// Takes these bits down, and tells whether any of them was up.
    fn take(&self, bits: u8) -> bool {
        self.0.fetch_and(!bits, Relaxed) & bits != 0
    }

    /// Whether somebody waits for bytes: only then can silence be the peer's.
    pub(super) fn is_anybody_waiting(&self) -> bool {
        self.has(Self::WAITING | Self::WATCHING)
    }

    pub(super) fn is_watched(&self) -> bool {
        self.has(Self::WATCHED)
    }

    /// Whoever has stopped reading need not tell us, so this asks whether somebody still does.
    pub(super) fn ask(&self) {
        self.take(Self::WAITING | Self::WATCHING);
    }

    /// Whether bytes have come since this was asked before.
    pub(super) fn take_received(&self) -> bool {
        self.0.fetch_or(Self::SILENT, Relaxed) & Self::SILENT == 0
    }

    /// Bytes have come.
    pub(super) fn on_read(&self) {
        self.take(Self::WAITING | Self::WATCHING | Self::UNREAD | Self::SILENT);
    }

    /// A receive call of the application's waits for bytes.
    pub(super) fn on_wait(&self) {
        self.take(!(Self::DISCARDED | Self::SILENT));
        self.add(Self::WAITING);
    }
}

impl Link {
    /// Takes the reader out of its place, unless somebody has.
    #[inline]
    pub(crate) fn take_reader(&self) -> Option<Box<Reader>> {
        self.place.take()
    }

    /// Puts the reader into its place.
    #[inline]
    pub(crate) fn put_reader(&self, reader: Box<Reader>) {
        // There is only one, so nothing has to be dropped; written so that this is seen.
        if let Some(other) = self.place.swap(Some(reader)) {
            drop_other(other);
        }
    }

    /// Has the task behind `waker` woken when the reader, which the helper has, is back. It may be
    /// meanwhile.
    #[cold]
    pub(crate) fn want_reader(self: &Arc<Self>, waker: &Waker) -> Option<Box<Reader>> {
        self.set_reading_task(waker);
        self.reading.add(Reading::WANTED);
        self.take_reader()
    }

    /// Whether a receive call waits for bytes, or has done so.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.reading.has(Reading::WAITING)
    }

    /// A receive call that has waited was given up: unless another one comes, the helper waits in
    /// its place, as far as timers can tell from now on.
    #[cold]
    pub(crate) fn on_give_up(&self) {
        if self.reading.take(Reading::WAITING) {
            self.reading.add(Reading::WATCHING);
        }
    }

    /// The helper waits for bytes.
    pub(crate) fn on_watch(&self) {
        self.reading.add(Reading::WATCHING);
    }

    /// From now on, what comes is dropped: by the helper, unless a receive call reads.
    pub(crate) fn discard_incoming(self: &Arc<Self>) {
        self.on_unwanted();
        self.watch_soon();
    }

    /// The same from the next sweep on: who has dropped one half mostly drops the other as well.
    pub(crate) fn on_unwanted(&self) {
        self.reading.take(Reading::WAITING);
        self.reading.add(Reading::DISCARDED | Reading::UNREAD);
    }

    /// Has the helper see to a connection that nobody has read since the last sweep.
    pub(super) fn sweep_reading(self: &Arc<Self>) {
        if self.reading.has(Reading::WAITING) {
            return;
        }
        if self.reading.has(Reading::UNREAD | Reading::WATCHED) {
            self.watch_soon();
        } else {
            self.reading.add(Reading::UNREAD);
        }
    }

    /// Has the reader of a connection that has ended let go of the transport.
    pub(super) fn release(self: &Arc<Self>) {
        self.reading.take(Reading::WAITING);
        self.watch_soon();
    }

    fn watch_soon(self: &Arc<Self>) {
        self.reading.add(Reading::WATCHED);
        if !self.scheduled.swap(true, AcqRel) {
            self.helpers.schedule(Arc::clone(self));
        }
    }

    /// Sees to the connection if nobody else does: answers what the peer asks, notices its end, and
    /// drops data that nobody wants.
    pub(super) fn watch(self: &Arc<Self>) {
        if !self.reading.is_watched() || self.reading.has(Reading::WAITING) {
            return;
        }
        let Some(mut reader) = self.take_reader() else { return };
        let waker = Waker::from(Arc::clone(self));
        let discards = self.reading.has(Reading::DISCARDED);
        // Somebody may have come between the two.
        if !self.reading.has(Reading::WAITING) {
            reader.watch(&mut Context::from_waker(&waker), discards);
        }
        self.put_reader(reader);
        if self.reading.take(Reading::WANTED)
            && let Some(task) = self.take_reading_task()
        {
            task.wake();
        }
        if self.is_abandoned() {
            self.abandon();
        }
    }
}

#[cold]
fn drop_other(reader: Box<Reader>) {
    drop(reader);
}
