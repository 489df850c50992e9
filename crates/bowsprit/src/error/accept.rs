//! Why a connection could not be accepted.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use bytes::Bytes;
use http::Response;

use super::{NoRuntime, TimeoutKind};
use crate::{
    HandshakeError,
    head::{HeadError, ReadError},
    redacted::Redacted,
};

/// Why a server did not accept a connection.
///
/// `?` converts it into an [`Error`](crate::Error), so that one function can accept and exchange
/// messages.
///
/// Of a response that rejects a request, `Display` and `Debug` show the status, and `Debug` also
/// the names of header fields.
///
/// ```no_run
/// use bowsprit::{AcceptError, Server};
/// use tokio::net::TcpStream;
///
/// async fn accept(server: &Server, socket: TcpStream) {
///     match server.accept(socket).await {
///         Ok(mut ws) => drop(ws.send("welcome").await),
///         Err(AcceptError::Rejected(response)) => println!("rejected with {}", response.status()),
///         Err(error) => println!("no connection: {error}"),
///     }
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum AcceptError {
    /// Called or awaited outside of a tokio runtime.
    NoRuntime,
    /// The TLS handshake failed, or the TLS configuration is invalid. With rustls, the inner error
    /// is a `rustls::Error` if the client is at fault.
    Tls(Arc<dyn StdError + Send + Sync>),
    /// The client's request was not valid HTTP, or incomplete.
    Http(Arc<dyn StdError + Send + Sync>),
    /// The request violates a rule of the opening handshake. The client was answered with the
    /// error's [`status`](HandshakeError::status).
    Handshake(HandshakeError),
    /// The server has rejected the request, with this response.
    Rejected(Box<Response<Bytes>>),
    /// The client disconnected without a request.
    Disconnected,
    /// The connection was closed before its request was received, to make room for others: see
    /// [`max_silent_connections`](crate::server::ServerBuilder::max_silent_connections).
    Evicted,
    /// The server shut down before a request was received, or before the response was written.
    ShuttingDown,
    /// A time-out has expired.
    TimedOut(TimeoutKind),
    /// The transport failed.
    Io(Arc<io::Error>),
}

impl AcceptError {
    /// The kind of I/O error that is nearest.
    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::TimedOut(_) => io::ErrorKind::TimedOut,
            Self::Disconnected => io::ErrorKind::UnexpectedEof,
            Self::Evicted | Self::ShuttingDown => io::ErrorKind::ConnectionAborted,
            Self::Rejected(_) => io::ErrorKind::PermissionDenied,
            Self::Handshake(_) | Self::Http(_) => io::ErrorKind::InvalidData,
            Self::NoRuntime | Self::Tls(_) => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => fmt::Display::fmt(&NoRuntime, f),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Http(error) => write!(f, "the opening handshake failed: {error}"),
            Self::Handshake(error) => write!(f, "the opening handshake failed: {error}"),
            Self::Rejected(response) => {
                write!(f, "the request was rejected: {}", response.status())
            }
            Self::Disconnected => f.write_str("the client went away without a request"),
            Self::Evicted => f.write_str(
                "too many connections wait to send a request \
                 (ServerBuilder::max_silent_connections)",
            ),
            Self::ShuttingDown => f.write_str("the server shuts down"),
            Self::TimedOut(kind) => write!(f, "timed out: {kind}"),
            Self::Io(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl fmt::Debug for AcceptError {
    /// Of a response, names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => f.write_str("NoRuntime"),
            Self::Tls(error) => f.debug_tuple("Tls").field(error).finish(),
            Self::Http(error) => f.debug_tuple("Http").field(error).finish(),
            Self::Handshake(error) => f.debug_tuple("Handshake").field(error).finish(),
            Self::Rejected(response) => {
                f.debug_tuple("Rejected").field(&Redacted(response)).finish()
            }
            Self::Disconnected => f.write_str("Disconnected"),
            Self::Evicted => f.write_str("Evicted"),
            Self::ShuttingDown => f.write_str("ShuttingDown"),
            Self::TimedOut(kind) => f.debug_tuple("TimedOut").field(kind).finish(),
            Self::Io(error) => f.debug_tuple("Io").field(error).finish(),
        }
    }
}

impl StdError for AcceptError {
    /// What is behind the message, which covers everything that comes from this crate.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Http(error) | Self::Tls(error) => error.source(),
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<AcceptError> for io::Error {
    /// The kind that is nearest, with the error inside.
    fn from(error: AcceptError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<HandshakeError> for AcceptError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<NoRuntime> for AcceptError {
    fn from(NoRuntime: NoRuntime) -> Self {
        Self::NoRuntime
    }
}

impl From<HeadError> for AcceptError {
    fn from(error: HeadError) -> Self {
        Self::Http(Arc::new(error))
    }
}

impl From<ReadError> for AcceptError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Head(error) => error.into(),
            ReadError::Io(error) => error.into(),
            ReadError::Cut => Self::Evicted,
            ReadError::ShuttingDown | ReadError::Unfinished => Self::ShuttingDown,
        }
    }
}
