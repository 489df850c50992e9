//! Accepting connections, RFC 6455 §4.2.
//!
//! [`Server::builder`] returns a [`ServerBuilder`], which has the options.
//! [`bind`](ServerBuilder::bind) makes a [`BoundServer`] of it, which accepts connections and runs
//! a handler for each. [`build`](ServerBuilder::build) makes a [`Server`], to which the application
//! passes connections or requests.
//!
//! * Listening: [`Listener`] for several addresses, Unix sockets and the PROXY protocol; [`Route`]
//!   for several paths.
//! * Access control: [`OriginPolicy`], [`HostPolicy`], [`SubprotocolPolicy`], and a callback for
//!   [`authorize`](ServerBuilder::authorize). It reads credentials, cookies and the query through
//!   [`RequestExt`] ([`Basic`], [`Bearer`]) and rejects requests with a [`Rejection`].
//! * Client addresses: [`PeerAddr`], [`UnixPeer`], [`Encrypted`] and [`TrustedProxies`].
//! * Other HTTP servers: [`Server::upgrade`] returns an [`Upgrade`]. The modules `tower` and `axum`
//!   need the features of the same names.
//! * Services of systemd: `Listener::from_systemd`, `BoundServer::notify_systemd` and the module
//!   `systemd`, with the feature of that name.
//! * Open connections: [`Clients`] iterates over them; [`Shutdown`] closes them gracefully.
//! * Operation: [`Health`] answers probes.

mod authorize;
#[cfg(feature = "axum")]
pub(crate) mod axum;
mod builder;
mod callback;
mod clients;
mod credentials;
mod descriptors;
mod endpoint;
mod forwarded;
mod guard;
mod handler;
mod health;
mod limiter;
mod listener;
mod opening;
pub(crate) mod output;
mod pending;
mod phase;
#[cfg(feature = "proxy-protocol")]
mod proxy_protocol;
mod rejection;
mod rejection_log;
mod request;
mod route;
mod serve;
mod shutdown;
#[cfg(all(feature = "systemd", target_os = "linux"))]
pub mod systemd;
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
    health::Health,
    listener::Listener,
    opening::Upgrade,
    output::{HandlerOutput, handler},
    rejection::Rejection,
    request::{Encrypted, PeerAddr, RequestExt, UnixPeer},
    route::Route,
    serve::BoundServer,
    shutdown::{Shutdown, ShutdownSummary},
};
use self::{
    clients::Registry, descriptors::Descriptors, limiter::ConnectionLimiter, pending::Pending,
    rejection_log::RejectionLog, route::Routes,
};
use crate::{
    AcceptError, PreparedMessage, Publication, SlowConsumerPolicy, TcpOptions, Transport,
    WebSocket, error::check_runtime, head::HeadLimits, prepared::Offer, stats::Stats,
};

/// Accepts connections from its own listeners, from transports, or from other HTTP servers.
///
/// Cloning is cheap; all clones share one server.
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
    health: Option<Health>,
    fallback: Box<dyn Fallback>,
    limiter: Arc<ConnectionLimiter>,
    has_default_max_connections: bool,
    descriptors: Option<Descriptors>,
    pending: Pending,
    hosts: HostPolicy,
    proxies: Option<TrustedProxies>,
    on_reject: OnReject,
    on_handshake_error: OnHandshakeError,
    rejection_log: RejectionLog,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::TlsServerConfig>,
    #[cfg(all(feature = "systemd", target_os = "linux"))]
    systemd: systemd::Notifier,
}

/// Called for each rejected request.
type OnReject = Box<dyn Fn(&Request<()>, Rejection) -> Rejection + Send + Sync>;

/// Called for each connection that fails before its request is complete.
type OnHandshakeError = Box<dyn Fn(&AcceptError) + Send + Sync>;

/// Answers requests that do not ask for a WebSocket.
pub(crate) trait Fallback:
    Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync
{
}

impl<F: Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync> Fallback for F {}

