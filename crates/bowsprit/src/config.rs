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

/// Limits and timers of an open connection, the same for clients and servers but for their
/// defaults.
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
    /// What a peer may make us hold. Default: [`Limits::SERVER`] or [`Limits::CLIENT`].
    pub limits: Limits,
    /// Looks for dead peers, and keeps silent connections open behind proxies that end them, most
    /// of them after 60 s. Default: 20 s and 20 s.
    ///
    /// The pings have payloads that cannot be guessed, and their pongs tell the
    /// [`round_trip_time`](crate::WebSocket::round_trip_time).
    pub heartbeat: Option<Heartbeat>,
    /// How long a peer may say nothing at all, be it a message, a ping or a pong, before the
    /// connection is cut. Default: `None`, for ever.
    ///
    /// For a client whose server sends pings in known intervals, this is a way to notice that it is
    /// gone without asking: the interval, and as long as a ping may be late. Nothing is sent for
    /// it. With a [`heartbeat`](Self::heartbeat) of its own, a side makes the other answer, so only
    /// one that is gone is idle, and what takes less time ends the connection. Behind a message
    /// that the application has yet to receive no time counts, nor does any after our close frame.
    pub idle_timeout: Option<Duration>,
    /// How many messages a peer may send in a second, those of one second at once; more fail the
    /// connection with 1008. Each frame of a message counts. Default: `None`, as many as it likes.
    ///
    /// What has come while the application was busy with a message before counts over all that
    /// time, so that it is the peer's rate that matters, not the application's.
    pub max_messages_per_second: Option<u32>,
    /// The same for pings. Pongs count as well, asked for or not, so it has to be more than the
    /// pings that we send. Default: `None`, as many as it likes.
    pub max_pings_per_second: Option<u32>,
    /// Answers pings as they are read. Default: true.
    ///
    /// Without it the application does, by [`pong`](crate::SendHalf::pong), in its own time but
    /// soon: RFC 6455 §5.5.2, "an endpoint MUST send a Pong frame in response". It sees pings as
    /// [`Event::Ping`](crate::Event::Ping) of `next_event` only, and nobody does
    /// [while it does not receive](crate::WebSocket#while-nobody-receives).
    pub auto_pong: bool,
    /// How long a peer may take none of the bytes that wait for it before the connection is cut.
    /// Default: 30 s. `None` lets peers pause for ever, at the cost of what is queued for them.
    ///
    /// The peer sees a reset, or the end without a close frame that browsers call 1006. This side
    /// logs it at INFO.
    pub write_stall_timeout: Option<Duration>,
    /// How long the end of a connection may take, from our close frame, or from when it was
    /// dropped, to the end of the transport: what is queued is written, the peer's close frame is
    /// awaited. Default: 10 s.
    ///
    /// To that comes a second for each 64 KiB that are queued when it begins. Nothing extends it
    /// later, neither bytes that come nor bytes that the peer takes.
    pub close_timeout: Duration,
    /// How long to wait for the end of the transport after the closing handshake, within the time
    /// for the whole end. Default: 2 s.
    ///
    /// That goes on in the background, while the runtime lives: for the application the connection
    /// is over. On a server it keeps its place until then: for `max_connections`, among the
    /// `clients`, and for `serve_until`.
    pub linger_timeout: Duration,
    /// `send` waits while more bytes than this wait to be written. Default: 64 KiB.
    pub high_water_mark: usize,
    /// [`Handle::send`](crate::Handle::send) waits while more bytes than this wait to be written.
    /// Default: 1 MiB.
    pub max_queue_len: usize,
    /// Messages that are longer are compressed on another thread, as it takes long. Default: 64
    /// KiB: at level 1 a quarter of a millisecond, at level 6 one. Fragments are compressed where
    /// they are sent; keep them short.
    pub max_inline_compression_len: usize,
    /// How many of those threads a runtime runs at once, each with a context of some 400 KiB.
    /// Further messages wait. Default: 10.
    pub max_concurrent_compressions: usize,
}

impl ConnectionConfig {
    /// What a server starts from.
    #[must_use]
    pub const fn server() -> Self {
        Self { limits: Limits::SERVER, ..Self::client() }
    }

    /// What a client starts from.
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

    /// For peers that pause on purpose: neither the heartbeat nor silence nor the write stall ends
    /// the connection.
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
    /// Sets the limits on what a peer may make us hold.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the heartbeat; `None` sends no pings.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: impl Into<Option<Heartbeat>>) -> Self {
        self.heartbeat = heartbeat.into();
        self
    }

    /// Sets the idle time-out; `None` waits for ever.
    #[must_use]
    pub fn idle_timeout(mut self, idle_timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = idle_timeout.into();
        self
    }

    /// Sets how many messages a second a peer may send; `None` sets no limit.
    #[must_use]
    pub fn max_messages_per_second(
        mut self,
        max_messages_per_second: impl Into<Option<u32>>,
    ) -> Self {
        self.max_messages_per_second = max_messages_per_second.into();
        self
    }

    /// Sets how many pings a second a peer may send; `None` sets no limit.
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

    /// Sets how long a peer may take no bytes; `None` waits for ever.
    #[must_use]
    pub fn write_stall_timeout(mut self, write_stall_timeout: impl Into<Option<Duration>>) -> Self {
        self.write_stall_timeout = write_stall_timeout.into();
        self
    }

    /// Sets how long the end of a connection may take.
    #[must_use]
    pub const fn close_timeout(mut self, close_timeout: Duration) -> Self {
        self.close_timeout = close_timeout;
        self
    }

    /// Sets how long the end of the transport may take.
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
