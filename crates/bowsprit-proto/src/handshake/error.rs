//! Errors of the opening handshake.

use alloc::string::String;
use core::fmt;

use http::{HeaderName, StatusCode};

use crate::deflate::NegotiationError;

/// An error in the opening handshake, in the peer's part of it or in our own.
///
/// ```
/// use bowsprit_proto::handshake::HandshakeError;
///
/// fn is_foreign_page(error: &HandshakeError) -> bool {
///     matches!(error, HandshakeError::Origin(_))
/// }
///
/// assert!(is_foreign_page(&HandshakeError::Origin("https://elsewhere.example".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The request's method is not GET.
    Method,
    /// The request was sent over HTTP/2 or later and is not an extended CONNECT, RFC 8441.
    ExtendedConnect,
    /// The request is an extended CONNECT for this protocol, not for `websocket`.
    ConnectProtocol(String),
    /// The request, or a 101 response, is older than HTTP/1.1.
    HttpVersion,
    /// The request's target is neither a path nor an absolute `http` or `https` URI with a host and
    /// without user information.
    RequestTarget,
    /// The request has a body.
    Body,
    /// The request does not ask for an upgrade to `websocket`.
    NoUpgrade,
    /// A required header field is missing.
    Missing(HeaderName),
    /// A header field that must be unique is repeated.
    Repeated(HeaderName),
    /// A header field has an invalid value.
    Malformed(HeaderName),
    /// The client requests a protocol version that this server does not support.
    Version,
    /// The server's [`OriginPolicy`](super::OriginPolicy) does not allow the `Origin`.
    Origin(String),
    /// The server's [`HostPolicy`](super::HostPolicy) does not allow the host that the request is
    /// addressed to.
    Host(String),
    /// This server's own choice of a subprotocol is not one that the client offered.
    UnofferedSubprotocol(String),
    /// The response's status is not 101: the server does not support WebSocket at this URL, or
    /// rejected the request.
    Status(StatusCode),
    /// `Sec-WebSocket-Accept` does not match the key that was sent.
    Accept,
    /// The server negotiated an extension that was not offered.
    Extension,
    /// The parameters of permessage-deflate are invalid: those of the server's response, or those
    /// of the client's offers if the server's policy is to reject such requests.
    Deflate(NegotiationError),
    /// The server chose a subprotocol that was not offered.
    Subprotocol(String),
    /// Subprotocols were offered but the server chose none.
    NoSubprotocol,
    /// Our own request cannot be made: a subprotocol is not a token or not unique. It is identified
    /// by its index, as it may be a secret.
    InvalidSubprotocol(usize),
    /// Our own request or response cannot be made: this header field belongs to the handshake.
    ReservedHeader(HeaderName),
}

impl HandshakeError {
    /// The HTTP status: the one that a server responds with, or the one that it sent us.
    ///
    /// Over HTTP/2 a server responds with 400 instead of 426, as there is no upgrade to require.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Method | Self::ExtendedConnect => StatusCode::METHOD_NOT_ALLOWED,
            // RFC 9220 §3.
            Self::ConnectProtocol(_) => StatusCode::NOT_IMPLEMENTED,
            Self::NoUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::UnofferedSubprotocol(_) | Self::ReservedHeader(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Status(status) => *status,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("the method of a WebSocket request must be GET"),
            Self::ExtendedConnect => {
                f.write_str("a WebSocket request over HTTP/2 must be an extended CONNECT")
            }
            Self::ConnectProtocol(name) => {
                write!(f, "protocol {name:?} is not supported; this is a WebSocket endpoint")
            }
            Self::HttpVersion => f.write_str("WebSocket needs HTTP/1.1 or later"),
            Self::RequestTarget => f.write_str(
                "the target of a WebSocket request must be a path or an http URL without user info",
            ),
            Self::Body => f.write_str("a WebSocket request may not have a body"),
            Self::NoUpgrade => f.write_str("this is a WebSocket endpoint; ask for an upgrade"),
            Self::Missing(name) => write!(f, "missing {name} header"),
            Self::Repeated(name) => write!(f, "duplicate {name} header"),
            Self::Malformed(name) => write!(f, "invalid {name} header"),
            Self::Version => f.write_str("unsupported WebSocket version"),
            Self::Origin(origin) => {
                write!(f, "origin {origin:?} is not allowed here; ")?;
                f.write_str("ServerBuilder::allowed_origins can allow it")
            }
            Self::Host(host) => {
                write!(
                    f,
                    "host {host:?} is not served here; ServerBuilder::allowed_hosts can allow it"
                )
            }
            Self::UnofferedSubprotocol(name) => {
                write!(f, "the server chose subprotocol {name:?}, which the client did not offer")
            }
            Self::Status(status) => write!(f, "the server answered {status} instead of 101"),
            Self::Accept => f.write_str("sec-websocket-accept does not match the key"),
            Self::Extension => {
                f.write_str("the server negotiated an extension that was not offered")
            }
            Self::Deflate(error) => write!(f, "{error}"),
            Self::Subprotocol(name) => {
                write!(f, "the server chose subprotocol {name:?}, which was not offered")
            }
            Self::NoSubprotocol => f.write_str("the server chose none of the subprotocols"),
            Self::InvalidSubprotocol(index) => {
                write!(f, "subprotocol number {} is not a token or not unique", index + 1)
            }
            Self::ReservedHeader(name) => {
                write!(f, "the {name} header is reserved for the handshake")
            }
        }
    }
}

impl core::error::Error for HandshakeError {}
