//! Accepting connections, RFC 6455 §4.2.
//!
//! [`Server::builder`] returns a [`ServerBuilder`], which has the options. With
//! [`bind`](ServerBuilder::bind) it becomes a [`BoundServer`], which accepts connections and runs a
//! handler for each; with [`build`](ServerBuilder::build) a [`Server`] for connections or requests
//! that the application accepts.
//!
//! * Where: [`Listener`] for several addresses, Unix sockets and the PROXY protocol, [`Route`] for
//!   several paths.
//! * Who may connect: [`OriginPolicy`], [`HostPolicy`], [`SubprotocolPolicy`], and a function
//!   for [`authorize`](ServerBuilder::authorize), which finds what it needs by [`RequestExt`]
//!   ([`Basic`], [`Bearer`], cookies, queries) and answers with a [`Refusal`].
//! * Where clients are: [`PeerAddr`], [`UnixPeer`], [`Encrypted`] and [`TrustedProxies`].
//! * Other HTTP servers: [`Server::upgrade`] returns an [`Upgrade`]. The modules `tower` and
//!   `axum` need the features of these names.
//! * Open connections: [`Clients`]; [`Shutdown`] ends them in an orderly way.

mod authorize;
#[cfg(feature = "axum")]
pub(crate) mod axum;
mod builder;
mod callback;
mod clients;
mod credentials;
mod endpoint;
mod forwarded;
mod guard;
mod handler;
mod limiter;
mod listener;
mod opening;
pub(crate) mod output;
mod pending;
mod phase;
#[cfg(feature = "proxy-protocol")]
mod proxy_protocol;
mod refusal;
mod refusal_log;
mod request;
mod route;
mod serve;
mod shutdown;
#[cfg(feature = "tower")]
pub(crate) mod tower;

use std::{fmt, mem, sync::Arc, time::Duration};

pub use bowsprit_proto::handshake::{
    ConnectProtocol, HostPolicy, OriginMatcher, OriginPolicy, SubprotocolPolicy,
};
use bytes::Bytes;
use http::{Request, Response};
pub use ipnet;

pub use self::{
    builder::ServerBuilder,
    clients::Clients,
    credentials::{Basic, Bearer, constant_time_eq},
    forwarded::TrustedProxies,
    listener::Listener,
    opening::Upgrade,
    output::{HandlerOutput, handler},
    refusal::Refusal,
    request::{Encrypted, PeerAddr, RequestExt, UnixPeer},
    route::Route,
    serve::BoundServer,
    shutdown::{Shutdown, ShutdownSummary},
};
use self::{
    clients::Registry, limiter::ConnectionLimiter, pending::Pending, refusal_log::RefusalLog,
    route::Routes,
};
use crate::{
    AcceptError, PreparedMessage, Publication, SlowConsumerPolicy, TcpOptions, Transport,
    WebSocket, error::check_runtime, head::HeadLimits, prepared::Offer, stats::Stats,
};

/// Accepts connections: from listeners of its own, from transports, or from other HTTP servers.
///
/// Cloning is cheap; all clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Arc<Registry>,
    routes: Routes,
    /// A path without a handler of its own.
    without_handler: Option<Box<str>>,
    handshake_timeout: Duration,
    head_limits: HeadLimits,
    tcp: TcpOptions,
    fallback: Box<dyn Fallback>,
    limiter: Arc<ConnectionLimiter>,
    pending: Pending,
    hosts: HostPolicy,
    proxies: Option<TrustedProxies>,
    on_reject: OnReject,
    on_handshake_error: OnHandshakeError,
    refusal_log: RefusalLog,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::TlsServerConfig>,
}

/// Sees each refused request.
type OnReject = Box<dyn Fn(&Request<()>, Refusal) -> Refusal + Send + Sync>;

/// Sees what has not even become a request.
type OnHandshakeError = Box<dyn Fn(&AcceptError) + Send + Sync>;

/// Answers requests that do not ask for a WebSocket.
pub(crate) trait Fallback:
    Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync
{
}

impl<F: Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync> Fallback for F {}

