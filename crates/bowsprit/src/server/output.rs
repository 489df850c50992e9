//! The return type of handlers.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Request;
use pin_project_lite::pin_project;

use crate::{BoxError, WebSocket};

/// What a handler returns: `()` or `Result<(), BoxError>`.
///
/// There are only these two, so that closures need not name the error type of `?`. For handlers
/// with another error type, such as `bowsprit::Error` or `anyhow::Error`, use
/// [`handler`](crate::server::handler). A closure that ends in an infinite loop needs a return
/// type:
///
/// ```
/// # use std::time::Duration;
/// # use bowsprit::{error::BoxError, server::Route};
/// let clock = Route::new(async |mut ws, _request| -> Result<(), BoxError> {
///     loop {
///         ws.send("tick").await?;
///         tokio::time::sleep(Duration::from_secs(1)).await;
///     }
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler returns `()` or `Result<(), bowsprit::error::BoxError>`, not `{Self}`",
    label = "this handler returns `{Self}`",
    note = "to return another type of error, wrap the handler: \
            `bowsprit::server::handler(...)`, or `bowsprit::axum::handler(...)` for `on_upgrade`",
    note = "a closure that ends with an endless loop has to say what it returns: \
            `async |ws, request| -> Result<(), bowsprit::error::BoxError>`"
)]
pub trait HandlerOutput: Sealed {}

impl HandlerOutput for () {}

impl HandlerOutput for Result<(), BoxError> {}

/// The implementation of [`HandlerOutput`].
#[expect(unnameable_types, reason = "so that nobody else implements it")]
pub trait Sealed {
    fn into_result(self) -> Result<(), BoxError>;
}

impl Sealed for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(self)
    }
}

impl Sealed for Result<(), BoxError> {
    fn into_result(self) -> Self {
        self
    }
}

/// Adapts a handler with an error type of its own for [`serve`](crate::server::BoundServer::serve),
/// [`Route::new`](crate::server::Route::new) and everything else that takes a handler.
///
/// ```no_run
/// use bowsprit::{Error, Server, WebSocket, http::Request};
///
/// async fn echo(mut ws: WebSocket, _request: Request<()>) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// }
///
/// # async fn example() -> Result<(), Error> {
/// Server::builder().bind("127.0.0.1:8080").await?.serve(bowsprit::server::handler(echo)).await
/// # }
/// ```
///
/// Closures that use `?` need no adapter: they end with `Ok(())`, and `?` converts any error into a
/// [`BoxError`].
pub fn handler<H, F, E>(
    handler: H,
) -> impl Fn(WebSocket, Request<()>) -> BoxingError<F> + Send + Sync + 'static
where
    H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    move |ws, request| BoxingError { running: handler(ws, request) }
}

/// Like [`handler`], for [`on_upgrade`](crate::axum::WebSocketUpgrade::on_upgrade), whose handlers
/// get only the connection.
#[cfg(feature = "axum")]
pub fn upgrade_handler<H, F, E>(
    handler: H,
) -> impl FnOnce(WebSocket) -> BoxingError<F> + Send + 'static
where
    H: FnOnce(WebSocket) -> F + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    move |ws| BoxingError { running: handler(ws) }
}

pin_project! {
    /// The future of a handler, whose error will be boxed.
    pub struct BoxingError<F> {
        #[pin]
        running: F,
    }
}

impl<F, E> Future for BoxingError<F>
where
    F: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().running.poll(cx).map_err(Into::into)
    }
}
