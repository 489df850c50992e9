//! How an open connection behaves: limits, timers, queues, and its TCP socket.
//!
//! [`ConnectionConfig`] is passed to [`Client::config`](crate::Client::config),
//! [`ServerBuilder::config`](crate::server::ServerBuilder::config) or
//! [`Route::config`](crate::server::Route::config). It contains the [`Limits`] on what a peer may
//! send and the [`Heartbeat`] that detects dead peers. [`TcpOptions`] and [`Keepalive`] are about
//! the socket below.

use std::time::Duration;

pub use bowsprit_proto::{Limits, timers::Heartbeat};
use bowsprit_proto::{
    queue::QueueLimits,
    timers::{RateLimits, Settings},
};

#[cfg(any(feature = "client", feature = "server"))]
pub use crate::tcp::{Keepalive, TcpOptions};

/// Limits and timers of an open connection. Clients and servers have the same options, with
/// different defaults.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::{Client, ConnectionConfig, config::Heartbeat};
///
/// let heartbeat = Heartbeat::new(Duration::from_secs(30), Duration::from_secs(10));
/// let config = ConnectionConfig::client().heartbeat(heartbeat).write_stall_timeout(None);
/// let client = Client::new().config(config);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionConfig {
    /// Limits on what a peer may send. Default: [`Limits::SERVER`] or
    /// [`Limits::CLIENT`].
    pub limits: Limits,
    /// Detects dead peers, and keeps idle connections open behind proxies, most of which close them
    /// after 60 s. Default: a ping after 20 s of silence, 20 s for the answer.
    ///
    /// Payloads of these pings cannot be guessed. Their pongs give the
    /// [`round_trip_time`](crate::WebSocket::round_trip_time).
    pub heartbeat: Option<Heartbeat>,
    /// How long a peer may send nothing at all, not even a ping or a pong, before the connection is
    /// cut. Default: `None`, no limit.
    ///
    /// A client whose server sends pings at a known interval can detect a dead server by this
    /// without sending anything: set it to the interval plus the delay to tolerate. With a
    /// [`heartbeat`](Self::heartbeat) enabled a live peer always answers, so only a dead one idles;
    /// the shorter time-out fires first. The time does not run while a received message waits for
    /// the application, nor after our close frame.
    pub idle_timeout: Option<Duration>,
    /// How many messages a peer may send per second; bursts of up to one second's worth are
    /// allowed. More fail the connection with 1008. Each frame of a message counts. Default:
    /// `None`, no limit.
    ///
    /// Messages that arrive while the application is busy are counted over that whole time, so a
    /// slow application does not make a peer exceed its rate.
    pub max_messages_per_second: Option<u32>,
    /// The same for pings. Pongs count as well, whether requested or not, so the limit must be
    /// higher than the number of pings that we send. Default: `None`, no limit.
    pub max_pings_per_second: Option<u32>,
    /// Answers pings as they are read. Default: true.
    ///
    /// If false, the application must answer them by [`pong`](crate::SendHalf::pong), soon: RFC
    /// 6455 §5.5.2, "an endpoint MUST send a Pong frame in response". It sees pings only as
    /// [`Event::Ping`](crate::Event::Ping) of `next_event`. [While it does not
    /// receive](crate::WebSocket#while-nobody-receives), nothing is answered.
    pub auto_pong: bool,
    /// How long a peer may accept none of the bytes queued for it before the connection is cut.
    /// Default: 30 s. With `None` peers may pause indefinitely, and what is queued for them stays
    /// in memory.
    ///
    /// The peer sees a reset, or an end without a close frame, which browsers report as 1006. This
    /// side logs it at level info.
    pub write_stall_timeout: Option<Duration>,
    /// How long it may take to end a connection, from our close frame, or from when it was dropped,
    /// to the end of the transport. In that time what is queued is written and the peer's close
    /// frame is awaited. Default: 10 s.
    ///
    /// One second is added for each 64 KiB that are queued at the beginning. Nothing extends it
    /// later, neither received bytes nor bytes that the peer accepts.
    pub close_timeout: Duration,
    /// How long to wait for the end of the transport after the closing handshake, within
    /// [`close_timeout`](Self::close_timeout). Default: 2 s.
    ///
    /// This happens in the background, while the runtime lives; for the application the connection
    /// has ended. A server counts the connection until then: for `max_connections`, in `clients`,
    /// and for `serve_until`.
    pub linger_timeout: Duration,
    /// `send` waits while more than this many bytes are queued. Default: 64 KiB.
    pub high_water_mark: usize,
    /// [`Handle::send`](crate::Handle::send) waits while more than this many bytes are queued.
    /// Default: 1 MiB.
    pub max_queue_len: usize,
    /// Longer messages are compressed on another thread, so that they do not delay other
    /// connections. Default: 64 KiB, which take a quarter of a millisecond at level 1 and one at
    /// level 6. Fragments are always compressed where they are sent; keep them short.
    pub max_inline_compression_len: usize,
    /// How many such threads a runtime uses at once, each with a context of some 380 kB. Further
    /// messages wait. Default: 10.
    pub max_concurrent_compressions: usize,
}

