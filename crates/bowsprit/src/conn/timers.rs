//! The timers of one connection, as numbers that a sweep looks at now and then.

use std::{mem, num::NonZeroU32, time::Duration};

use crate::{Options, error::TimeoutKind};

/// The reader is asked so often within the idle time-out whether it still waits.
const IDLE_ASKS: u32 = 8;

/// What has happened by when.
///
/// Every open connection has one, so times are in milliseconds and 32 bits: more than a month, after
/// which they stand still.
#[derive(Debug)]
pub(super) struct Timers {
    /// `Seen::reads` at the last sweep.
    reads: u32,
    /// Time without a byte from the peer, or since the last ping.
    quiet: Millis,
    /// Time without a byte from the peer since a ping, during which the application was reading.
    unanswered: Option<Millis>,
    /// The same since the last byte, whatever was sent.
    idle: Millis,
    /// Time during which the peer took none of what waits for it.
    stalled: Millis,
    /// What is left of the time for the end of the connection, once that has begun.
    end: Option<Millis>,
    /// That time, or another, has begun since the last sweep.
    end_is_new: bool,
    /// Something was written since the last sweep.
    written: bool,
    /// The transport has handed on all that it was given, since the last sweep.
    flushed: bool,
    /// It held something back at the last sweep, and there was nothing else to be written.
    held: bool,
    /// Something was written at all, which the peer may not have read yet.
    has_written: bool,
    /// There was a sweep.
    swept: bool,
}

/// A time in milliseconds: one more than there are, so that an option takes no more space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Millis(NonZeroU32);

impl Millis {
    pub(super) const ZERO: Self = Self(NonZeroU32::MIN);

    pub(super) fn of(time: Duration) -> Self {
        Self(NonZeroU32::MIN.saturating_add(u32::try_from(time.as_millis()).unwrap_or(u32::MAX)))
    }

    const fn get(self) -> u32 {
        self.0.get() - 1
    }

    pub(super) const fn add(&mut self, passed: Self) {
        self.0 = self.0.saturating_add(passed.get());
    }

    fn sub(&mut self, passed: Self) {
        self.0 = NonZeroU32::MIN.saturating_add(self.get().saturating_sub(passed.get()));
    }
}

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.get().into())
    }
}

/// What the link looks like at a sweep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// How often the reader has got bytes.
    pub(super) reads: u32,
    /// The reader waits for bytes.
    pub(super) reading: bool,
    /// Bytes wait to be written.
    pub(super) queued: bool,
    /// All of them are the transport's, which holds them back.
    pub(super) held: bool,
    /// A close frame of ours is queued or sent, or the application has dropped the connection.
    pub(super) closing: bool,
}

