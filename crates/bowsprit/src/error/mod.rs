//! Why a connection could not be opened, or ended.

use std::{error::Error as StdError, fmt, io};

use bytes::Bytes;
use http::Response;

use crate::{Close, HandshakeError, InvalidUrl, ProtocolError, SendError};

/// Any error, for handlers: whatever they fail with, `?` converts it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The message of [`Error::NoRuntime`].
const NO_RUNTIME: &str = "there is no tokio runtime here: run this inside one, as with \
    #[tokio::main], or use bowsprit::blocking";

/// What went wrong with a connection. A clean close is not an error.
///
/// `Display` and `Debug` show neither passwords nor queries of URLs. Of a response that refuses they
/// show the status, and `Debug` the names of its header fields; for more, look into it.
#[non_exhaustive]
pub enum Error {
    /// The address is no WebSocket URL.
    Url(InvalidUrl),
    /// A header to send has a name or value that headers cannot have.
    Header(http::Error),
    /// The URL, or that of the proxy, asks for encryption, which this build does not have. No
    /// connection was made.
    NoTls,
    /// There is no tokio runtime where this was called or awaited. Programs that have none use
    /// `bowsprit::blocking`.
    NoRuntime,
    /// The host has no address, or nobody could tell.
    Resolve {
        /// The name that was asked for.
        host: String,
        /// What the resolver says.
        error: io::Error,
    },
    /// A text, perhaps one in the environment, names no proxy; why not. The text itself is not told:
    /// it may have a password in it.
    #[cfg(feature = "proxy")]
    InvalidProxy(&'static str),
    /// A proxy did not connect us.
    #[cfg(feature = "proxy")]
    Proxy {
        /// The proxy's URL, without user name and password.
        proxy: String,
        /// What happened.
        error: ProxyError,
    },
    /// The server redirects, and that was not followed. (Where redirects are not followed at all,
    /// one is a [refusal](Self::Refused).)
    #[cfg(feature = "client")]
    Redirect {
        /// The URL that redirects, without its query, which may hold a token.
        from: String,
        /// Why it was not followed.
        error: crate::RedirectError,
    },
    /// A function of the application, such as that of
    /// [`Client::headers_fn`](crate::Client::headers_fn), failed.
    Callback(BoxError),
    /// The TLS handshake failed, for example because the peer's certificate is not good; or what TLS
    /// was to use cannot be used. With rustls, the error inside is a `rustls::Error` if the peer is
    /// at fault.
    Tls(BoxError),
    /// The opening handshake failed: the peer broke a rule, or our own request is invalid.
    Handshake(HandshakeError),
    /// The server answered the opening handshake with something else than an upgrade. The response
    /// has its status and headers, and the start of its body (at most 64 KiB). On a server, this is
    /// what it has answered itself where the request broke no rule of the handshake.
    Refused(Box<Response<Bytes>>),
    /// The peer's part of the opening handshake was not HTTP, or broke off.
    Http(BoxError),
    /// The peer broke the protocol. It has been told, by a close frame with this error's
    /// [`close_code`](ProtocolError::close_code).
    Protocol(ProtocolError),
    /// What was to be sent may not be sent; nothing was.
    Send(SendError),
    /// A value to send cannot be written as JSON, or what was received is not that of such a value.
    #[cfg(feature = "json")]
    Json(serde_json::Error),
    /// The queue of a [`Handle`](crate::Handle) is full, or a fragmented message is under way;
    /// nothing was queued.
    QueueFull,
    /// The peer has closed the connection, so that a client that reconnects does so no more.
    Closed(Close<'static>),
    /// The transport ended without a close frame: close code 1006 where only a number can be told.
    Disconnected,
    /// Something took too long.
    TimedOut(TimeoutKind),
    /// The connection was cut from this side, by `terminate` or by dropping it.
    Terminated,
    /// The transport failed.
    Io(io::Error),
}

/// Which time-out has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// The connection of the transport: name, socket, proxy.
    Connect,
    /// The opening handshake, that of TLS included.
    Handshake,
    /// A sign of life from the peer after a ping.
    Heartbeat,
    /// Anything from the peer.
    Idle,
    /// That the peer takes any of the bytes that wait for it.
    WriteStall,
    /// The peer's close frame after ours.
    Close,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => fmt::Display::fmt(error, f),
            Self::Header(error) => fmt::Display::fmt(error, f),
            Self::NoTls => f.write_str(
                "wss URLs and https proxies need TLS: enable bowsprit's feature tls or native-tls",
            ),
            Self::NoRuntime => f.write_str(NO_RUNTIME),
            Self::Resolve { host, error } => write!(f, "cannot resolve {host}: {error}"),
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(why) => write!(f, "the proxy cannot be used: {why}"),
            #[cfg(feature = "proxy")]
            Self::Proxy { proxy, error } => write!(f, "proxy {proxy}: {error}"),
            #[cfg(feature = "client")]
            Self::Redirect { from, error } => {
                write!(f, "a redirect of {from} was not followed: {error}")
            }
            Self::Callback(error) => write!(f, "connecting was given up: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Handshake(error) => write!(f, "the opening handshake failed: {error}"),
            Self::Refused(response) => {
                write!(f, "the server refused the connection: {}", response.status())
            }
            Self::Http(error) => write!(f, "the opening handshake failed: {error}"),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Send(error) => fmt::Display::fmt(error, f),
            #[cfg(feature = "json")]
            Self::Json(error) => write!(f, "JSON: {error}"),
            Self::QueueFull => f.write_str("the connection's queue is full"),
            Self::Closed(close) => write!(f, "the peer has closed the connection: {close}"),
            Self::Disconnected => f.write_str("the peer went away without a close frame"),
            Self::TimedOut(timer) => write!(f, "timed out: {timer}"),
            Self::Terminated => f.write_str("the connection was cut from this side"),
            Self::Io(error) => fmt::Display::fmt(error, f),
        }
    }
}