impl ConnectionConfig {
    /// The defaults of a server.
    #[must_use]
    pub const fn server() -> Self {
        Self { limits: Limits::SERVER, ..Self::client() }
    }

    /// The defaults of a client.
    #[must_use]
    pub const fn client() -> Self {
        Self {
            limits: Limits::CLIENT,
            heartbeat: Settings::DEFAULT.heartbeat,
            idle_timeout: Settings::DEFAULT.idle_timeout,
            max_messages_per_second: None,
            max_pings_per_second: None,
            auto_pong: true,
            write_stall_timeout: Settings::DEFAULT.write_stall_timeout,
            close_timeout: Settings::DEFAULT.close_timeout,
            linger_timeout: Settings::DEFAULT.linger_timeout,
            high_water_mark: QueueLimits::DEFAULT.high_water_mark,
            max_queue_len: QueueLimits::DEFAULT.max_queue_len,
            max_inline_compression_len: QueueLimits::DEFAULT.max_inline_compression_len,
            max_concurrent_compressions: 10,
        }
    }

    /// Without heartbeat, idle time-out and write stall time-out, for peers that pause on purpose.
    #[must_use]
    pub const fn without_timeouts(self) -> Self {
        Self { heartbeat: None, idle_timeout: None, write_stall_timeout: None, ..self }
    }

    /// How much the peer may send in a second.
    pub(crate) const fn rates(&self) -> RateLimits {
        RateLimits::NONE
            .max_messages_per_second(self.max_messages_per_second)
            .max_pings_per_second(self.max_pings_per_second)
    }

    /// The times that the core measures.
    pub(crate) const fn timers(&self) -> Settings {
        Settings::DEFAULT
            .heartbeat(self.heartbeat)
            .idle_timeout(self.idle_timeout)
            .write_stall_timeout(self.write_stall_timeout)
            .close_timeout(self.close_timeout)
            .linger_timeout(self.linger_timeout)
    }

    /// How much may be queued.
    #[inline]
    pub(crate) const fn queue(&self) -> QueueLimits {
        QueueLimits::DEFAULT
            .high_water_mark(self.high_water_mark)
            .max_queue_len(self.max_queue_len)
            .max_inline_compression_len(self.max_inline_compression_len)
    }
}

/// Setters.
impl ConnectionConfig {
    /// Sets the limits on received data.
    ///
    /// ```
    /// use bowsprit::{ConnectionConfig, config::Limits};
    ///
    /// let config = ConnectionConfig::server().limits(Limits::SERVER.max_message_len(4096));
    /// ```
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the heartbeat; `None` sends no pings.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowsprit::{ConnectionConfig, config::Heartbeat};
    ///
    /// let heartbeat = Heartbeat::new(Duration::from_secs(50), Duration::from_secs(10));
    /// let config = ConnectionConfig::server().heartbeat(heartbeat);
    /// let silent = ConnectionConfig::server().heartbeat(None);
    /// ```
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.heartbeat = heartbeat.into();
        self
    }

    /// Sets the idle time-out; `None` sets no limit.
    #[must_use]
    pub fn idle_timeout(mut self, idle_timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = idle_timeout.into();
        self
    }

    /// Sets how many messages per second a peer may send; `None` sets no limit.
    #[must_use]
    pub fn max_messages_per_second(
        mut self,
        max_messages_per_second: impl Into<Option<u32>>,
    ) -> Self {
        self.max_messages_per_second = max_messages_per_second.into();
        self
    }

    /// Sets how many pings per second a peer may send; `None` sets no limit.
    #[must_use]
    pub fn max_pings_per_second(mut self, max_pings_per_second: impl Into<Option<u32>>) -> Self {
        self.max_pings_per_second = max_pings_per_second.into();
        self
    }

    /// Sets whether pings are answered as they are read.
    #[must_use]
    pub const fn auto_pong(mut self, auto_pong: bool) -> Self {
        self.auto_pong = auto_pong;
        self
    }

    /// Sets how long a peer may accept no bytes; `None` sets no limit.
    #[must_use]
    pub fn write_stall_timeout(mut self, write_stall_timeout: impl Into<Option<Duration>>) -> Self {
        self.write_stall_timeout = write_stall_timeout.into();
        self
    }

    /// Sets how long ending a connection may take.
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

    /// Sets the length of the queue above which `send` waits.
    #[must_use]
    pub const fn high_water_mark(mut self, high_water_mark: usize) -> Self {
        self.high_water_mark = high_water_mark;
        self
    }

    /// Sets the length of the queue above which handles wait.
    #[must_use]
    pub const fn max_queue_len(mut self, max_queue_len: usize) -> Self {
        self.max_queue_len = max_queue_len;
        self
    }

    /// Sets the length up to which messages are compressed in place.
    #[must_use]
    pub const fn max_inline_compression_len(mut self, max_inline_compression_len: usize) -> Self {
        self.max_inline_compression_len = max_inline_compression_len;
        self
    }

    /// Sets how many threads may compress at once.
    #[must_use]
    pub const fn max_concurrent_compressions(mut self, max_concurrent_compressions: usize) -> Self {
        self.max_concurrent_compressions = max_concurrent_compressions;
        self
    }
}
