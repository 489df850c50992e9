//! What can go wrong: while connecting, while accepting, and with an open connection.
//!
//! * [`ConnectError`]: no connection could be opened. It contains [`InvalidUrl`],
//!   [`HandshakeError`], [`ProxyError`] and [`RedirectError`].
//! * [`AcceptError`]: no connection was accepted.
//! * [`Error`]: what happened to an open connection, such as a [`ProtocolError`] of the peer, a
//!   [`SendError`] of the application, or an expired time-out ([`TimeoutKind`]). `?` converts the
//!   two above into it.
//! * [`TryRecvError`]: why `try_recv` has no message.
//! * [`BoxError`]: any error, for handlers.
//!
//! Each message says what happened and what to do about it. The first three convert into a
//! [`std::io::Error`].

#[cfg(feature = "server")]
mod accept;
#[cfg(feature = "client")]
mod connect;
mod ended;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(feature = "client")]
mod redirect;
mod try_recv;

use std::{error::Error as StdError, fmt, io, sync::Arc};

#[cfg(feature = "server")]
pub use self::accept::AcceptError;
#[cfg(feature = "client")]
pub use self::connect::ConnectError;
pub(crate) use self::ended::{EndReason, QueueError};
#[cfg(feature = "proxy")]
pub use self::proxy::ProxyError;
#[cfg(feature = "client")]
pub use self::redirect::RedirectError;
pub use self::try_recv::TryRecvError;
pub use bowsprit_proto::{InvalidUrl, ProtocolError, SendError, handshake::HandshakeError};

use crate::Close;

/// Any error, for handlers: `?` converts every error type into it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a connection has failed. A clean close is not an error.
///
/// Functions that connect or accept fail with a [`ConnectError`] or an [`AcceptError`]; `?`
/// converts both into this.
///
/// ```no_run
/// use bowsprit::{Error, WebSocket};
///
/// async fn receive(mut ws: WebSocket) -> Result<(), Error> {
///     loop {
///         match ws.recv().await {
///             Ok(Some(message)) => println!("{message:?}"),
///             Ok(None) => return Ok(()),
///             Err(Error::Disconnected | Error::TimedOut(_)) => {
///                 println!("the peer is gone");
///                 return Ok(());
///             }
///             Err(error) => return Err(error),
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// No connection could be opened.
    #[cfg(feature = "client")]
    Connect(ConnectError),
    /// No connection was accepted.
    #[cfg(feature = "server")]
    Accept(AcceptError),
    /// The peer violated the protocol. It was sent a close frame with this error's
    /// [`close_code`](ProtocolError::close_code).
    Protocol(ProtocolError),
    /// The message or control frame must not be sent; nothing was sent.
    Send(SendError),
    /// A value cannot be serialized as JSON, or a message cannot be deserialized.
    #[cfg(feature = "json")]
    Json(Arc<serde_json::Error>),
    /// The connection's queue is full, or a fragmented message is being sent. Nothing was queued.
    QueueFull,
    /// The peer has closed the connection in a way that ends a client's reconnecting.
    Closed(Close<'static>),
    /// The transport ended without a close frame: close code 1006, where a number is needed.
    Disconnected,
    /// A time-out has expired.
    TimedOut(TimeoutKind),
    /// The connection was cut from this side, by `terminate` or by dropping it.
    Terminated,
    /// The transport failed.
    Io(Arc<io::Error>),
}

/// Which time-out has expired.
///
/// ```
/// use bowsprit::{Error, error::TimeoutKind};
///
/// fn is_peer_dead(error: &Error) -> bool {
///     matches!(error, Error::TimedOut(TimeoutKind::Heartbeat | TimeoutKind::Idle))
/// }
///
/// assert!(is_peer_dead(&Error::TimedOut(TimeoutKind::Heartbeat)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// Connecting: resolving the name, the socket, the proxy.
    Connect,
    /// The opening handshake, including that of TLS.
    Handshake,
    /// Any data from the peer after a ping of the heartbeat.
    Heartbeat,
    /// Any data from the peer.
    Idle,
    /// The peer accepting any of the queued bytes.
    WriteStall,
    /// The peer's close frame after ours.
    Close,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "client")]
            Self::Connect(error) => fmt::Display::fmt(error, f),
            #[cfg(feature = "server")]
            Self::Accept(error) => fmt::Display::fmt(error, f),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Send(error) => fmt::Display::fmt(error, f),
            #[cfg(feature = "json")]
            Self::Json(error) => write!(f, "JSON: {error}"),
            Self::QueueFull => f.write_str("the connection's queue is full"),
            Self::Closed(close) => write!(f, "the peer has closed the connection: {close}"),
            Self::Disconnected => f.write_str("the peer went away without a close frame"),
            Self::TimedOut(kind) => write!(f, "timed out: {kind}"),
            Self::Terminated => f.write_str("the connection was terminated by this side"),
            Self::Io(error) => fmt::Display::fmt(error, f),
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
    /// What is behind the message, which covers everything that comes from this crate.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            #[cfg(feature = "client")]
            Self::Connect(error) => error.source(),
            #[cfg(feature = "server")]
            Self::Accept(error) => error.source(),
            #[cfg(feature = "json")]
            Self::Json(error) => error.source(),
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl Error {
    /// The kind that programs for byte streams expect.
    fn kind(&self) -> io::ErrorKind {
        match self {
            #[cfg(feature = "client")]
            Self::Connect(error) => error.kind(),
            #[cfg(feature = "server")]
            Self::Accept(error) => error.kind(),
            Self::Io(error) => error.kind(),
            Self::Disconnected => io::ErrorKind::UnexpectedEof,
            Self::TimedOut(_) => io::ErrorKind::TimedOut,
            Self::Protocol(_) => io::ErrorKind::InvalidData,
            Self::Send(SendError::Closed) => io::ErrorKind::BrokenPipe,
            Self::Terminated => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::Other,
        }
    }
}

impl From<Error> for io::Error {
    /// The kind that is nearest, with the error inside.
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

#[cfg(feature = "client")]
impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

#[cfg(feature = "client")]
impl From<InvalidUrl> for Error {
    fn from(error: InvalidUrl) -> Self {
        Self::Connect(error.into())
    }
}

#[cfg(feature = "server")]
impl From<AcceptError> for Error {
    fn from(error: AcceptError) -> Self {
        Self::Accept(error)
    }
}

#[cfg(feature = "server")]
impl From<NoRuntime> for Error {
    fn from(error: NoRuntime) -> Self {
        Self::Accept(error.into())
    }
}

/// There is no tokio runtime where something was called that needs one.
#[cfg(any(feature = "client", feature = "server"))]
#[derive(Debug)]
pub(crate) struct NoRuntime;

#[cfg(any(feature = "client", feature = "server"))]
impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no tokio runtime here: run this inside one, as with ")?;
        f.write_str("#[tokio::main], or use bowsprit::blocking")
    }
}

#[cfg(any(feature = "client", feature = "server"))]
impl StdError for NoRuntime {}

/// Expects to be called where a runtime is.
///
/// # Errors
///
/// There is none.
#[cfg(any(feature = "client", feature = "server"))]
pub(crate) fn check_runtime() -> Result<(), NoRuntime> {
    tokio::runtime::Handle::try_current().map(drop).map_err(|_| NoRuntime)
}
