//! WebSockets over HTTP/2 and later: extended CONNECT, RFC 8441 (RFC 9220 for HTTP/3).
//!
//! One stream becomes the WebSocket, so there is no upgrade of the connection and no key; all other
//! header fields are those of RFC 6455.

use alloc::boxed::Box;

use http::{Method, Request, Version};

use super::HandshakeError;

/// The `:protocol` of an extended CONNECT, RFC 8441 §4, as an extension of the request.
///
/// Whoever reads HTTP/2 puts it in, as the `http` crate has no place for it. Without it, a CONNECT
/// is one of those that ask for a tunnel.
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
    /// The protocol with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name of the protocol.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Names of protocols are compared in any case, RFC 9110 §7.8.
    fn is_websocket(&self) -> bool {
        self.0.eq_ignore_ascii_case("websocket")
    }
}

/// Whether a version of HTTP has extended CONNECT in place of `Upgrade`: RFC 9113 §8.6 "removes
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
