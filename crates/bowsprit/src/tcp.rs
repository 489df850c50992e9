//! Options of TCP sockets, for clients and for listeners.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Options of TCP sockets, for a [`Client`](crate::Client) or for the connections that a
/// [`Server`](crate::Server)'s listeners accept.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::config::{Keepalive, TcpOptions};
///
/// let tcp = TcpOptions::default()
///     .keepalive(Keepalive::after(Duration::from_secs(120)).max_probes(5))
///     .user_timeout(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// `TCP_NODELAY`: sends without waiting for acknowledgements. Default: true, as frames are
    /// already written in batches.
    pub nodelay: bool,
    /// TCP keep-alive: the system checks whether a silent peer still exists. Default: `None`. A
    /// [`Heartbeat`](crate::config::Heartbeat) also detects peers that hang.
    pub keepalive: Option<Keepalive>,
    /// How long sent data may remain unacknowledged before the system closes the connection, RFC
    /// 5482. Default: `None`. Has an effect on Linux and Android only.
    pub user_timeout: Option<Duration>,
}

/// TCP keep-alive, RFC 9293 §3.8.4. Times are in whole seconds, at least one. `None` keeps the
/// system's value.
///
/// ```
/// use std::time::Duration;
/// use bowsprit::config::Keepalive;
///
/// // A peer that has vanished is noticed after 120 s and 3 × 10 s.
/// let keepalive = Keepalive::after(Duration::from_secs(120))
///     .interval(Duration::from_secs(10))
///     .max_probes(3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long a connection must be silent before the first probe.
    pub time: Duration,
    /// The time between probes. Default: `None`. Has no effect on systems without this socket
    /// option.
    pub interval: Option<Duration>,
    /// How many unanswered probes close the connection. Default: `None`. Has no effect on systems
    /// without this socket option.
    pub max_probes: Option<u32>,
}

impl Keepalive {
    /// Sends the first probe after this much silence.
    #[must_use]
    pub const fn after(time: Duration) -> Self {
        Self { time, interval: None, max_probes: None }
    }

    /// Sets how long a connection must be silent before the first probe.
    #[must_use]
    pub const fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the time between probes; `None` keeps the system's.
    #[must_use]
    pub fn interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.interval = interval.into();
        self
    }

    /// Sets the number of probes; `None` keeps the system's.
    #[must_use]
    pub fn max_probes(mut self, max_probes: impl Into<Option<u32>>) -> Self {
        self.max_probes = max_probes.into();
        self
    }

    fn parameters(self) -> TcpKeepalive {
        let parameters = TcpKeepalive::new().with_time(self.time);
        #[cfg(any(
            target_os = "android",
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "illumos",
            target_os = "ios",
            target_os = "linux",
            target_os = "macos",
            target_os = "netbsd",
            target_os = "windows",
        ))]
        let parameters = {
            let parameters = match self.interval {
                Some(interval) => parameters.with_interval(interval),
                None => parameters,
            };
            match self.max_probes {
                Some(max) => parameters.with_retries(max),
                None => parameters,
            }
        };
        parameters
    }
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, user_timeout: None }
    }
}

impl TcpOptions {
    /// Sets `TCP_NODELAY`.
    #[must_use]
    pub const fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Sets the keep-alive; `None` leaves it off.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowsprit::config::{Keepalive, TcpOptions};
    ///
    /// let options = TcpOptions::default().keepalive(Keepalive::after(Duration::from_secs(120)));
    /// ```
    #[must_use]
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.keepalive = keepalive.into();
        self
    }

    /// Sets the user time-out; `None` keeps the system's.
    #[must_use]
    pub fn user_timeout(mut self, user_timeout: impl Into<Option<Duration>>) -> Self {
        self.user_timeout = user_timeout.into();
        self
    }

    /// Sets them on a connected socket.
    pub(crate) fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(self.nodelay)?;
        if let Some(keepalive) = self.keepalive {
            SockRef::from(stream).set_tcp_keepalive(&keepalive.parameters())?;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.user_timeout.is_some() {
            SockRef::from(stream).set_tcp_user_timeout(self.user_timeout)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Options none of which is the default.
    pub(crate) fn others() -> TcpOptions {
        let seconds = Duration::from_secs;
        let keepalive =
            Keepalive { time: seconds(77), interval: Some(seconds(11)), max_probes: Some(3) };
        TcpOptions { nodelay: false, keepalive: Some(keepalive), user_timeout: Some(seconds(66)) }
    }

    /// Expects a socket to have `others`, as the system tells.
    #[track_caller]
    pub(crate) fn assert_others(stream: &TcpStream) {
        let socket = SockRef::from(stream);
        assert!(!stream.nodelay().unwrap() && socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(
            (
                socket.tcp_keepalive_time().unwrap(),
                socket.tcp_keepalive_interval().unwrap(),
                socket.tcp_keepalive_retries().unwrap(),
                socket.tcp_user_timeout().unwrap(),
            ),
            (Duration::from_secs(77), Duration::from_secs(11), 3, Some(Duration::from_secs(66)))
        );
    }

    /// Expects a socket to be as the system makes it, but for no delay.
    #[track_caller]
    pub(crate) fn assert_default(stream: &TcpStream) {
        let socket = SockRef::from(stream);
        assert!(stream.nodelay().unwrap() && !socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert!(socket.tcp_user_timeout().unwrap().is_none_or(|timeout| timeout.is_zero()));
    }
}
