//! What is told to `tracing` of handshakes and connections, and what is not.
//!
//! Never told: payloads, reasons of close frames, queries, and the values of header fields, of which
//! subprotocols, origins and hosts are some.

use std::{fmt, future::Future, net::SocketAddr};

use http::StatusCode;
use tokio::time::Instant;
use tracing::{Instrument, Span, field};

use crate::{Error, HandshakeError, Role, link::Link, stats::Counters};

/// The span of an opening handshake.
pub(crate) fn opening(role: Role, peer: Option<SocketAddr>) -> Span {
    tracing::debug_span!(
        "opening handshake",
        role = role_name(role),
        peer = peer.map(field::display),
        host = field::Empty,
        path = field::Empty,
        status = field::Empty,
        outcome = field::Empty,
    )
}

/// Makes the span of a connection, if anybody collects it. The connection may outlive everything
/// around it, so it is a root.
pub(crate) fn opened(link: &Link, role: Role) {
    let info = link.info();
    let span = tracing::debug_span!(
        parent: None,
        "connection",
        id = link.id(),
        peer = info.peer_addr.map(field::display),
        path = &*info.path,
        role = role_name(role),
    );
    if !span.is_disabled() {
        span.in_scope(|| tracing::debug!(extensions = &*info.extensions, "connection opened"));
        link.keep_span(span);
    }
}

pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}

/// Runs an opening handshake in its span; counts and tells what it comes to.
///
/// What a server refuses is counted where it is judged: other HTTP servers ask there as well.
pub(crate) async fn watch<T>(
    counters: &Counters,
    role: Role,
    span: Span,
    opening: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let begun = Instant::now();
    let opened = opening.instrument(span.clone()).await;
    span.in_scope(|| match &opened {
        Ok(_) => tell_outcome(&span, "accepted", StatusCode::SWITCHING_PROTOCOLS),
        Err(Error::Refused(response)) => {
            let status = response.status();
            tell_outcome(&span, "refused", status);
            if role == Role::Client {
                counters.refused(status);
                tracing::debug!(status = status.as_u16(), "the server refused the connection");
            }
        }
        Err(Error::Handshake(error)) if role == Role::Server => {
            tell_outcome(&span, "refused", error.status());
        }
        Err(error) => {
            counters.failed(error);
            let timed_out = matches!(error, Error::TimedOut(_));
            span.record("outcome", if timed_out { "timed out" } else { "failed" });
            tracing::debug!(error = %Told(error), "no connection was opened");
        }
    });
    if matches!(&opened, Ok(_) | Err(Error::Refused(_) | Error::Handshake(_))) {
        counters.handshake_took(begun.elapsed());
    }
    opened
}

fn tell_outcome(span: &Span, outcome: &'static str, status: StatusCode) {
    span.record("status", status.as_u16()).record("outcome", outcome);
}

/// An error without what the peer has sent, and without queries.
struct Told<'e>(&'e Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Handshake(error) => fmt::Display::fmt(&Reason(error), f),
            #[cfg(feature = "client")]
            Error::Redirect { error, .. } => fmt::Display::fmt(error, f),
            error => fmt::Display::fmt(error, f),
        }
    }
}

/// What is wrong with a handshake, without the values that are.
pub(crate) struct Reason<'e>(pub(crate) &'e HandshakeError);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            HandshakeError::Origin(_) => "the origin is not allowed here",
            HandshakeError::Host(_) => "the host is not served here",
            HandshakeError::UnofferedSubprotocol(_) | HandshakeError::Subprotocol(_) => {
                "the subprotocol that was chosen was not offered"
            }
            HandshakeError::InvalidSubprotocol(_) => "a subprotocol is not a token or not unique",
            error => return fmt::Display::fmt(error, f),
        })
    }
}