/// What a sweep leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swept {
    pub(super) action: Action,
    /// The reader is to be asked whether it still waits for bytes.
    pub(super) asks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    None,
    Ping,
    End(TimeoutKind),
    /// The end of the connection takes too long.
    Cut,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            reads: 0,
            quiet: Millis::ZERO,
            unanswered: None,
            idle: Millis::ZERO,
            stalled: Millis::ZERO,
            end: None,
            end_is_new: false,
            written: false,
            flushed: false,
            held: false,
            has_written: false,
            swept: false,
        }
    }

    /// The transport has taken some bytes.
    pub(super) const fn note_written(&mut self) {
        self.written = true;
        self.has_written = true;
    }

    /// The transport has handed on all that it was given.
    pub(super) const fn note_flushed(&mut self) {
        self.flushed = true;
    }

    pub(super) const fn has_written(&self) -> bool {
        self.has_written
    }

    /// Begins the time for the end of the connection, if it has not begun: nothing extends it.
    pub(super) fn begin_end(&mut self, limit: Duration) {
        if self.end.is_none() {
            self.end = Some(Millis::of(limit));
            self.end_is_new = true;
        }
    }

    /// Begins the time for the end of the peer's transport, within that for the whole.
    pub(super) fn begin_linger(&mut self, limit: Duration) {
        let limit = Millis::of(limit);
        self.end = Some(self.end.map_or(limit, |left| left.min(limit)));
        self.end_is_new = true;
    }

    /// Counts the time that has passed since the last sweep of all connections.
    pub(super) fn sweep(&mut self, options: &Options, seen: Seen, passed: Millis) -> Swept {
        // The last sweep may have been before this connection.
        let passed = if mem::replace(&mut self.swept, true) { passed } else { Millis::ZERO };
        let silent = if mem::replace(&mut self.reads, seen.reads) == seen.reads {
            passed
        } else {
            self.quiet = Millis::ZERO;
            self.unanswered = None;
            self.idle = Millis::ZERO;
            Millis::ZERO
        };
        self.quiet.add(silent);
        let asks = self.sweep_idle(options, seen, silent);
        let action = if self.sweep_end(passed) {
            Action::Cut
        } else if self.sweep_stall(options, seen, passed) {
            Action::End(TimeoutKind::WriteStall)
        } else if !asks && self.is_idle(options, seen) {
            Action::End(TimeoutKind::Idle)
        } else {
            self.sweep_heartbeat(options, seen, passed)
        };
        Swept { action, asks: asks || self.unanswered.is_some() }
    }

    /// Whether the time for the end of the connection is over.
    fn sweep_end(&mut self, passed: Millis) -> bool {
        let Some(left) = &mut self.end else { return false };
        // What has passed may have done so before.
        if !mem::take(&mut self.end_is_new) {
            left.sub(passed);
        }
        *left == Millis::ZERO
    }

    fn sweep_stall(&mut self, options: &Options, seen: Seen, passed: Millis) -> bool {
        // What a transport takes that holds everything back, such as the answer to a ping, is no
        // progress.
        let held = mem::replace(&mut self.held, seen.held) && seen.held;
        let held = !mem::take(&mut self.flushed) && held;
        if mem::take(&mut self.written) && !held || !seen.queued {
            self.stalled = Millis::ZERO;
        } else {
            self.stalled.add(passed);
        }
        options.write_stall_timeout.is_some_and(|limit| self.stalled >= Millis::of(limit))
    }

    /// Counts the time that the reader waits in vain. Whether to ask it if it still waits: not at
    /// each sweep, as that wakes a task, but before anything ends.
    fn sweep_idle(&mut self, options: &Options, seen: Seen, silent: Millis) -> bool {
        let Some(limit) = options.idle_timeout.filter(|_| seen.reading) else { return false };
        let limit = Millis::of(limit);
        let between = (limit.get() / IDLE_ASKS).max(1);
        let asks = |idle: Millis| idle.min(limit).get() / between;
        let asked = asks(self.idle);
        self.idle.add(silent);
        asks(self.idle) != asked
    }

    /// Whether the peer has said nothing for too long. Once we have sent a close frame, that has a
    /// timer of its own.
    fn is_idle(&self, options: &Options, seen: Seen) -> bool {
        let over = |limit| self.idle >= Millis::of(limit);
        seen.reading && !seen.closing && options.idle_timeout.is_some_and(over)
    }

    fn sweep_heartbeat(&mut self, options: &Options, seen: Seen, passed: Millis) -> Action {
        let Some(heartbeat) = options.heartbeat else { return Action::None };
        if seen.reading
            && let Some(unanswered) = &mut self.unanswered
        {
            unanswered.add(passed);
            if *unanswered >= Millis::of(heartbeat.timeout) {
                return Action::End(TimeoutKind::Heartbeat);
            }
        }
        // After a close frame nothing may be sent, and the closing timer runs. A ping that has to
        // wait itself needs no other behind it.
        let waits = seen.queued && self.unanswered.is_some();
        if self.quiet < Millis::of(heartbeat.interval) || seen.closing || waits {
            return Action::None;
        }
        self.quiet = Millis::ZERO;
        self.unanswered.get_or_insert(Millis::ZERO);
        Action::Ping
    }
}
