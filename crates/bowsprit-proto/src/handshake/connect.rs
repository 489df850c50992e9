//! WebSockets over HTTP/2 and later: extended CONNECT, RFC 8441 (RFC 9220 for HTTP/3).
//!
//! A single stream becomes the WebSocket, so there is no upgrade of the connection and no key. All
//! other header fields are those of RFC 6455.

use alloc::boxed::Box;

use http::{Method, Request, Version};

use super::HandshakeError;

/// The `:protocol` of an extended CONNECT, RFC 8441 §4, as an extension of the request.
///
/// The HTTP/2 implementation inserts it, as the `http` crate has no field for it. Without it, a
/// CONNECT is a request for a tunnel.
///
/// ```
/// use bowsprit_proto::handshake::{ConnectProtocol, Policy, respond};
/// use http::{Request, Version};
///
/// let request = Request::connect("https://example.com/chat")
///     .version(Version::HTTP_2)
///     .extension(ConnectProtocol::new("websocket"))
///     .header("sec-websocket-version", "13")
///     .body(())?;
/// let accepted = respond(&request, &Policy::default()).expect("it is a good request");
/// assert_eq!(accepted.response.status(), 200);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectProtocol(Box<str>);

impl ConnectProtocol {
    /// Creates the protocol with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name of the protocol.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Protocol names are case-insensitive, RFC 9110 §7.8.
    fn is_websocket(&self) -> bool {
        self.0.eq_ignore_ascii_case("websocket")
    }
}

/// Whether a version of HTTP uses extended CONNECT instead of `Upgrade`: RFC 9113 §8.6 "removes
/// support for the 101 (Switching Protocols) informational status code".
pub(super) fn is_used_by(version: Version) -> bool {
    version >= Version::HTTP_2
}

/// Whether a request is an extended CONNECT for a WebSocket.
pub(super) fn is_extended_connect<B>(request: &Request<B>) -> bool {
    check(request).is_ok()
}

/// RFC 8441 §5: "The :protocol pseudo-header field MUST be included in the CONNECT request, and it
/// MUST have a value of "websocket"".
pub(super) fn check<B>(request: &Request<B>) -> Result<(), HandshakeError> {
    if request.method() != Method::CONNECT || !is_used_by(request.version()) {
        return Err(HandshakeError::ExtendedConnect);
    }
    match request.extensions().get::<ConnectProtocol>() {
        Some(protocol) if protocol.is_websocket() => Ok(()),
        Some(protocol) => Err(HandshakeError::ConnectProtocol(protocol.as_str().into())),
        None => Err(HandshakeError::ExtendedConnect),
    }
}
