//! The settings of timers, and how often to check them.

use core::time::Duration;

const MAX_TICK: Duration = Duration::from_millis(500);
const MIN_TICK: Duration = Duration::from_millis(5);

/// Ticks within the shortest timeout.
const TICKS_PER_TIMEOUT: u32 = 8;

/// How many bytes per second a peer has to take while its connection ends, or else it is cut.
const LEN_PER_SECOND: usize = 64 * 1024;

/// The durations that [`Timers`](super::Timers) enforces. They are counted in whole milliseconds,
/// up to 49 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Asks silent peers whether they are alive. Default: 20 s and 20 s.
    pub heartbeat: Option<Heartbeat>,
    /// How long a peer may send nothing while the driver waits for its bytes. Default: `None`, no
    /// limit.
    pub idle_timeout: Option<Duration>,
    /// How long a peer may accept none of the bytes that wait to be written. Default: 30 s.
    pub write_stall_timeout: Option<Duration>,
    /// How long closing may take, from our close frame to the end of the transport. A second is
    /// added for each 64 KiB that are queued when closing begins. Default: 10 s.
    pub close_timeout: Duration,
    /// How long to wait for the end of the transport after the closing handshake, within
    /// `close_timeout`. Default: 2 s.
    pub linger_timeout: Duration,
}

/// Detects dead peers, whose transport does not report an error, by sending pings.
///
/// After a period of silence a ping is sent, and the peer has some time to send anything at all. An
/// idle timeout, by contrast, sends nothing.
///
/// ```
/// use core::time::Duration;
/// use bowsprit_proto::timers::Heartbeat;
///
/// // A peer that is gone is noticed after a minute.
/// let heartbeat = Heartbeat::new(Duration::from_secs(50), Duration::from_secs(10));
/// assert_eq!(heartbeat.interval + heartbeat.timeout, Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// How long the peer must be silent before a ping is sent.
    pub interval: Duration,
    /// How long to wait for any byte after the ping before the connection is cut. The time does not
    /// run while a received message waits for the application, because the pong may be behind it.
    pub timeout: Duration,
}

impl Heartbeat {
    /// Sends a ping after `interval` of silence, and ends the connection after `timeout` more.
    #[must_use]
    pub const fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout }
    }

    /// Sets how long the peer must be silent before a ping is sent.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long to wait for the answer.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Settings {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        heartbeat: Some(Heartbeat::new(Duration::from_secs(20), Duration::from_secs(20))),
        idle_timeout: None,
        write_stall_timeout: Some(Duration::from_secs(30)),
        close_timeout: Duration::from_secs(10),
        linger_timeout: Duration::from_secs(2),
    };

    /// Returns how often to call [`Timers::tick`](super::Timers::tick): eight times within the
    /// shortest of these durations, but at least every 500 ms and at most every 5 ms.
    ///
    /// A driver with one clock for all connections uses the shortest of their intervals.
    #[must_use]
    pub fn tick_interval(&self) -> Duration {
        let heartbeat = self.heartbeat.map(|heartbeat| heartbeat.interval.min(heartbeat.timeout));
        let shortest =
            [heartbeat, self.idle_timeout, self.write_stall_timeout, Some(self.close_timeout)]
                .into_iter()
                .flatten()
                .fold(self.linger_timeout, Duration::min);
        (shortest / TICKS_PER_TIMEOUT).clamp(MIN_TICK, MAX_TICK)
    }

    /// How long closing may take if `queued_len` bytes wait to be written.
    pub(super) fn close_limit(&self, queued_len: usize) -> Duration {
        self.close_timeout.saturating_add(Duration::from_secs((queued_len / LEN_PER_SECOND) as u64))
    }
}

/// Setters.
impl Settings {
    /// Sets the heartbeat; `None` for no heartbeat.
    #[must_use]
    pub const fn heartbeat(mut self, heartbeat: Option<Heartbeat>) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Sets the idle timeout; `None` for no limit.
    #[must_use]
    pub const fn idle_timeout(mut self, idle_timeout: Option<Duration>) -> Self {
        self.idle_timeout = idle_timeout;
        self
    }

    /// Sets the timeout for peers that accept no bytes; `None` for no limit.
    #[must_use]
    pub const fn write_stall_timeout(mut self, write_stall_timeout: Option<Duration>) -> Self {
        self.write_stall_timeout = write_stall_timeout;
        self
    }

    /// Sets how long closing may take.
    #[must_use]
    pub const fn close_timeout(mut self, close_timeout: Duration) -> Self {
        self.close_timeout = close_timeout;
        self
    }

    /// Sets how long to wait for the end of the transport.
    #[must_use]
    pub const fn linger_timeout(mut self, linger_timeout: Duration) -> Self {
        self.linger_timeout = linger_timeout;
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}
