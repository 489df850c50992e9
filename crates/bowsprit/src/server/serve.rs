//! A listening server: accept, opening handshake, handler, closing handshake.

use std::{
    future::{Future, poll_fn},
    io, mem,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

#[cfg(any(feature = "axum", feature = "tower"))]
use super::Upgrade;
use super::{
    Server,
    descriptors::Pace,
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

/// A server with listeners.
#[derive(Debug)]
pub struct BoundServer {
    server: Server,
    listeners: Vec<Listener>,
}

impl BoundServer {
    pub(super) fn new(server: Server, listener: Listener) -> Self {
        Self { server, listeners: vec![listener] }
    }

    /// Accepts connections from this listener as well.
    ///
    /// ```no_run
    /// use bowsprit::{Server, server::Listener};
    ///
    /// # async fn example() -> Result<(), bowsprit::Error> {
    /// let both = Server::builder()
    ///     .bind("0.0.0.0:8080")
    ///     .await?
    ///     .add_listener(Listener::bind("[::]:8080").await?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn add_listener(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// Tells systemd that the service is ready once it serves, that it is stopping once it shuts
    /// down, and that it is alive if the unit has a `WatchdogSec=`. Failures are logged. Without
    /// systemd it does nothing. Needs the feature `systemd`.
    ///
    /// One server in a process should do that. The unit needs `Type=notify`.
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    #[must_use]
    pub fn notify_systemd(self) -> Self {
        self.server.shared.systemd.enable();
        self
    }

    /// Returns the server, for example to iterate over its [`clients`](Server::clients).
    #[must_use]
    pub fn server(&self) -> Server {
        self.server.clone()
    }

    /// Returns the local address of the first listener.
    ///
    /// # Errors
    ///
    /// The system call fails, or the first listener is a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listeners[0].local_addr()
    }

    /// Returns the listeners, in the order in which they were added.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Accepts connections until the future is dropped, and runs a handler for each in a task of
    /// its own: that of its [`Route`](crate::server::Route), else `handler`.
    ///
    /// Messages queued through [`Handle`](crate::Handle)s and heartbeats are written even while the
    /// handler waits for something else. When the handler returns, the connection is closed with
    /// the closing handshake: with 1000 after `Ok`, with 1011 after an error or a panic. Errors and
    /// panics are logged and do not affect other connections. If the handler has moved the
    /// connection to another task, that task owns it.
    ///
    /// A handler is a closure that ends with `Ok(())` and may use `?` on any error, or an `async
    /// fn` that returns nothing. Wrap an `async fn` with its own error type in
    /// [`handler`](crate::server::handler).
    ///
    /// # Errors
    ///
    /// [`AcceptError::NoRuntime`](crate::AcceptError::NoRuntime) outside of a tokio runtime. If
    /// accepting fails, the error is logged and accepting is retried.
    ///
    /// # Panics
    ///
    /// If the runtime was built without time or, for sockets, without I/O enabled; `enable_all`
    /// enables both.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the listeners. Open connections are not affected.
    pub async fn serve<H, F>(self, handler: H) -> Result<(), Error>
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.serve_with(Some(into_handler(handler))).await
    }

    /// Like [`serve`](Self::serve), for servers whose [routes](crate::server::ServerBuilder::route)
    /// all have handlers.
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
        #[cfg(all(feature = "systemd", target_os = "linux"))]
        self.server.shared.systemd.on_serving();
        let shared = &self.server.shared;
        shared.log_max_connections();
        let (mut first, mut pace) = (0, Pace::new());
        loop {
            shared.wait_for_descriptor().await;
            match self.accept(&mut first).await {
                Ok(pending) => {
                    pace.accepted();
                    ConnectionTask::spawn(self.server.clone(), pending, handler.clone());
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => pace.failed(shared, &error).await,
            }
        }
    }

    /// Waits for a connection on any of the listeners, polling them in round-robin order.
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

/// Whether `accept` failed only because the client has already disconnected or, on Linux, cannot be
/// reached any more.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkDown,
        NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkDown
            | NetworkUnreachable
    )
}

/// The task of a connection: the opening handshake, then the handler.
///
/// A pending future takes memory for as long as its connection lives. This one fits into the space
/// that any task takes; the handshake's memory is freed with it.
pub(super) enum ConnectionTask {
    Opening(Pin<Box<dyn Future<Output = Option<OpenConnection>> + Send>>),
    Open(Running),
}

impl ConnectionTask {
    /// Spawns the task of a connection. `default` is the handler for paths without one.
    pub(super) fn spawn(server: Server, pending: PendingConnection, default: Option<Handler>) {
        let handshake = server.shared.begin();
        let opening = async move {
            // The error was logged where it occurred.
            Some(server.shared.open(pending, handshake).await.ok()?.with_default(default))
        };
        drop(tokio::spawn(Self::Opening(Box::pin(opening))));
    }

    /// Spawns the task of a connection that another HTTP server hands over.
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
    /// Sets the handler of a connection whose path has none.
    fn with_default(mut self, handler: Option<Handler>) -> Self {
        self.handler = self.handler.or(handler);
        self
    }

    /// Calls the connection's handler. The task of this waker will drive the connection.
    fn begin(self, task: &Waker) -> Option<Running> {
        let handler = self.handler?;
        self.ws.link().serve(task.clone());
        Some(match self.ws.link().span() {
            // Only a connection with a span pays for it.
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
