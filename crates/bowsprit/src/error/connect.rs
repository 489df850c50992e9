//! Why a connection could not be opened.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use bytes::Bytes;
use http::Response;

#[cfg(feature = "proxy")]
use super::ProxyError;
use super::{NoRuntime, RedirectError, TimeoutKind};
use crate::{
    HandshakeError, InvalidUrl,
    head::{HeadError, ReadError},
    redacted::Redacted,
};

/// Why a client could not connect.
///
/// `?` converts it into an [`Error`](crate::Error), so that one function can connect and exchange
/// messages.
///
/// `Display` and `Debug` show neither passwords nor queries of URLs. Of a response other than 101
/// they show the status, and `Debug` also the names of header fields.
///
/// ```no_run
/// use bowsprit::ConnectError;
///
/// # async fn example() {
/// match bowsprit::connect("wss://example.com/feed").await {
///     Ok(mut ws) => drop(ws.send("hello").await),
///     Err(ConnectError::Rejected(response)) => println!("rejected with {}", response.status()),
///     Err(ConnectError::TimedOut(_)) => println!("the server took too long"),
///     Err(error) => println!("cannot connect: {error}"),
/// }
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not a WebSocket URL.
    Url(InvalidUrl),
    /// A header field of the request has an invalid name or value; the text says which.
    Header(&'static str),
    /// The URL, or that of the proxy, needs TLS, which this build does not have. No connection was
    /// made.
    NoTls,
    /// Called or awaited outside of a tokio runtime. Programs without one use
    /// [`blocking`](crate::blocking).
    NoRuntime,
    /// The host name has no address, or could not be resolved.
    Resolve {
        /// The host name.
        host: String,
        /// What the resolver reported.
        error: Arc<io::Error>,
    },
    /// A proxy's URL, possibly from the environment, is invalid; the text says why. The URL itself
    /// is left out, as it may contain a password.
    #[cfg(feature = "proxy")]
    InvalidProxy(&'static str),
    /// The proxy did not open a tunnel to the server.
    #[cfg(feature = "proxy")]
    Proxy {
        /// The proxy's URL, without user name and password.
        proxy: String,
        /// What happened.
        error: ProxyError,
    },
    /// A redirect could not be followed. (If redirects are disabled, a redirect is a
    /// [rejection](Self::Rejected).)
    Redirect {
        /// The URL that redirects, without its query, which may contain a token.
        from: String,
        /// Why it was not followed.
        error: RedirectError,
    },
    /// A callback of the application, such as [`Client::headers_fn`](crate::Client::headers_fn),
    /// failed.
    Callback(Arc<dyn StdError + Send + Sync>),
    /// The TLS handshake failed, for example because the server's certificate is not trusted; or
    /// the TLS configuration is invalid. With rustls, the inner error is a `rustls::Error` if the
    /// server is at fault.
    Tls(Arc<dyn StdError + Send + Sync>),
    /// The opening handshake failed: the server violated the protocol, or our own request is
    /// invalid.
    Handshake(HandshakeError),
    /// The server rejected the opening handshake: it answered with another status than 101. The
    /// response contains status, header fields, and at most the first 64 KiB of the body.
    Rejected(Box<Response<Bytes>>),
    /// The server's response was not valid HTTP, or incomplete.
    Http(Arc<dyn StdError + Send + Sync>),
    /// A time-out has expired.
    TimedOut(TimeoutKind),
    /// The server cannot be reached, or the transport failed during the handshake.
    Io(Arc<io::Error>),
}

impl ConnectError {
    /// The kind of I/O error that is nearest.
    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) | Self::Resolve { error, .. } => error.kind(),
            #[cfg(feature = "proxy")]
            Self::Proxy { error, .. } => error.kind(),
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(_) => io::ErrorKind::InvalidInput,
            Self::Url(_) | Self::Header(_) => io::ErrorKind::InvalidInput,
            Self::NoTls => io::ErrorKind::Unsupported,
            Self::TimedOut(_) => io::ErrorKind::TimedOut,
            Self::Rejected(_) => io::ErrorKind::ConnectionRefused,
            Self::Handshake(_) | Self::Http(_) => io::ErrorKind::InvalidData,
            Self::NoRuntime | Self::Redirect { .. } | Self::Callback(_) | Self::Tls(_) => {
                io::ErrorKind::Other
            }
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => fmt::Display::fmt(error, f),
            Self::Header(why) => write!(f, "invalid header field: {why}"),
            Self::NoTls => f.write_str(
                "wss URLs and https proxies need TLS: enable bowsprit's feature tls or native-tls",
            ),
            Self::NoRuntime => fmt::Display::fmt(&NoRuntime, f),
            Self::Resolve { host, error } => write!(f, "cannot resolve {host}: {error}"),
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(why) => write!(f, "the proxy cannot be used: {why}"),
            #[cfg(feature = "proxy")]
            Self::Proxy { proxy, error } => write!(f, "proxy {proxy}: {error}"),
            Self::Redirect { from, error } => {
                write!(f, "the redirect from {from} was not followed: {error}")
            }
            Self::Callback(error) => write!(f, "a callback of the application failed: {error}"),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Handshake(error) => write!(f, "the opening handshake failed: {error}"),
            Self::Rejected(response) => {
                write!(f, "the server rejected the connection: {}", response.status())
            }
            Self::Http(error) => write!(f, "the opening handshake failed: {error}"),
            Self::TimedOut(kind) => write!(f, "timed out: {kind}"),
            Self::Io(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl fmt::Debug for ConnectError {
    /// Of a response, names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => f.debug_tuple("Url").field(error).finish(),
            Self::Header(why) => f.debug_tuple("Header").field(why).finish(),
            Self::NoTls => f.write_str("NoTls"),
            Self::NoRuntime => f.write_str("NoRuntime"),
            Self::Resolve { host, error } => {
                f.debug_struct("Resolve").field("host", host).field("error", error).finish()
            }
            #[cfg(feature = "proxy")]
            Self::InvalidProxy(why) => f.debug_tuple("InvalidProxy").field(why).finish(),
            #[cfg(feature = "proxy")]
            Self::Proxy { proxy, error } => {
                f.debug_struct("Proxy").field("proxy", proxy).field("error", error).finish()
            }
            Self::Redirect { from, error } => {
                f.debug_struct("Redirect").field("from", from).field("error", error).finish()
            }
            Self::Callback(error) => f.debug_tuple("Callback").field(error).finish(),
            Self::Tls(error) => f.debug_tuple("Tls").field(error).finish(),
            Self::Handshake(error) => f.debug_tuple("Handshake").field(error).finish(),
            Self::Rejected(response) => {
                f.debug_tuple("Rejected").field(&Redacted(response)).finish()
            }
            Self::Http(error) => f.debug_tuple("Http").field(error).finish(),
            Self::TimedOut(kind) => f.debug_tuple("TimedOut").field(kind).finish(),
            Self::Io(error) => f.debug_tuple("Io").field(error).finish(),
        }
    }
}

impl StdError for ConnectError {
    /// What is behind the message, which covers everything that comes from this crate.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Http(error) | Self::Tls(error) | Self::Callback(error) => error.source(),
            Self::Io(error) | Self::Resolve { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl From<ConnectError> for io::Error {
    /// The kind that is nearest, with the error inside.
    fn from(error: ConnectError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<InvalidUrl> for ConnectError {
    fn from(error: InvalidUrl) -> Self {
        Self::Url(error)
    }
}

impl From<NoRuntime> for ConnectError {
    fn from(NoRuntime: NoRuntime) -> Self {
        Self::NoRuntime
    }
}

impl From<HeadError> for ConnectError {
    fn from(error: HeadError) -> Self {
        Self::Http(Arc::new(error))
    }
}

impl From<ReadError> for ConnectError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Head(error) => error.into(),
            ReadError::Io(error) => error.into(),
            // Only servers make room for others, or shut down.
            #[cfg(feature = "server")]
            ReadError::Cut | ReadError::ShuttingDown | ReadError::Unfinished => {
                io::Error::from(io::ErrorKind::ConnectionAborted).into()
            }
        }
    }
}
