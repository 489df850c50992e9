//! What is recorded by `tracing` of handshakes and connections, and what is not.
//!
//! Never recorded: payloads, reasons of close frames, queries, and the values of header fields, of
//! which subprotocols, origins and hosts are some.

use std::{
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::StatusCode;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tracing::{Span, field};

#[cfg(feature = "server")]
use crate::AcceptError;
#[cfg(feature = "client")]
use crate::ConnectError;
use crate::{
    HandshakeError, Role,
    conn::Link,
    stats::{Counters, role_name},
};

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
pub(crate) fn opened(link: &Arc<Link>, role: Role) {
    let info = link.info();
    let span = tracing::debug_span!(
        parent: None,
        "connection",
        id = link.id(),
        peer = info.peer_addr().map(field::display),
        path = info.path(),
        role = role_name(role),
    );
    if !span.is_disabled() {
        span.in_scope(|| tracing::debug!(extensions = info.extensions(), "connection opened"));
        link.keep_span(span);
    }
}

pin_project! {
    /// An opening handshake that runs in its span. A client's is counted when it is over; a
    /// server's is by whoever has its guard, as other HTTP servers may have the rest of it.
    ///
    /// No `async fn`: that would hold the handshake several times.
    pub(crate) struct Instrumented<'c, F> {
        #[pin]
        pub(crate) opening: F,
        pub(crate) counters: &'c Counters,
        pub(crate) role: Role,
        pub(crate) span: Span,
        pub(crate) begun: Instant,
    }
}

impl<T: Path, E: HandshakeFailure, F: Future<Output = Result<T, E>>> Future
    for Instrumented<'_, F>
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _in_span = this.span.enter();
        let opened = ready!(this.opening.poll(cx));
        let failure = opened.as_ref().err();
        if failure.is_none_or(E::was_answered) {
            this.counters.handshake_took(this.begun.elapsed());
        }
        if let (Ok(opened), Role::Server) = (&opened, *this.role) {
            this.span.record("path", opened.path());
        }
        record_end(this.span, this.counters, *this.role, failure);
        Poll::Ready(opened)
    }
}

/// What was opened.
pub(crate) trait Path {
    /// The path that was asked for.
    fn path(&self) -> &str;
}

/// Why an opening handshake came to nothing.
pub(crate) trait HandshakeFailure {
    /// Whether there was a whole request and an answer to it, so that the time it took is counted.
    fn was_answered(&self) -> bool;

    /// The status with which the server rejected the request.
    fn rejection(&self) -> Option<StatusCode>;

    fn is_timeout(&self) -> bool;

    /// Writes it without what the peer has sent, and without queries.
    fn fmt_redacted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

#[cfg(feature = "client")]
impl HandshakeFailure for ConnectError {
    fn was_answered(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Handshake(_))
    }

    fn rejection(&self) -> Option<StatusCode> {
        match self {
            Self::Rejected(response) => Some(response.status()),
            _ => None,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    fn fmt_redacted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => fmt::Display::fmt(&Reason(error), f),
            Self::Redirect { error, .. } => fmt::Display::fmt(error, f),
            error => fmt::Display::fmt(error, f),
        }
    }
}

#[cfg(feature = "server")]
impl HandshakeFailure for AcceptError {
    fn was_answered(&self) -> bool {
        self.rejection().is_some()
    }

    fn rejection(&self) -> Option<StatusCode> {
        match self {
            Self::Rejected(response) => Some(response.status()),
            Self::Handshake(error) => Some(error.status()),
            _ => None,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }

    fn fmt_redacted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => fmt::Display::fmt(&Reason(error), f),
            error => fmt::Display::fmt(error, f),
        }
    }
}

/// Records what an opening handshake has come to, and counts a client's.
fn record_end<E: HandshakeFailure>(
    span: &Span,
    counters: &Counters,
    role: Role,
    failure: Option<&E>,
) {
    let Some(failure) = failure else {
        return record_outcome(span, "accepted", StatusCode::SWITCHING_PROTOCOLS);
    };
    if let Some(status) = failure.rejection() {
        record_outcome(span, "refused", status);
        if role == Role::Client {
            counters.refused(status);
            tracing::debug!(status = status.as_u16(), "the server rejected the connection");
        }
    } else {
        let timed_out = failure.is_timeout();
        if role == Role::Client {
            counters.failed(timed_out);
        }
        span.record("outcome", if timed_out { "timed out" } else { "failed" });
        tracing::debug!(error = %Redacted(failure), "no connection was opened");
    }
}

fn record_outcome(span: &Span, outcome: &'static str, status: StatusCode) {
    span.record("status", status.as_u16()).record("outcome", outcome);
}

/// An error without what the peer has sent, and without queries.
struct Redacted<'e, E>(&'e E);

impl<E: HandshakeFailure> fmt::Display for Redacted<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_redacted(f)
    }
}

/// What is wrong with a handshake, without the values that are.
pub(crate) struct Reason<'e>(pub(crate) &'e HandshakeError);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            HandshakeError::Origin(_) => {
                "the origin is not allowed here; ServerBuilder::allowed_origins can allow it"
            }
            HandshakeError::Host(_) => {
                "the host is not served here; ServerBuilder::allowed_hosts can allow it"
            }
            HandshakeError::ConnectProtocol(_) => "the CONNECT is for another protocol",
            HandshakeError::UnofferedSubprotocol(_) | HandshakeError::Subprotocol(_) => {
                "the subprotocol that was chosen was not offered"
            }
            HandshakeError::InvalidSubprotocol(_) => "a subprotocol is not a token or not unique",
            error => return fmt::Display::fmt(error, f),
        })
    }
}
