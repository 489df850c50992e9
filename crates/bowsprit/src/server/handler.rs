//! What runs for a connection.

use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use http::Request;
#[cfg(any(feature = "axum", feature = "tower"))]
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tracing::Instrument;

#[cfg(any(feature = "axum", feature = "tower"))]
use super::Upgrade;
use super::{
    Server,
    callback::panic_message,
    opening::{OpenConnection, PendingConnection},
    output::{HandlerOutput, Sealed},
};
#[cfg(any(feature = "axum", feature = "tower"))]
use crate::transport::AnyTransport;
use crate::{
    Close, CloseCode, Error, WebSocket,
    conn::{Link, Reader, Want},
};

/// A handler at work, and the close of its connection after it. Boxed, so that a server can have
/// handlers of many types, and its tasks one.
pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The close of a connection after its handler.
type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handler of whatever type.
pub(super) type Handler = Arc<dyn Fn(WebSocket, Request<()>) -> Running + Send + Sync>;

/// The task of a connection: the opening handshake, then the handler.
///
/// A future that waits costs memory for as long as its connection lives. This one fits into the
/// space that any task takes; what the handshake needs is freed with it.
pub(super) enum Connection {
    Opening(Pin<Box<dyn Future<Output = Option<OpenConnection>> + Send>>),
    Open(Running),
}

impl Connection {
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

impl Future for Connection {
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

pub(super) fn into_handler<H, F>(handler: H) -> Handler
where
    H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutput> + Send + 'static,
{
    Arc::new(move |ws, request| {
        let served = Served { link: Arc::clone(ws.link()) };
        let call = AssertUnwindSafe(|| handler(ws, request));
        match served.link.while_polled(|| catch_unwind(call)) {
            Ok(running) => Box::pin(Serving { running: Some(running), closing: None, served }),
            Err(panic) => {
                let code = failed(&served.link, &panic_message(&*panic));
                Box::pin(async move { served.close(code).await })
            }
        }
    })
}

pin_project! {
    /// A handler at work. When it has returned, or dropped its connection, that is closed.
    struct Serving<F> {
        // Dropped before `served`, which ends what it has left.
        #[pin]
        running: Option<F>,
        closing: Option<Closing>,
        served: Served,
    }
}

impl<F: Future<Output: HandlerOutput>> Future for Serving<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let link = &this.served.link;
        let mut code = CloseCode::NORMAL;
        if let Some(running) = this.running.as_mut().as_pin_mut()
            && let Poll::Ready(ended) = poll_handler(link, running, cx)
        {
            code = ended;
            this.running.set(None);
        }
        // A handler that has moved the connection elsewhere has left it to others.
        if let Some(reader) = link.take_abandoned() {
            *this.closing = Some(Box::pin(close(reader, code)));
        }
        if let Some(closing) = this.closing
            && closing.as_mut().poll(cx).is_ready()
        {
            *this.closing = None;
        }
        match (&*this.running, this.closing) {
            (None, None) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

/// Polls a handler; its result is the code to close with.
fn poll_handler(
    link: &Arc<Link>,
    running: Pin<&mut impl Future<Output: HandlerOutput>>,
    cx: &mut Context<'_>,
) -> Poll<CloseCode> {
    let poll = AssertUnwindSafe(|| running.poll(cx));
    match link.while_polled(|| catch_unwind(poll)) {
        Ok(Poll::Ready(output)) => Poll::Ready(match output.into_result() {
            Ok(()) => CloseCode::NORMAL,
            Err(error) => failed(link, &error),
        }),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(failed(link, &panic_message(&*panic))),
    }
}

/// Logs why a handler failed; returns the code to close with.
fn failed(link: &Link, error: &dyn fmt::Display) -> CloseCode {
    tracing::warn!(peer = ?link.info().peer_addr(), %error, "a handler failed");
    CloseCode::INTERNAL_ERROR
}

async fn close(mut reader: Box<Reader>, code: CloseCode) {
    if let Err(error) = finish(&mut reader, code).await {
        tracing::debug!(peer = ?reader.link().info().peer_addr(), %error, "no clean close");
    }
}

/// Sends a close frame, unless one was sent, and waits until the peer's has come and ours is out,
/// dropping what still comes.
async fn finish(reader: &mut Reader, code: CloseCode) -> Result<(), Error> {
    reader.link().begin_close(&Close::from(code))?;
    while poll_fn(|cx| reader.poll_event(cx, Want::Nothing)).await? {}
    Ok(())
}

/// A connection that has a handler.
struct Served {
    link: Arc<Link>,
}

impl Served {
    /// Closes the connection if the handler has not moved it elsewhere.
    async fn close(self, code: CloseCode) {
        if let Some(reader) = self.link.take_abandoned() {
            close(reader, code).await;
        }
    }
}

impl Drop for Served {
    /// Ends the care for the connection, also when the task is aborted.
    fn drop(&mut self) {
        self.link.unserve();
    }
}