impl Server {
    /// Returns a builder with the default options.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Accepts the opening handshake on a transport from which nothing has been read yet.
    ///
    /// The caller limits the number of concurrent handshakes:
    /// [`max_pending_handshakes`](ServerBuilder::max_pending_handshakes) applies only to the
    /// server's own listeners. Only TCP sockets have an address. On any other transport,
    /// [`max_connections_per_address`](ServerBuilder::max_connections_per_address) has no effect
    /// unless a [trusted proxy](ServerBuilder::trusted_proxies) reports the client's address.
    ///
    /// # Errors
    ///
    /// The request was rejected, is not HTTP or took too long, or the transport failed. A rejection
    /// is [`AcceptError::Handshake`] if the request violates the protocol, else
    /// [`AcceptError::Rejected`]; in both cases a response has been sent.
    /// [`AcceptError::NoRuntime`] outside of a tokio runtime.
    ///
    /// # Panics
    ///
    /// If the runtime was built without time enabled; `enable_all` enables it. The connection lives
    /// as long as the runtime on which it was accepted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn accept(&self, io: impl Transport) -> Result<WebSocket, AcceptError> {
        check_runtime()?;
        self.shared.accept(io).await.map(|opened| opened.ws)
    }

    /// Like [`accept`](Self::accept), and also returns the request that opened the connection.
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

    /// Accepts or rejects a request that another HTTP server has read. Like
    /// [`upgrade_async`](Self::upgrade_async), but synchronous.
    ///
    /// # Errors
    ///
    /// As [`upgrade_async`](Self::upgrade_async), and 500 if the server has an
    /// [`authorize`](ServerBuilder::authorize) callback, which is asynchronous.
    ///
    /// ```
    /// use bowsprit::Server;
    ///
    /// let server = Server::builder().build();
    /// let request = http::Request::new(());
    /// let rejection = server.upgrade(&request).unwrap_err();
    /// assert_eq!(rejection.response().status(), 400);
    /// # use bowsprit::http;
    /// ```
    pub fn upgrade<B>(&self, request: &Request<B>) -> Result<(Response<()>, Upgrade), Rejection> {
        self.shared.admit_external_now(&mut head(request))
    }

    /// Accepts or rejects a request that another HTTP server has read: finds its route, checks it,
    /// and calls [`authorize`](ServerBuilder::authorize). The path parameters and the value that
    /// `authorize` returns become extensions of the request, and so does the client's address if
    /// the request has a [`PeerAddr`].
    ///
    /// Send the response with that server, then pass the transport to
    /// [`into_websocket`](Upgrade::into_websocket).
    ///
    /// The request may be an extended CONNECT of HTTP/2 (RFC 8441), which hyper supports with
    /// `enable_connect_protocol`; the response is then a 200. With the feature `http2`, such
    /// requests of hyper are recognised. Requests of other servers need a [`ConnectProtocol`] in
    /// their extensions.
    ///
    /// # Errors
    ///
    /// The request was rejected. Send the rejection's response and close the connection. 500 if the
    /// request has neither [`PeerAddr`] nor [`UnixPeer`] and an option needs the address:
    /// [`max_connections_per_address`](ServerBuilder::max_connections_per_address) or
    /// [`trusted_proxies`](ServerBuilder::trusted_proxies).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the future of `authorize`.
    pub async fn upgrade_async<B: Send>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<()>, Upgrade), Rejection> {
        let mut head = head(request);
        let admitted = self.shared.admit_external(&mut head).await;
        *request.extensions_mut() = mem::take(head.extensions_mut());
        admitted
    }
}

/// Connections.
impl Server {
    /// Returns the handles of all open connections, in no particular order, however they were
    /// accepted.
    ///
    /// Connections that open or close during the iteration may or may not be included. No lock is
    /// held between two items.
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

    /// Returns the handles of the connections on this path, written as it was passed to
    /// [`path`](ServerBuilder::path) or [`route`](ServerBuilder::route). Empty if there is no such
    /// path.
    #[must_use]
    pub fn clients_at(&self, path: &str) -> Clients {
        Clients::new(self.shared.routes.members(Some(path)))
    }

    /// Sends a message to all [`clients`](Self::clients).
    ///
    /// A connection whose queue is full is closed with 1013, unless the publication [has another
    /// policy](Publication::slow_consumers).
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

    /// Sends a message to all connections on this path; see [`clients_at`](Self::clients_at).
    pub fn broadcast_at(&self, path: &str, message: impl Into<PreparedMessage>) -> Publication {
        publication(message.into(), self.clients_at(path))
    }

    /// Returns the counters of this server: connections, handshakes, messages, bytes, and how
    /// connections ended.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.registry.counters.snapshot()
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.registry.len()
    }

    /// Returns how many connections may be open: what
    /// [`ServerBuilder::max_connections`] was given, or its default. `None` is no limit.
    #[must_use]
    pub fn max_connections(&self) -> Option<usize> {
        self.shared.limiter.max_connections
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
