//! The simple server: accept, handshake, handler, closing handshake.

use std::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;

#[cfg(any(feature = "axum", feature = "tower"))]
use super::Upgrade;
use super::{
    Server,
    accept::Opened,
    arrival::Arrived,
    handler::{Handler, Running, erase},
    listener::Listener,
};
use crate::{BoxError, Close, CloseCode, Error, WebSocket, link::Link, reader::Reader};

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
    pub fn and_listen_on(mut self, listener: impl Into<Listener>) -> Self {
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
    /// its [`Route`](crate::Route).
    ///
    /// While the handler waits for something else, what is queued for its connection through
    /// [`Handle`](crate::Handle)s and heartbeats is still written. When it returns, the connection
    /// is closed with the closing handshake: with 1000 after `Ok`, with 1011 after an error or a
    /// panic, which are logged and harm no other connection. If it has moved the connection to
    /// another task, that task owns it.
    ///
    /// # Errors
    ///
    /// None at present: failures to accept are logged and tried again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the listener. Connections that are open go on.
    pub async fn serve<H, F>(self, handler: H) -> Result<(), Error>
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.serve_with(Some(erase(handler))).await
    }

    /// The same for servers whose [routes](crate::ServerBuilder::route) all have handlers.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is a [`path`](crate::ServerBuilder::path) without a handler, or no
    /// route at all.
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
        let gate = &self.server.shared.gate;
        let mut first = 0;
        loop {
            let permit = Arc::clone(&gate.pending).acquire_owned().await.ok();
            match self.accept(&mut first, permit).await {
                Ok(arrived) => {
                    let opening = Box::pin(open(self.server.clone(), arrived));
                    drop(tokio::spawn(live(opening, handler.clone())));
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits for a connection at any of the listeners, which have precedence in turn.
    async fn accept(
        &self,
        first: &mut usize,
        permit: Option<OwnedSemaphorePermit>,
    ) -> io::Result<Arrived> {
        *first = (*first + 1) % self.listeners.len();
        let (others, these) = self.listeners.split_at(*first);
        let accepted = poll_fn(|cx| {
            let mut listeners = these.iter().chain(others);
            let accepted = listeners.find_map(|listener| match listener.poll_accept(cx) {
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
        let shared = &self.server.shared;
        Ok(Arrived {
            transport,
            arrival: shared.arrival(peer),
            #[cfg(feature = "proxy-protocol")]
            proxies: listener.proxies.clone(),
            #[cfg(feature = "tls")]
            tls: listener.encryption.of(shared.tls.as_ref()).cloned(),
            permit,
        })
    }
}

/// Whether `accept` failed only because the client has gone already.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Has a connection that another HTTP server hands over live in a task of its own.
#[cfg(any(feature = "axum", feature = "tower"))]
pub(super) fn take_over(
    upgrade: Upgrade,
    upgraded: hyper::upgrade::OnUpgrade,
    request: Request<()>,
    handler: Option<Handler>,
) {
    let opening = async move {
        let io = upgraded.await;
        let io = io.inspect_err(|error| tracing::debug!(%error, "no connection was handed over"));
        let opened = Opened::new(upgrade, request, hyper_util::rt::TokioIo::new(io.ok()?), &[]);
        Some(opened.serve().await)
    };
    drop(tokio::spawn(live(Box::pin(opening), handler)));
}

/// The life of one connection.
///
/// A future that waits costs memory for as long as its connection lives, so this one holds its
/// handler once and little else: what the handshake needs is boxed, and freed with it.
#[expect(clippy::manual_async_fn, reason = "an async fn would hold its arguments twice")]
fn live(
    opening: Pin<Box<impl Future<Output = Option<Opened>>>>,
    handler: Option<Handler>,
) -> impl Future<Output = ()> {
    async move {
        let mut served = None;
        let mut running = begin(opening.await, handler, &mut served);
        let Some(Served { link, failed }) = &served else { return };
        let mut early = EarlyClose::NotBegun;
        let close_code = match failed {
            Some(code) => *code,
            None => poll_fn(|cx| poll_handler(link, &mut running, &mut early, cx)).await,
        };
        drop(running);
        match early {
            EarlyClose::NotBegun => {
                // A handler that has moved the connection elsewhere has left it to others.
                if let Some(reader) = link.take_abandoned() {
                    Box::pin(close(reader, close_code)).await;
                }
            }
            EarlyClose::Running(closing) => closing.await,
            EarlyClose::Over => {}
        }
    }
}

/// Speaks the opening handshake; `None` if that came to nothing.
async fn open(server: Server, arrived: Arrived) -> Option<Opened> {
    // What went wrong was told where it did.
    let opened = server.shared.open(arrived).await.ok()?;
    Some(opened.serve().await)
}

impl Opened {
    /// Has the current task care for the connection.
    async fn serve(self) -> Self {
        self.ws.link().serve(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await);
        self
    }
}

/// Calls the handler, for the future that it returns.
fn begin(
    opened: Option<Opened>,
    default: Option<Handler>,
    served: &mut Option<Served>,
) -> Option<Running> {
    let Opened { ws, request, handler } = opened?;
    let handler = handler.or(default)?;
    let link = Arc::clone(ws.link());
    let served = served.insert(Served { link, failed: None });
    let span = served.link.span();
    let call = || match &span {
        Some(span) => span.in_scope(|| handler(ws, request)),
        None => handler(ws, request),
    };
    let called = served
        .link
        .while_polled(|| catch_unwind(AssertUnwindSafe(call)))
        .map_err(|panic| served.failed = Some(failed(&served.link, &panic_message(&*panic))));
    match (called.ok()?, span) {
        // Only who has a span pays for it.
        (running, Some(span)) => Some(Box::pin(running.instrument(span))),
        (running, None) => Some(running),
    }
}

/// The close of a connection that its handler has dropped before it has ended.
enum EarlyClose {
    NotBegun,
    Running(Pin<Box<dyn Future<Output = ()> + Send>>),
    Over,
}

impl EarlyClose {
    /// Closes the connection once it is abandoned.
    fn poll(&mut self, link: &Link, cx: &mut Context<'_>) {
        if matches!(self, Self::NotBegun)
            && let Some(reader) = link.take_abandoned()
        {
            *self = Self::Running(Box::pin(close(reader, CloseCode::NORMAL)));
        }
        if let Self::Running(closing) = self
            && closing.as_mut().poll(cx).is_ready()
        {
            *self = Self::Over;
        }
    }
}

/// Polls a handler; its result is the code to close with.
fn poll_handler(
    link: &Arc<Link>,
    running: &mut Option<Running>,
    early: &mut EarlyClose,
    cx: &mut Context<'_>,
) -> Poll<CloseCode> {
    let mut poll = || match running {
        Some(running) => running.as_mut().poll(cx),
        None => Poll::Ready(Ok(())),
    };
    match link.while_polled(|| catch_unwind(AssertUnwindSafe(&mut poll))) {
        Ok(Poll::Ready(Ok(()))) => Poll::Ready(CloseCode::NORMAL),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(failed(link, &error)),
        Err(panic) => Poll::Ready(failed(link, &panic_message(&*panic))),
        Ok(Poll::Pending) => {
            early.poll(link, cx);
            Poll::Pending
        }
    }
}

/// Logs why a handler failed; returns the code to close with.
fn failed(link: &Link, error: &dyn fmt::Display) -> CloseCode {
    let peer = link.info().peer_addr;
    link.in_span(|| tracing::warn!(?peer, %error, "a handler failed"));
    CloseCode::INTERNAL_ERROR
}

async fn close(mut reader: Box<Reader>, code: CloseCode) {
    if let Err(error) = reader.close(&Close::from(code)).await {
        reader.link().in_span(|| tracing::debug!(%error, "no clean close"));
    }
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("with something that is no text"))
}

/// A connection that has a handler.
struct Served {
    link: Arc<Link>,
    /// The handler has panicked before it returned a future.
    failed: Option<CloseCode>,
}

impl Drop for Served {
    /// Ends the care for the connection, also when the task is aborted.
    fn drop(&mut self) {
        self.link.unserve();
    }
}
