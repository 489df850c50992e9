//! The simple server: accept, handshake, handler, closing handshake.

use std::{
    any::Any,
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
async fn connection<H, F>(server: Server, stream: TcpStream, peer: SocketAddr, handler: Arc<H>)
where
    H: Fn(WebSocket, Request<()>) -> F,
    F: Future<Output = Result<(), BoxError>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    // Boxed, so that what HTTP needs is freed when the handshake is over.
    let accepted = Box::pin(async move { server.shared.accept(stream).await }).await;
    match accepted {
        Ok((ws, request)) => {
            let link = Arc::clone(ws.link());
            run(link, async { handler(ws, request).await }).await;
        }
        Err(error) => tracing::debug!(%peer, %error, "no connection was opened"),
    }
}

/// Runs a handler, writes out what it sends, and closes its connection afterwards.
async fn run(link: Arc<Link>, handler: impl Future<Output = Result<(), BoxError>>) {
    link.serve(poll_fn(|cx| Poll::Ready(cx.waker().clone())).await);
    let _unserved = Unserved(&link);
    let mut early = EarlyClose::NotBegun;
    let close_code = {
        let mut handler = pin!(handler);
        poll_fn(|cx| poll_handler(&link, handler.as_mut(), &mut early, cx)).await
    };
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
    mut handler: Pin<&mut F>,
    early: &mut EarlyClose,
    cx: &mut Context<'_>,
) -> Poll<CloseCode> {
    let polled = link
        .while_polled(|| catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))))
        .unwrap_or_else(|panic| Poll::Ready(Err(panic_message(&*panic).into())));
    let Poll::Ready(result) = polled else {
        early.poll(link, cx);
        return Poll::Pending;
    };
    Poll::Ready(match result {
        Ok(()) => CloseCode::NORMAL,
        Err(error) => {
            tracing::warn!(peer = ?link.info().peer_addr, %error, "a handler failed");
            CloseCode::INTERNAL_ERROR
        }
    })
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

/// Ends the care for a connection, also when the task is aborted.
struct Unserved<'l>(&'l Arc<Link>);

impl Drop for Unserved<'_> {
    fn drop(&mut self) {
        self.0.unserve();
    }
}
