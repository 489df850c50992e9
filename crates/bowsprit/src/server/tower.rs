//! A tower layer for WebSockets.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bowsprit_proto::handshake::asks_for_websocket;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::upgrade::OnUpgrade;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    Rejection, Server,
    handler::{Handler, into_handler},
    output::HandlerOutput,
    request::insert_connect_protocol,
    serve::ConnectionTask,
};
use crate::WebSocket;

/// Answers WebSocket requests for a server's paths, and probes if the server has a
/// [`Health`](crate::server::Health). Passes all other requests to the inner service.
///
/// The HTTP server must be hyper with upgrades enabled: hyper itself, hyper-util's or axum's
/// server. Options that need clients' addresses require a [`PeerAddr`](crate::server::PeerAddr) in
/// the requests' extensions, or [`UnixPeer`](crate::server::UnixPeer) for clients on a Unix socket.
/// WebSockets over HTTP/2 need hyper's `enable_connect_protocol`, which axum sets.
///
/// ```
/// use bowsprit::{Server, server::Route, tower::WebSocketLayer};
///
/// let echo = Route::new(|mut ws, _| async move {
///     while let Some(message) = ws.recv().await? {
///         ws.send(message).await?;
///     }
///     Ok(())
/// });
/// let layer = WebSocketLayer::new(Server::builder().route("/echo", echo).build());
/// ```
#[derive(Clone)]
pub struct WebSocketLayer {
    server: Server,
    handler: Option<Handler>,
}

impl WebSocketLayer {
    /// Creates a layer for the routes of this server that have handlers. Requests for a
    /// [`path`](crate::server::ServerBuilder::path) without a handler are passed on.
    #[must_use]
    pub const fn new(server: Server) -> Self {
        Self { server, handler: None }
    }

    /// Sets the handler for paths that have none; these are all paths if the server names none. It
    /// runs as under [`serve`](crate::server::BoundServer::serve).
    ///
    /// ```
    /// use bowsprit::{Server, tower::WebSocketLayer};
    ///
    /// let server = Server::builder().path("/hello").build();
    /// let layer = WebSocketLayer::new(server)
    ///     .handler(|mut ws, _request| async move { Ok(ws.send("hello").await?) });
    /// ```
    #[must_use]
    pub fn handler<H, F>(mut self, handler: H) -> Self
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.handler = Some(into_handler(handler));
        self
    }

    fn is_for_us<B>(&self, request: &Request<B>) -> bool {
        asks_for_websocket(request)
            && self.server.shared.routes.knows(request.uri().path(), self.handler.is_none())
    }

    fn answer_probe<B>(&self, request: &Request<B>) -> Option<Response<Bytes>> {
        let health = self.server.shared.health.as_ref()?;
        if asks_for_websocket(request) { None } else { health.answer(request) }
    }

    /// Answers a request, and spawns the task of its connection.
    async fn answer<B: Send>(self, mut request: Request<B>) -> Result<Response<()>, Rejection> {
        let (response, upgrade) = self.server.upgrade_async(&mut request).await?;
        let upgraded = request.extensions_mut().remove::<OnUpgrade>();
        let upgraded = upgraded.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        ConnectionTask::spawn_upgraded(upgrade, upgraded, request.map(drop), self.handler);
        Ok(response)
    }
}

impl<S> Layer<S> for WebSocketLayer {
    type Service = WebSocketService<S>;

    fn layer(&self, inner: S) -> WebSocketService<S> {
        WebSocketService { layer: self.clone(), inner }
    }
}

impl fmt::Debug for WebSocketLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketLayer").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The service that a [`WebSocketLayer`] makes.
///
/// ```
/// use bowsprit::{Server, tower::{WebSocketLayer, WebSocketService}};
///
/// /// Chat at `/chat`, everything else as before.
/// fn with_chat<S>(pages: S) -> WebSocketService<S> {
///     let layer = WebSocketLayer::new(Server::builder().path("/chat").build());
///     let layer = layer.handler(|mut ws, _request| async move { Ok(ws.send("hello").await?) });
///     tower_layer::Layer::layer(&layer, pages)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WebSocketService<S> {
    layer: WebSocketLayer,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for WebSocketService<S>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send + 'static>,
    B: Send + 'static,
{
    type Response = Response<Either<Full<Bytes>, R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        insert_connect_protocol(request.extensions_mut());
        if let Some(response) = self.layer.answer_probe(&request) {
            return Box::pin(async { Ok(response.map(Full::new).map(Either::Left)) });
        }
        if !self.layer.is_for_us(&request) {
            let answering = self.inner.call(request);
            return Box::pin(async move { Ok(answering.await?.map(Either::Right)) });
        }
        let answering = self.layer.clone().answer(request);
        Box::pin(async move {
            let response = match answering.await {
                Ok(response) => response.map(|()| Full::default()),
                Err(rejection) => rejection.into_response().map(Full::new),
            };
            Ok(response.map(Either::Left))
        })
    }
}
