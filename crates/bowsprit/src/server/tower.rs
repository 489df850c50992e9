//! WebSockets before a tower service.

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
    Refusal, Server,
    handler::{Handler, into_handler},
    output::HandlerOutput,
    request::insert_connect_protocol,
    serve::ConnectionTask,
};
use crate::WebSocket;

/// Answers WebSocket requests for a server's paths and hands everything else on to the service
/// behind it.
///
/// The HTTP server in front has to be hyper, with upgrades: hyper itself, hyper-util's, axum's. Put
/// a [`PeerAddr`](crate::server::PeerAddr) into the requests' extensions for everything that needs
/// clients' addresses, or [`UnixPeer`](crate::server::UnixPeer) for those that have none.
/// WebSockets over HTTP/2 are answered where hyper is told to `enable_connect_protocol`, as axum
/// does.
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
    /// For the routes of this server, which have handlers of their own. What is for another
    /// [`path`](crate::server::ServerBuilder::path) of it is handed on.
    #[must_use]
    pub const fn new(server: Server) -> Self {
        Self { server, handler: None }
    }

    /// The same with a handler for paths that have none, which are all paths if the server names
    /// none. It runs as under [`serve`](crate::server::BoundServer::serve).
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

    /// Answers a request, and has its connection live in a task of its own.
    async fn answer<B: Send>(self, mut request: Request<B>) -> Result<Response<()>, Refusal> {
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

/// A service behind a [`WebSocketLayer`].
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
        if !self.layer.is_for_us(&request) {
            let answering = self.inner.call(request);
            return Box::pin(async move { Ok(answering.await?.map(Either::Right)) });
        }
        let answering = self.layer.clone().answer(request);
        Box::pin(async move {
            let response = match answering.await {
                Ok(response) => response.map(|()| Full::default()),
                Err(refusal) => refusal.into_response().map(Full::new),
            };
            Ok(response.map(Either::Left))
        })
    }
}
