//! The simple server: accept, handshake, handler, closing handshake.

use std::{
    future::{Future, poll_fn},
    io, mem,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

#[cfg(any(feature = "axum", feature = "tower"))]
use super::Upgrade;
use super::{
    Server,
    handler::{Handler, Running, into_handler},
    listener::Listener,
    opening::{OpenConnection, PendingConnection},
    output::HandlerOutput,
};
#[cfg(any(feature = "axum", feature = "tower"))]
use crate::transport::AnyTransport;
use crate::{Error, WebSocket, error::check_runtime};
use http::Request;
#[cfg(any(feature = "axum", feature = "tower"))]
use hyper_util::rt::TokioIo;
use tracing::Instrument;

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that listens.
#[derive(Debug)]
pub struct BoundServer {
    server: Server,
    listeners: Vec<Listener>,
}

impl BoundServer {
    pub(super) fn new(server: Server, listener: Listener) -> Self {
        Self { server, listeners: vec![listener] }
    }

    /// Takes connections from this listener as well.
    #[must_use]
    pub fn add_listener(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// The server, for those who want to know its [`clients`](Server::clients).
    #[must_use]
    pub fn server(&self) -> Server {
        self.server.clone()
    }

    /// The address it listens on, the first if there are several.
    ///
    /// # Errors
    ///
    /// If the system does not tell, or the first listener is a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listeners[0].local_addr()
    }

    /// The listeners, in the order in which they were given.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Accepts connections for ever, and runs `handler` for each in a task of its own, or that of
    /// its [`Route`](crate::server::Route).
    ///
    /// While the handler waits for something else, what is queued for its connection through
    /// [`Handle`](crate::Handle)s and heartbeats is still written. When it returns, the connection
    /// is closed with the closing handshake: with 1000 after `Ok`, with 1011 after an error or a
    /// panic, which are logged and harm no other connection. If it has moved the connection to
    /// another task, that task owns it.
    ///
    /// A handler is a closure that ends with `Ok(())` and uses `?` for whatever errors, an
    /// `async fn` that returns nothing, or one with an error type of its own in
    /// [`handler`](crate::server::handler).
    ///
    /// # Errors
    ///
    /// [`AcceptError::NoRuntime`](crate::AcceptError::NoRuntime) outside of a tokio runtime.
    /// Failures to accept are logged and tried again.
    ///
    /// # Panics
    ///
    /// In a runtime whose builder has enabled no time or, for sockets, no I/O: with `enable_all` it
    /// has both.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the listener. Connections that are open go on.
    pub async fn serve<H, F>(self, handler: H) -> Result<(), Error>
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.serve_with(Some(into_handler(handler))).await
    }

    /// The same for servers whose [routes](crate::server::ServerBuilder::route) all have handlers.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is a [`path`](crate::server::ServerBuilder::path) without a handler,
    /// or no route at all.
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Self::serve).
    pub async fn run(self) -> Result<(), Error> {
        match &self.server.shared.without_handler {
            None => self.serve_with(None).await,
            Some(path) => {
                let message = format!("path {path:?} has no handler: give serve() one");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message).into())
            }
        }
    }

    async fn serve_with(self, handler: Option<Handler>) -> Result<(), Error> {
        check_runtime()?;
        let mut first = 0;
        loop {
            match self.accept(&mut first).await {
                Ok(pending) => ConnectionTask::spawn(self.server.clone(), pending, handler.clone()),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits for a connection at any of the listeners, which have precedence in turn.
    async fn accept(&self, first: &mut usize) -> io::Result<PendingConnection> {
        *first = (*first + 1) % self.listeners.len();
        let (others, these) = self.listeners.split_at(*first);
        let shared = &self.server.shared;
        let accepted = poll_fn(|cx| {
            let mut listeners = these.iter().chain(others);
            let accepted =
                listeners.find_map(|listener| match listener.poll_accept(cx, &shared.tcp) {
                    Poll::Ready(accepted) => Some((listener, accepted)),
                    Poll::Pending => None,
                });
            accepted.map_or(Poll::Pending, Poll::Ready)
        });
        #[cfg_attr(
            not(any(feature = "proxy-protocol", feature = "tls")),
            expect(unused_variables, reason = "for those")
        )]
        let (listener, accepted) = accepted.await;
        let (transport, peer) = accepted?;
        Ok(PendingConnection {
            #[cfg(feature = "proxy-protocol")]
            proxies: listener.proxies.clone(),
            #[cfg(feature = "tls")]
            tls: listener.encryption.or_server(shared.tls.as_ref()).cloned(),
            ..PendingConnection::new(transport, peer, shared.handshake_timeout)
        })
    }
}

/// Whether `accept` failed only because the client has gone already.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The task of a connection: the opening handshake, then the handler.
///
/// A future that waits costs memory for as long as its connection lives. This one fits into the
/// space that any task takes; what the handshake needs is freed with it.
pub(super) enum ConnectionTask {
    Opening(Pin<Box<dyn Future<Output = Option<OpenConnection>> + Send>>),
    Open(Running),
}

impl ConnectionTask {
    /// Opens a connection in a task of its own. It has this handler if its path has none.
    pub(super) fn spawn(server: Server, pending: PendingConnection, default: Option<Handler>) {
        let handshake = server.shared.begin();
        let opening = async move {
            // What went wrong was logged where it did.
            Some(server.shared.open(pending, handshake).await.ok()?.with_default(default))
        };
        drop(tokio::spawn(Self::Opening(Box::pin(opening))));
    }

    /// Has a connection that another HTTP server hands over live in a task of its own.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(super) fn spawn_upgraded(
        upgrade: Upgrade,
        upgraded: hyper::upgrade::OnUpgrade,
        request: Request<()>,
        handler: Option<Handler>,
    ) {
        let opening = async move {
            let io = upgraded.await;
            let io =
                io.inspect_err(|error| tracing::debug!(%error, "no connection was handed over"));
            let (transport, ahead) = AnyTransport::from_io(TokioIo::new(io.ok()?));
            let opened = OpenConnection::attach(upgrade, request, transport, &ahead);
            Some(opened.with_default(handler))
        };
        drop(tokio::spawn(Self::Opening(Box::pin(opening))));
    }
}

impl OpenConnection {
    /// With this handler if its path has none of its own.
    fn with_default(mut self, handler: Option<Handler>) -> Self {
        self.handler = self.handler.or(handler);
        self
    }

    /// Calls the handler of the connection, which the task of this waker will care for.
    fn begin(self, task: &Waker) -> Option<Running> {
        let handler = self.handler?;
        self.ws.link().serve(task.clone());
        Some(match self.ws.link().span() {
            // Only who has a span pays for it.
            Some(span) => {
                let running = span.in_scope(|| handler(self.ws, self.request));
                Box::pin(running.instrument(span))
            }
            None => handler(self.ws, self.request),
        })
    }
}

impl Future for ConnectionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Self::Open(running) => return running.as_mut().poll(cx),
                Self::Opening(opening) => {
                    let opened = ready!(opening.as_mut().poll(cx));
                    match opened.and_then(|opened| opened.begin(cx.waker())) {
                        Some(running) => drop(mem::replace(&mut *self, Self::Open(running))),
                        None => return Poll::Ready(()),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
