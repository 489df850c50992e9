//! What can go wrong in an opening handshake.

use alloc::string::String;
use core::fmt;

use http::{HeaderName, StatusCode};

use crate::deflate::NegotiationError;

/// What is wrong with an opening handshake: the peer's part of it, or our own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The request's method is not GET.
    Method,
    /// The request came over HTTP/2 or later and is not an extended CONNECT, RFC 8441.
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
    /// A header field that has to be there is not.
    Missing(HeaderName),
    /// A header field is there twice that may be there once.
    Repeated(HeaderName),
    /// A header field has a value that it may not have.
    Malformed(HeaderName),
    /// The client speaks a version of the protocol that this server does not.
    Version,
    /// The `Origin` is not one that the server's [`OriginPolicy`](super::OriginPolicy) lets in.
    Origin(String),
    /// The request is addressed to a host that the server's [`HostPolicy`](super::HostPolicy) does
    /// not know.
    Host(String),
    /// The server's own choice of a subprotocol is none that the client asked for.
    UnofferedSubprotocol(String),
    /// The response's status is not 101: the server does not speak WebSocket here, or refuses.
    Status(StatusCode),
    /// `Sec-WebSocket-Accept` does not answer the key that was sent.
    Accept,
    /// The server agreed to an extension that was not offered.
    Extension,
    /// The parameters of permessage-deflate: those of the server's answer, or those of the client's
    /// offers where the server's policy is to refuse.
    Deflate(NegotiationError),
    /// The server chose a subprotocol that was not asked for.
    Subprotocol(String),
    /// Subprotocols were asked for but the server chose none.
    NoSubprotocol,
    /// Our own request cannot be made: a subprotocol is no token or not unique. It is told by its
    /// index, as it may be a secret.
    InvalidSubprotocol(usize),
    /// Our own request or response cannot be made: this header field belongs to the handshake.
    ReservedHeader(HeaderName),
}

impl HandshakeError {
    /// The HTTP status: what a server answers, or what it answered us.
    ///
    /// Over HTTP/2 a server answers 400 in place of 426, as there is no upgrade to ask for.
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
