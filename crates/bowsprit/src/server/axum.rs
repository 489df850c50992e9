//! An extractor for axum.

use std::{
    fmt,
    future::Future,
    sync::{Mutex, PoisonError},
};

use ::axum::{
    body::Body,
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use bowsprit_proto::handshake::asks_for_websocket;
use http::{Request, StatusCode, request::Parts};
use hyper::upgrade::OnUpgrade;

use super::{
    Rejection, Server, Upgrade,
    handler::{Handler, into_handler},
    output::{HandlerOutput, Sealed},
    request::insert_connect_protocol,
    serve::ConnectionTask,
};
use crate::WebSocket;

/// A WebSocket request that the [`Server`] in the router's state has accepted.
///
/// The server has the options and accepts or rejects the request. The value that its `authorize`
/// returns is in the request's extensions, for `Extension` after this extractor. Connections behave
/// as under [`serve`](crate::server::BoundServer::serve). `Option<WebSocketUpgrade>` is `None` for
/// requests that do not ask for a WebSocket.
///
/// Clients' addresses come from axum's `ConnectInfo<SocketAddr>`: serve the router with
/// `into_make_service_with_connect_info::<SocketAddr>()`. Options that need them
/// ([`max_connections_per_address`](crate::server::ServerBuilder::max_connections_per_address),
/// [`trusted_proxies`](crate::server::ServerBuilder::trusted_proxies)) answer 500 without it. If
/// the router listens on a Unix socket, insert [`UnixPeer`](crate::server::UnixPeer) into the
/// requests' extensions.
///
/// ```
/// use ::axum::{Router, response::Response, routing::any};
/// use bowsprit::{Server, axum::WebSocketUpgrade};
///
/// async fn echo(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(|mut ws| async move {
///         while let Some(message) = ws.recv().await? {
///             ws.send(message).await?;
///         }
///         Ok(())
///     })
/// }
///
/// let app: Router = Router::new().route("/echo", any(echo)).with_state(Server::builder().build());
/// ```
///
/// To use another state type, implement `FromRef<YourState> for Server`. Routes made by `any`, as
/// above, also match the `CONNECT` with which browsers open WebSockets over HTTP/2 (axum's feature
/// `http2`).
#[must_use = "the client waits for the response of on_upgrade"]
pub struct WebSocketUpgrade {
    response: http::Response<()>,
    upgrade: Upgrade,
    upgraded: OnUpgrade,
}

impl WebSocketUpgrade {
    /// Returns the response that accepts the client. `handler` then gets the connection, in a task
    /// of its own.
    pub fn on_upgrade<H, F>(self, handler: H) -> Response
    where
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        let handler = once(handler);
        ConnectionTask::spawn_upgraded(
            self.upgrade,
            self.upgraded,
            Request::new(()),
            Some(handler),
        );
        self.response.map(|()| Body::empty())
    }

    /// Returns the negotiated subprotocol.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.upgrade.negotiated.subprotocol.as_deref()
    }
}

/// Makes a handler of a closure that is called once.
fn once<H, F>(handler: H) -> Handler
where
    H: FnOnce(WebSocket) -> F + Send + 'static,
    F: Future<Output: HandlerOutput> + Send + 'static,
{
    let handler = Mutex::new(Some(handler));
    into_handler(move |ws, _| {
        let handler = handler.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            match handler {
                Some(handler) => handler(ws).await.into_result(),
                None => Ok(()),
            }
        }
    })
}

impl<S> FromRequestParts<S> for WebSocketUpgrade
where
    Server: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let server = Server::from_ref(state);
        let mut request = Request::from_parts(parts.clone(), ());
        let (response, mut upgrade) = server.upgrade_async(&mut request).await?;
        // The handler is the one that axum calls.
        upgrade.handler = None;
        parts.extensions = request.into_parts().0.extensions;
        let upgraded = parts.extensions.remove::<OnUpgrade>();
        let upgraded = upgraded.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(Self { response, upgrade, upgraded })
    }
}

impl<S> OptionalFromRequestParts<S> for WebSocketUpgrade
where
    Server: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Rejection> {
        insert_connect_protocol(&mut parts.extensions);
        if !asks_for_websocket(&Request::from_parts(parts.clone(), ())) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response(self).map(Body::from)
    }
}

impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade").field("upgrade", &self.upgrade).finish_non_exhaustive()
    }
}
