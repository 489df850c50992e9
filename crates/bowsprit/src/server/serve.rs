//! The simple server: accept, handshake, handler, closing handshake.

use std::{
    any::Any,
    fmt,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use tokio::net::{TcpListener, TcpStream};

use super::Server;
use crate::{BoxError, Close, CloseCode, Error, WebSocket, link::Link, reader::Reader};

/// How long to wait when the system has no descriptor for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server that listens.
#[derive(Debug)]
pub struct BoundServer {
    server: Server,
    listener: TcpListener,
}

impl BoundServer {
    pub(super) const fn new(server: Server, listener: TcpListener) -> Self {
        Self { server, listener }
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// If the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Accepts connections for ever, and runs `handler` for each in a task of its own.
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
        let handler = Arc::new(handler);
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let connection = connection(self.server.clone(), stream, peer, handler.clone());
                    drop(tokio::spawn(connection));
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Whether `accept` failed only because the client has gone already.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The life of one connection.
///
/// A future that waits costs memory for as long as its connection lives, so this one holds its
/// handler once and little else: what the handshake needs is boxed, and freed with it.
fn connection<H, F>(
    server: Server,
    stream: TcpStream,
    peer: SocketAddr,
    handler: Arc<H>,
) -> impl Future<Output = ()>
where
    H: Fn(WebSocket, Request<()>) -> F,
    F: Future<Output = Result<(), BoxError>>,
{
    let opening = Box::pin(open(server, stream, peer));
    async move {
        let mut served = None;
        let mut handler = pin!(begin(opening.await, &*handler, &mut served));
        let Some(Served { link, failed }) = &served else { return };
        let mut early = EarlyClose::NotBegun;
        let close_code = match failed {
            Some(code) => *code,
            None => poll_fn(|cx| poll_handler(link, handler.as_mut(), &mut early, cx)).await,
        };
        handler.set(None);
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
async fn open(
    server: Server,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<(WebSocket, Request<()>)> {
    #[cfg(feature = "tls")]
    let accepted = server.shared.accept_socket(stream).await;
    #[cfg(not(feature = "tls"))]
    let accepted = server.shared.accept(stream).await;
    match accepted {
        Ok((ws, request)) => {
            ws.link().serve(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await);
            Some((ws, request))
        }
        Err(error) => {
            tracing::debug!(%peer, %error, "no connection was opened");
            None
        }
    }
}

/// Calls the handler, for the future that it returns.
fn begin<H, F>(
    opened: Option<(WebSocket, Request<()>)>,
    handler: &H,
    served: &mut Option<Served>,
) -> Option<F>
where
    H: Fn(WebSocket, Request<()>) -> F,
{
    let (ws, request) = opened?;
    let link = Arc::clone(ws.link());
    let served = served.insert(Served { link, failed: None });
    let called = served
        .link
        .while_polled(|| catch_unwind(AssertUnwindSafe(|| handler(ws, request))))
        .map_err(|panic| served.failed = Some(failed(&served.link, &panic_message(&*panic))));
    called.ok()
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
fn poll_handler<F: Future<Output = Result<(), BoxError>>>(
    link: &Arc<Link>,
    mut handler: Pin<&mut Option<F>>,
    early: &mut EarlyClose,
    cx: &mut Context<'_>,
) -> Poll<CloseCode> {
    let mut poll = || match handler.as_mut().as_pin_mut() {
        Some(handler) => handler.poll(cx),
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
    tracing::warn!(peer = ?link.info().peer_addr, %error, "a handler failed");
    CloseCode::INTERNAL_ERROR
}

async fn close(mut reader: Box<Reader>, code: CloseCode) {
    if let Err(error) = reader.close(&Close::from(code)).await {
        tracing::debug!(peer = ?reader.link().info().peer_addr, %error, "no clean close");
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
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
