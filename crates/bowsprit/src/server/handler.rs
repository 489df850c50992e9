//! Handlers: what runs for each connection.

use std::{
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use pin_project_lite::pin_project;

use super::{
    callback::panic_message,
    output::{HandlerOutput, Sealed},
};
use crate::{
    Close, CloseCode, Error, WebSocket,
    conn::{Link, Reader, Want},
};

/// The future of a handler, followed by closing its connection. Boxed, so that a server can have
/// handlers of many types but one type of task.
pub(super) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Closes a connection after its handler.
type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handler with its type erased.
pub(super) type Handler = Arc<dyn Fn(WebSocket, Request<()>) -> Running + Send + Sync>;

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
    /// The future of a handler. The connection is closed once the handler has returned or dropped
    /// it.
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

/// Polls a handler; returns the code to close with.
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

/// Sends a close frame, unless one was sent, and waits until it is written and the peer's has
/// arrived. Messages received meanwhile are dropped.
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
    /// Stops driving the connection, also if the task is aborted.
    fn drop(&mut self) {
        self.link.unserve();
    }
}
