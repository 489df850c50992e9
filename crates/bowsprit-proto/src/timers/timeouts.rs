//! The timeouts of one connection: counters that a driver advances by ticks.

use core::{mem, num::NonZeroU32, time::Duration};

use super::Settings;

/// How many times per idle timeout the reader is asked whether it still waits.
const IDLE_ASKS: u32 = 8;

/// The heartbeat, the idle timeout, the write stall, and the closing timeouts of a connection.
///
/// A driver calls [`tick`](Self::tick) regularly, ideally every
/// [`tick_interval`](Settings::tick_interval), for all its connections together. So no connection
/// needs a timer of its own, and when bytes are read or written, the driver only sets a flag. A
/// timeout is counted from the first tick after its beginning, and fires at the first tick after
/// its end. So it is never early, and less than two ticks late; the idle timeout less than three,
/// as the reader is asked first. Time during which no reader waits for bytes does not count as the
/// peer's silence.
///
/// Every open connection has one, so times are 32-bit milliseconds: they stop counting after 49
/// days.
///
/// ```
/// use core::time::Duration;
/// use bowsprit_proto::timers::{Action, Settings, Snapshot, Timeout, Timers};
///
/// let settings = Settings::DEFAULT; // a ping after 20 s, and 20 s for an answer
/// let mut timers = Timers::new();
/// let silent = Snapshot { waiting: true, ..Snapshot::default() };
/// let mut happened = Vec::new();
/// for second in 0..=40 {
///     match timers.tick(&settings, silent, Duration::from_secs(second)).action {
///         Action::None => {}
///         // Send a ping here, or end the connection.
///         action => happened.push((second, action)),
///     }
/// }
/// assert_eq!(happened, [(20, Action::Ping), (40, Action::End(Timeout::Heartbeat))]);
/// ```
#[derive(Debug)]
pub struct Timers {
    /// The time of the last tick, in milliseconds that wrap around after 49 days.
    ticked: u32,
    /// Time without a byte from the peer, or since the last ping.
    quiet: Millis,
    /// Time without a byte from the peer since a ping, during which the application was reading.
    unanswered: Option<Millis>,
    /// Time without a byte from the peer, pings or not.
    idle: Millis,
    /// Time during which the peer accepted none of the bytes that wait to be written.
    stalled: Millis,
    /// What is left of the closing timeout, once closing has begun.
    end: Option<Millis>,
    begun: Begun,
    /// Something was written since the last tick.
    written: bool,
    /// The transport has flushed everything since the last tick.
    flushed: bool,
    /// It held back bytes at the last tick, and there was nothing else to write.
    held_back: bool,
    /// Something was ever written, which the peer may not have read yet.
    has_written: bool,
    /// There was a first tick.
    has_ticked: bool,
}

/// The state of a connection at a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a driver has to decide about each of them")]
pub struct Snapshot {
    /// Bytes were received from the peer since the last tick.
    pub received: bool,
    /// A reader waits for bytes from the peer. Only then does silence count as the peer's.
    pub waiting: bool,
    /// Bytes wait to be written.
    pub queued: bool,
    /// All of them are buffered by the transport, as by one that encrypts.
    pub held_back: bool,
    /// A close frame of ours is queued or sent, or the application has dropped the connection.
    pub closing: bool,
}

/// The result of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the action is the driver's to take"]
#[non_exhaustive]
pub struct TickResult {
    /// What to do now.
    pub action: Action,
    /// Ask the reader, before the next tick, whether it still waits for bytes: a timeout may fire
    /// then. A driver that always knows can ignore this.
    pub ask_reader: bool,
}

/// What a driver has to do after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to do each of them")]
pub enum Action {
    /// Nothing.
    None,
    /// Send a ping at once, such as one of a [`RoundTrip`](super::RoundTrip).
    Ping,
    /// End the connection without waiting for anything more.
    End(Timeout),
}

/// Which timeout has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver has to tell each of them")]
pub enum Timeout {
    /// The peer has sent nothing since a ping.
    Heartbeat,
    /// The peer has sent nothing.
    Idle,
    /// The peer has accepted none of the bytes that wait to be written.
    WriteStall,
    /// Closing took too long: [`Timers::begin_close`], or [`Timers::begin_linger`].
    Close,
}

/// Which part of closing has begun since the last tick. Time before that does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    Nothing,
    Whole,
    Linger,
}

/// A time in milliseconds, stored plus one, so that an `Option` takes no more space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Millis(NonZeroU32);

