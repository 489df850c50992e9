//! The options of a server.

use std::{fmt, future::Future, io, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{HostPolicy, OriginPolicy, SubprotocolPolicy};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use tokio::net::ToSocketAddrs;

use super::{
    BoundServer, Fallback, OnHandshakeError, OnReject, Refusal, Server, Shared, TrustedProxies,
    authorize::Authorize,
    clients::{Hook, Registry},
    endpoint::{Settings, endpoint_options},
    limiter::ConnectionLimiter,
    listener::{BACKLOG, Listener},
    pending::{self, MAX_HANDSHAKES, Pending},
    refusal_log::RefusalLog,
    route::{Route, RouterBuilder},
};
use crate::{AcceptError, ConnectionConfig, Deflate, Handle, Limits, TcpOptions, head::HeadLimits};

/// Makes a [`Server`].
///
/// Where a function that it is given panics, that is logged. A request that has no answer yet is
/// answered 500 then, and the server goes on; not so in a program that is built with
/// `panic = "abort"`, which ends.
pub struct ServerBuilder {
    router: RouterBuilder,
    settings: Settings,
    handshake_timeout: Duration,
    head_limits: HeadLimits,
    backlog: u32,
    tcp: TcpOptions,
    max_connections: Option<usize>,
    max_connections_per_address: Option<usize>,
    max_pending_handshakes: usize,
    max_silent_connections: Option<usize>,
    fallback: Box<dyn Fallback>,
    hosts: HostPolicy,
    proxies: Option<TrustedProxies>,
    on_reject: OnReject,
    on_handshake_error: OnHandshakeError,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::TlsServerConfig>,
    on_connect: Option<Hook>,
    on_disconnect: Option<Hook>,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            router: RouterBuilder::default(),
            settings: Settings::default(),
            handshake_timeout: Duration::from_secs(10),
            head_limits: HeadLimits::default(),
            backlog: BACKLOG,
            tcp: TcpOptions::default(),
            max_connections: None,
            max_connections_per_address: None,
            max_pending_handshakes: MAX_HANDSHAKES,
            max_silent_connections: None,
            fallback: Box::new(|_: &Request<()>| None),
            hosts: HostPolicy::default(),
            proxies: None,
            on_reject: Box::new(|_, refusal| refusal),
            on_handshake_error: Box::new(|_| {}),
            #[cfg(feature = "tls")]
            tls: None,
            on_connect: None,
            on_disconnect: None,
        }
    }

    /// Speaks WebSocket at this path, with the handler that [`serve`](BoundServer::serve) is given.
    /// Can be called several times. Without any path or route, every path will do; with some,
    /// others answer 404.
    ///
    /// A path is compared without the query. Parts of it can be parameters: `{name}` stands for
    /// anything up to the next slash, and `{*rest}` at the end for all that follows; see
    /// [`RequestExt::param`](crate::server::RequestExt::param). Braces themselves are written `{{`
    /// and `}}`. Where several paths fit, the more literal one is taken.
    ///
    /// # Panics
    ///
    /// The path does not begin with a slash, is malformed, or cannot be told from another.
    #[must_use]
    #[track_caller]
    pub fn path(mut self, path: impl AsRef<str>) -> Self {
        self.router.add(path.as_ref());
        self
    }

    /// Speaks WebSocket at this path, written as in [`path`](Self::path), with a handler and
    /// options of its own.
    ///
    /// # Panics
    ///
    /// As [`path`](Self::path).
    #[must_use]
    #[track_caller]
    pub fn route(mut self, path: impl AsRef<str>, route: Route) -> Self {
        self.router.add_route(path.as_ref(), route);
        self
    }

    endpoint_options!();

    /// How long a client may take for its request, from the moment the connection is accepted, and
    /// again for taking the answer. Bytes that come do not extend it. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many bytes the head of a request may have, with the empty line at its end. A longer one
    /// is answered 431. Default: 16 KiB. Behind proxies that add large tokens or cookies, such as
    /// oauth2-proxy, 64 KiB are usual.
    #[must_use]
    pub const fn max_head_len(mut self, max: usize) -> Self {
        self.head_limits.max_len = max;
        self
    }

    /// How many header fields a request may have, at most 24,576. With more it is answered 431.
    /// Default: 100.
    #[must_use]
    pub const fn max_header_fields(mut self, max: usize) -> Self {
        self.head_limits.set_max_fields(max);
        self
    }

    /// How many WebSocket connections may be open at a time, however they were accepted; requests
    /// beyond it are answered 503. Default: `None`, as many as the system allows.
    #[must_use]
    pub fn max_connections(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_connections = max.into();
        self
    }

    /// How many of them one client may have, told apart by
    /// [`client_addr`](crate::server::RequestExt::client_addr); IPv6 addresses with the same first
    /// 64 bits are one client. Requests beyond it are answered 503. Default: `None`, as many as it
    /// wants.
    ///
    /// Clients over Unix sockets, and over other transports without an address that
    /// [`Server::accept`] is given, are not limited. Any other request whose
    /// address [`Server::upgrade_async`] and [`Server::upgrade`] do not learn by a
    /// [`PeerAddr`](crate::server::PeerAddr) is answered 500.
    #[must_use]
    pub fn max_connections_per_address(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_connections_per_address = max.into();
        self
    }

    /// How many handshakes may be under way on the server's listeners: from the first byte of a
    /// connection to the answer, the time for [`authorize`](Self::authorize) included. Others are
    /// queued. A single address may use at most a quarter of them, at least one; IPv6 addresses
    /// with the same first 64 bits are one. [Trusted proxies](Self::trusted_proxies), listeners for
    /// the PROXY protocol and Unix sockets have no such limit. Default: 1,024.
    #[must_use]
    pub fn max_pending_handshakes(mut self, max: usize) -> Self {
        self.max_pending_handshakes = max;
        self
    }

    /// Maximum number of accepted connections that have sent nothing yet or are queued for a
    /// [pending handshake](Self::max_pending_handshakes). When it is exceeded, the oldest are
    /// closed. Default: 16,384, or half of the descriptors that the process may have if that is
    /// less.
    #[must_use]
    pub fn max_silent_connections(mut self, max: usize) -> Self {
        self.max_silent_connections = Some(max);
        self
    }

    /// Encrypts the connections of this server's listeners, which then speak `wss:`, but for those
    /// of a [`Listener`] that says otherwise. The TLS handshake is part of the time that the
    /// opening handshake may take. Default: no encryption.
    ///
    /// [`Server::accept`] and [`Server::upgrade`] take transports as they are.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<crate::tls::TlsServerConfig>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// How many connections may wait to be accepted. Default: 1,024. The system may cap it.
    #[must_use]
    pub const fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Options of the TCP sockets that this server's listeners accept, those that were
    /// given to it as well. Default: [`TcpOptions::default`]. What the system does not take is
    /// logged, and the connection goes on without it.
    ///
    /// Sockets that [`Server::accept`] and [`Server::upgrade`] take keep theirs, but for the delay.
    #[must_use]
    pub const fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    /// Answers requests that do not ask for a WebSocket. Where this returns `None`, paths that
    /// speak WebSocket answer 426 and others 404. Every answer ends its connection.
    #[must_use]
    pub fn fallback<F>(mut self, answer: F) -> Self
    where
        F: Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync + 'static,
    {
        self.fallback = Box::new(answer);
        self
    }

    /// Which hosts requests may be addressed to, plain ones as well; others are answered 421.
    /// Default: [`HostPolicy::Any`]. A server on the own machine should take
    /// [`HostPolicy::Loopback`]; behind a reverse proxy, clients ask for the proxy's names.
    #[must_use]
    pub fn allowed_hosts(mut self, policy: HostPolicy) -> Self {
        self.hosts = policy;
        self
    }

    /// Proxies whose word is taken for [`client_addr`](crate::server::RequestExt::client_addr), and
    /// for the host that [`allowed_origins`](Self::allowed_origins) and
    /// [`allowed_hosts`](Self::allowed_hosts) are compared with. Default: none.
    ///
    /// Of requests for [`Server::upgrade_async`] and [`Server::upgrade`] the
    /// [`PeerAddr`](crate::server::PeerAddr) tells whether they are a proxy's; without it they are
    /// answered 500.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Sees each request that is refused, whoever refuses it and why, plain requests that are
    /// answered 426 or 404 as well, and returns the answer: the one that it is given, one with
    /// more headers, or another.
    #[must_use]
    pub fn on_reject<R>(mut self, hook: R) -> Self
    where
        R: Fn(&Request<()>, Refusal) -> Refusal + Send + Sync + 'static,
    {
        self.on_reject = Box::new(hook);
        self
    }

    /// Called when a connection fails before it is open and was not refused: what came was no HTTP
    /// or too much of it, something took too long, the client went away, or an answer could not be
    /// written.
    #[must_use]
    pub fn on_handshake_error<R>(mut self, hook: R) -> Self
    where
        R: Fn(&AcceptError) + Send + Sync + 'static,
    {
        self.on_handshake_error = Box::new(hook);
        self
    }

    /// Sees each connection that was opened, before its handler does and before it is among the
    /// server's [`clients`](Server::clients). What the hook sends is the first that is sent.
    /// It must not block.
    #[must_use]
    pub fn on_connect(mut self, hook: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        self.on_connect = Some(Box::new(hook));
        self
    }

    /// Sees each connection that has ended, however that happened, when it is no longer among the
    /// server's [`clients`](Server::clients). It must not block.
    #[must_use]
    pub fn on_disconnect(mut self, hook: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        self.on_disconnect = Some(Box::new(hook));
        self
    }

    /// A server without a listener, for [`Server::accept`] and [`Server::upgrade`].
    #[must_use]
    pub fn build(self) -> Server {
        let limiter =
            ConnectionLimiter::new(self.max_connections, self.max_connections_per_address);
        let max_silent = self.max_silent_connections.unwrap_or_else(pending::max_silent);
        let registry = Arc::new(Registry::new(self.on_connect, self.on_disconnect));
        let shared = Shared {
            without_handler: self.router.without_handler().map(Into::into),
            routes: self.router.build(&self.settings, &registry),
            registry,
            handshake_timeout: self.handshake_timeout,
            head_limits: self.head_limits,
            tcp: self.tcp,
            fallback: self.fallback,
            limiter: Arc::new(limiter),
            pending: Pending::new(self.max_pending_handshakes, max_silent),
            hosts: self.hosts,
            proxies: self.proxies,
            on_reject: self.on_reject,
            on_handshake_error: self.on_handshake_error,
            refusal_log: RefusalLog::default(),
            #[cfg(feature = "tls")]
            tls: self.tls,
        };
        Server { shared: Arc::new(shared) }
    }

    /// Listens on an address, IPv4 or IPv6. Port 0 takes a free port; see
    /// [`BoundServer::local_addr`]. A name that has several addresses is bound to the first that
    /// can be.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or bound, or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// In a runtime whose builder has not enabled I/O: `enable_all` does.
    pub async fn bind(self, addr: impl ToSocketAddrs) -> io::Result<BoundServer> {
        let listener = Listener::bind_with(addr, self.backlog).await?;
        Ok(BoundServer::new(self.build(), listener))
    }

    /// Takes connections from a listener that is there already: a [`Listener`], or tokio's
    /// `TcpListener` or `UnixListener`.
    #[must_use]
    pub fn listen_on(self, listener: impl Into<Listener>) -> BoundServer {
        BoundServer::new(self.build(), listener.into())
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").finish_non_exhaustive()
    }
}