/// How a proxy failed.
#[cfg(feature = "proxy")]
#[non_exhaustive]
pub enum ProxyError {
    /// It cannot be connected to.
    Unreachable(io::Error),
    /// It refused, with this response: 407 if it wants to know who asks.
    Refused(Box<Response<Bytes>>),
    /// The TLS handshake with it failed, for example because its certificate is not good: see
    /// [`Proxy::tls`](crate::Proxy::tls). With rustls, the error inside is a `rustls::Error`.
    Tls(BoxError),
    /// It does not speak HTTP, or broke off.
    Http(BoxError),
    /// It refused, or broke the rules of SOCKS.
    Socks(BoxError),
    /// SOCKS 4 knows no IPv6.
    Ipv6,
    /// It sent data on behalf of a server that has not been sent anything yet.
    UnexpectedData,
}

#[cfg(feature = "proxy")]
impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot be reached: {error}"),
            Self::Refused(response) => write!(f, "refused to connect: {}", response.status()),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Http(error) => write!(f, "no answer in HTTP: {error}"),
            Self::Socks(error) => write!(f, "refused to connect: {error}"),
            Self::Ipv6 => f.write_str("SOCKS 4 cannot connect to IPv6 addresses"),
            Self::UnexpectedData => {
                f.write_str("sent data before the tunnelled connection was used")
            }
        }
    }
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the server could not be reached",
            Self::Handshake => "the opening handshake took too long",
            Self::Heartbeat => "the peer did not answer a ping",
            Self::Idle => "the peer has said nothing for too long",
            Self::WriteStall => "the peer takes no data",
            Self::Close => "the peer did not answer the close frame",
        })
    }
}

impl StdError for Error {
    /// What is behind the message; the message tells all that comes from this crate.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Http(error) | Self::Tls(error) | Self::Callback(error) => error.source(),
            #[cfg(feature = "json")]
            Self::Json(error) => error.source(),
            Self::Io(error) | Self::Resolve { error, .. } => error.source(),
            _ => None,
        }
    }
}

/// Expects to be called where a runtime is.
///
/// # Errors
///
/// [`Error::NoRuntime`].
pub(crate) fn check_runtime() -> Result<(), Error> {
    tokio::runtime::Handle::try_current().map(drop).map_err(|_| Error::NoRuntime)
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<InvalidUrl> for Error {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

/// Why a connection that was open has ended, for all who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Both close frames are through.
    Closed,
    Protocol(ProtocolError),
    Disconnected,
    TimedOut(TimeoutKind),
    Terminated,
    Io(io::ErrorKind),
}

/// Why something was not queued, small enough for the path of every message: what returns an
/// [`Error`] moves all of it, even if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsent {
    /// The connection has ended.
    Ended(Cause),
    Refused(SendError),
    QueueFull,
}

impl From<SendError> for Unsent {
    fn from(error: SendError) -> Self {
        Self::Refused(error)
    }
}

impl From<Unsent> for Error {
    #[cold]
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Ended(cause) => cause.into(),
            Unsent::Refused(error) => error.into(),
            Unsent::QueueFull => Self::QueueFull,
        }
    }
}

impl From<Cause> for Error {
    /// What a send on a connection that has ended fails with.
    #[cold]
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Closed => Self::Send(SendError::Closed),
            Cause::Protocol(error) => Self::Protocol(error),
            Cause::Disconnected => Self::Disconnected,
            Cause::TimedOut(timer) => Self::TimedOut(timer),
            Cause::Terminated => Self::Terminated,
            Cause::Io(kind) => Self::Io(kind.into()),
        }
    }
}