impl Timers {
    /// Creates the timers of a connection that is open now.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ticked: 0,
            quiet: Millis::ZERO,
            unanswered: None,
            idle: Millis::ZERO,
            stalled: Millis::ZERO,
            end: None,
            begun: Begun::Nothing,
            written: false,
            flushed: false,
            held_back: false,
            has_written: false,
            has_ticked: false,
        }
    }

    /// Records that the transport has accepted some bytes.
    #[inline]
    pub const fn on_written(&mut self) {
        self.written = true;
        self.has_written = true;
    }

    /// Records that the transport has flushed everything. Only buffering transports need this, see
    /// [`Snapshot::held_back`].
    #[inline]
    pub const fn on_flushed(&mut self) {
        self.flushed = true;
    }

    /// Whether the transport has ever accepted any bytes, which the peer may not have read yet.
    #[must_use]
    pub const fn has_written(&self) -> bool {
        self.has_written
    }

    /// Begins the closing timeout, with `queued_len` bytes waiting to be written. If it has begun
    /// before, it is not extended.
    ///
    /// Call this with our close frame, or when the application has dropped the connection.
    pub fn begin_close(&mut self, settings: &Settings, queued_len: usize) {
        if self.end.is_none() {
            self.end = Some(Millis::new(settings.close_limit(queued_len)));
            self.begun = Begun::Whole;
        }
    }

    /// Begins the timeout for the end of the peer's side of the transport. It does not extend the
    /// closing timeout.
    ///
    /// Call this when both close frames have been exchanged, or the connection has failed.
    pub fn begin_linger(&mut self, settings: &Settings) {
        let limit = Millis::new(settings.linger_timeout);
        match self.end {
            Some(_) if self.begun != Begun::Whole => self.begun = Begun::Linger,
            end => {
                self.end = Some(end.map_or(limit, |left| left.min(limit)));
                self.begun = Begun::Whole;
            }
        }
    }

    /// Counts the time since the last tick. `now` is the time since an instant that is the same for
    /// all ticks.
    ///
    /// Time that goes backwards counts as zero, as do more than 24 days between two ticks.
    pub fn tick(&mut self, settings: &Settings, seen: Snapshot, now: Duration) -> TickResult {
        let passed = self.passed(now);
        let silent = if seen.received {
            self.quiet = Millis::ZERO;
            self.unanswered = None;
            self.idle = Millis::ZERO;
            Millis::ZERO
        } else {
            passed
        };
        self.quiet.add(silent);
        let asks = self.tick_idle(settings, seen, silent);
        let action = if self.tick_end(settings, passed) {
            Action::End(Timeout::Close)
        } else if self.tick_stall(settings, seen, passed) {
            Action::End(Timeout::WriteStall)
        } else if !asks && self.is_idle(settings, seen) {
            Action::End(Timeout::Idle)
        } else {
            self.tick_heartbeat(settings, seen, passed)
        };
        TickResult { action, ask_reader: asks || self.unanswered.is_some() }
    }

    /// The time since the last tick.
    fn passed(&mut self, now: Duration) -> Millis {
        let now = wrapped_millis(now);
        let passed = now.wrapping_sub(self.ticked);
        // The last tick may have been before this connection was opened.
        if !mem::replace(&mut self.has_ticked, true) {
            self.ticked = now;
            return Millis::ZERO;
        }
        if passed > u32::MAX / 2 {
            return Millis::ZERO;
        }
        self.ticked = now;
        Millis::from_u32(passed)
    }

    /// Whether the closing timeout has fired.
    fn tick_end(&mut self, settings: &Settings, passed: Millis) -> bool {
        let Some(left) = &mut self.end else { return false };
        let begun = mem::take(&mut self.begun);
        if begun != Begun::Whole {
            left.sub(passed);
        }
        if begun == Begun::Linger {
            *left = Millis::new(settings.linger_timeout).min(*left);
        }
        *left == Millis::ZERO
    }

    fn tick_stall(&mut self, settings: &Settings, seen: Snapshot, passed: Millis) -> bool {
        // Bytes that a transport accepts but holds back, such as the answer to a ping, are not
        // progress.
        let held_back = mem::replace(&mut self.held_back, seen.held_back) && seen.held_back;
        let held_back = !mem::take(&mut self.flushed) && held_back;
        if mem::take(&mut self.written) && !held_back || !seen.queued {
            self.stalled = Millis::ZERO;
            return false;
        }
        self.stalled.add(passed);
        settings.write_stall_timeout.is_some_and(|limit| self.stalled >= Millis::new(limit))
    }

    /// Counts the time that the reader waits in vain. Returns whether to ask it if it still waits:
    /// not at each tick, as that wakes a task, but before a timeout fires.
    fn tick_idle(&mut self, settings: &Settings, seen: Snapshot, silent: Millis) -> bool {
        let Some(limit) = settings.idle_timeout.filter(|_| seen.waiting) else { return false };
        let limit = Millis::new(limit);
        let between = (limit.get() / IDLE_ASKS).max(1);
        let asks = |idle: Millis| idle.min(limit).get() / between;
        let asked = asks(self.idle);
        self.idle.add(silent);
        asks(self.idle) != asked
    }

    /// Whether the idle timeout has fired. After our close frame the closing timeout applies
    /// instead.
    fn is_idle(&self, settings: &Settings, seen: Snapshot) -> bool {
        let over = |limit| self.idle >= Millis::new(limit);
        seen.waiting && !seen.closing && settings.idle_timeout.is_some_and(over)
    }

    fn tick_heartbeat(&mut self, settings: &Settings, seen: Snapshot, passed: Millis) -> Action {
        let Some(heartbeat) = settings.heartbeat else { return Action::None };
        if seen.waiting
            && let Some(unanswered) = &mut self.unanswered
        {
            unanswered.add(passed);
            if *unanswered >= Millis::new(heartbeat.timeout) {
                return Action::End(Timeout::Heartbeat);
            }
        }
        // After a close frame nothing may be sent, and the closing timeout is running. While a ping
        // is still queued, no other is needed.
        let waits = seen.queued && self.unanswered.is_some();
        if self.quiet < Millis::new(heartbeat.interval) || seen.closing || waits {
            return Action::None;
        }
        self.quiet = Millis::ZERO;
        self.unanswered.get_or_insert(Millis::ZERO);
        Action::Ping
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Millis {
    const ZERO: Self = Self(NonZeroU32::MIN);

    fn new(time: Duration) -> Self {
        Self::from_u32(u32::try_from(time.as_millis()).unwrap_or(u32::MAX))
    }

    const fn from_u32(millis: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(millis))
    }

    const fn get(self) -> u32 {
        self.0.get() - 1
    }

    const fn add(&mut self, passed: Self) {
        self.0 = self.0.saturating_add(passed.get());
    }

    fn sub(&mut self, passed: Self) {
        *self = Self::from_u32(self.get().saturating_sub(passed.get()));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only differences count")]
const fn wrapped_millis(time: Duration) -> u32 {
    time.as_millis() as u32
}
