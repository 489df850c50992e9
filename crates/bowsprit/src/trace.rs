//! What is told to `tracing` of handshakes and connections, and what is not.
//!
//! Never told: payloads, reasons of close frames, queries, and the values of header fields, of which
//! subprotocols, origins and hosts are some.

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

pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Server => "server",
        Role::Client => "client",
    }
}

pin_project! {
    /// An opening handshake that runs in its span, and is counted when it is over.
    ///
    /// What a server refuses is counted where it is judged: other HTTP servers ask there as well.
    ///
    /// No `async fn`: that would hold the handshake several times.
    pub(crate) struct Watched<'c, F> {
        #[pin]
        pub(crate) opening: F,
        pub(crate) counters: &'c Counters,
        pub(crate) role: Role,
        pub(crate) span: Span,
        pub(crate) begun: Instant,
    }
}

impl<T: Path, F: Future<Output = Result<T, Error>>> Future for Watched<'_, F> {
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _in_span = this.span.enter();
        let opened = ready!(this.opening.poll(cx));
        let outcome = opened.as_ref().map(|_| ());
        if outcome.is_ok() || matches!(outcome, Err(Error::Refused(_) | Error::Handshake(_))) {
            this.counters.handshake_took(this.begun.elapsed());
        }
        if let (Ok(opened), Role::Server) = (&opened, *this.role) {
            this.span.record("path", opened.path());
        }
        tell_end(this.span, this.counters, *this.role, outcome);
        Poll::Ready(opened)
    }
}

/// What was opened.
pub(crate) trait Path {
    /// The path that was asked for.
    fn path(&self) -> &str;
}

/// Counts and tells what an opening handshake has come to.
fn tell_end(span: &Span, counters: &Counters, role: Role, outcome: Result<(), &Error>) {
    match outcome {
        Ok(()) => tell_outcome(span, "accepted", StatusCode::SWITCHING_PROTOCOLS),
        Err(Error::Refused(response)) => {
            let status = response.status();
            tell_outcome(span, "refused", status);
            if role == Role::Client {
                counters.refused(status);
                tracing::debug!(status = status.as_u16(), "the server refused the connection");
            }
        }
        Err(Error::Handshake(error)) if role == Role::Server => {
            tell_outcome(span, "refused", error.status());
        }
        Err(error) => {
            counters.failed(error);
            let timed_out = matches!(error, Error::TimedOut(_));
            span.record("outcome", if timed_out { "timed out" } else { "failed" });
            tracing::debug!(error = %Told(error), "no connection was opened");
        }
    }
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
            HandshakeError::Origin(_) => {
                "the origin is not allowed here; ServerBuilder::origins can allow it"
            }
            HandshakeError::Host(_) => {
                "the host is not served here; ServerBuilder::hosts can allow it"
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