impl Server {
    /// Begins a server with the default options.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Accepts the opening handshake over a transport that nobody has read from yet.
    ///
    /// How many handshakes are under way is for the caller to limit:
    /// [`max_pending_handshakes`](ServerBuilder::max_pending_handshakes) is about the server's
    /// listeners. Over a transport that has no address, which is any but a TCP socket,
    /// [`max_connections_per_address`](ServerBuilder::max_connections_per_address) limits nothing
    /// unless a [trusted proxy](ServerBuilder::trusted_proxies) tells the client's.
    ///
    /// # Errors
    ///
    /// The client's request was refused ([`AcceptError::Handshake`] for what breaks the rules, else
    /// [`AcceptError::Rejected`]; the client has been told why), it is no HTTP, it took too long,
    /// or the transport failed; [`AcceptError::NoRuntime`] outside of a tokio runtime.
    ///
    /// # Panics
    ///
    /// In a runtime whose builder has not enabled time: `enable_all` does. The connection lives as
    /// long as the runtime that it was accepted on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn accept(&self, io: impl Transport) -> Result<WebSocket, AcceptError> {
        check_runtime()?;
        self.shared.accept(io).await.map(|opened| opened.ws)
    }

    /// The same, with the request that has opened the connection.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Panics
    ///
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_request(
        &self,
        io: impl Transport,
    ) -> Result<(WebSocket, Request<()>), AcceptError> {
        check_runtime()?;
        self.shared.accept(io).await.map(|opened| (opened.ws, opened.request))
    }

    /// Decides about a request that another HTTP server has read, as
    /// [`upgrade_async`](Self::upgrade_async) does, but at once.
    ///
    /// # Errors
    ///
    /// As [`upgrade_async`](Self::upgrade_async); and 500 if there is a decision to be made by
    /// [`authorize`](ServerBuilder::authorize), which may take time.
    ///
    /// ```
    /// use bowsprit::Server;
    ///
    /// let server = Server::builder().build();
    /// let request = http::Request::new(());
    /// let refusal = server.upgrade(&request).unwrap_err();
    /// assert_eq!(refusal.response().status(), 400);
    /// # use bowsprit::http;
    /// ```
    pub fn upgrade<B>(&self, request: &Request<B>) -> Result<(Response<()>, Upgrade), Refusal> {
        self.shared.admit_external_now(&mut head(request))
    }

    /// Decides about a request that another HTTP server has read: looks for its path, checks it,
    /// and has [`authorize`](ServerBuilder::authorize) decide. What that came to, and the
    /// parameters in the path, become extensions of the request, and where the client is if the
    /// request has a [`PeerAddr`].
    ///
    /// Send the response with that server, then [`into_websocket`](Upgrade::into_websocket) the
    /// transport.
    ///
    /// The request may be an extended CONNECT of HTTP/2 (RFC 8441), which hyper's servers and
    /// clients agree on by `enable_connect_protocol`; the response is then a 200. Of hyper's
    /// requests this knows with the feature `http2`, of others by a
    /// [`ConnectProtocol`] in the extensions.
    ///
    /// # Errors
    ///
    /// The request was refused. Send the refusal's response and close the connection. 500 if the
    /// request has no [`PeerAddr`], nor [`UnixPeer`], and an option needs it:
    /// [`max_connections_per_address`](ServerBuilder::max_connections_per_address) or
    /// [`trusted_proxies`](ServerBuilder::trusted_proxies).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the decision that it waits for.
    pub async fn upgrade_async<B: Send>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<()>, Upgrade), Refusal> {
        let mut head = head(request);
        let admitted = self.shared.admit_external(&mut head).await;
        *request.extensions_mut() = mem::take(head.extensions_mut());
        admitted
    }
}

/// Connections.
impl Server {
    /// The handles of all open connections, in no order, however they were accepted.
    ///
    /// Connections that come or go meanwhile may be among them or not. No lock is held between two
    /// of them.
    ///
    /// ```
    /// # use bowsprit::{Server, State};
    /// # let server = Server::builder().build();
    /// let open = server.clients().filter(|client| client.state() == State::Open).count();
    /// ```
    #[must_use]
    pub fn clients(&self) -> Clients {
        Clients::new(self.shared.routes.members(None))
    }

    /// The handles of those that have asked for this path, written as it was given to
    /// [`path`](ServerBuilder::path) or [`route`](ServerBuilder::route). None if it was not.
    #[must_use]
    pub fn clients_at(&self, path: &str) -> Clients {
        Clients::new(self.shared.routes.members(Some(path)))
    }

    /// Sends a message to all [`clients`](Self::clients).
    ///
    /// Where one has no room for it, it is closed with 1013, unless the publication is told
    /// [otherwise](Publication::slow_consumers).
    ///
    /// ```no_run
    /// # async fn example(server: bowsprit::Server, ws: bowsprit::WebSocket) {
    /// server.broadcast("the anchor is up").await;
    /// let delivery = server.broadcast("for the others").except(&ws.handle()).send_now();
    /// # }
    /// ```
    pub fn broadcast(&self, message: impl Into<PreparedMessage>) -> Publication {
        publication(message.into(), self.clients())
    }

    /// Sends a message to those that have asked for this path; see
    /// [`clients_at`](Self::clients_at).
    pub fn broadcast_at(&self, path: &str, message: impl Into<PreparedMessage>) -> Publication {
        publication(message.into(), self.clients_at(path))
    }

    /// What this server has done so far: connections, handshakes, messages, bytes, and how
    /// connections have ended.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.registry.counters.snapshot()
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.registry.len()
    }
}

fn publication(message: PreparedMessage, receivers: Clients) -> Publication {
    Publication::new(Offer::new(message, 0, SlowConsumerPolicy::default()), receivers)
}

/// A copy of all but the body.
fn head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    *head.extensions_mut() = request.extensions().clone();
    #[cfg(feature = "http2")]
    request::insert_connect_protocol(head.extensions_mut());
    head
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}
