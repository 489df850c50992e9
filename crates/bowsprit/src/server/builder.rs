//! The options of a server.

mod callbacks;

use std::{fmt, future::Future, io, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{HostPolicy, OriginPolicy, SubprotocolPolicy};
use http::{HeaderMap, Request};
use tokio::net::ToSocketAddrs;

use super::{
    BoundServer, Fallback, Health, OnHandshakeError, OnReject, Rejection, Server, Shared,
    TrustedProxies,
    authorize::Authorize,
    clients::{Hook, Registry},
    descriptors::Descriptors,
    endpoint::{Settings, endpoint_options},
    limiter::ConnectionLimiter,
    listener::{BACKLOG, Listener},
    pending::{MAX_HANDSHAKES, Pending},
    rejection_log::RejectionLog,
    route::{Route, RouterBuilder},
};
use crate::{ConnectionConfig, Deflate, Limits, TcpOptions, head::HeadLimits};

/// Makes a [`Server`].
///
/// A panic in a callback is logged, and a request that has no response yet is answered 500; the
/// server goes on. A program that is built with `panic = "abort"` ends.
///
/// ```no_run
/// use std::time::Duration;
/// use bowsprit::{Deflate, Server};
///
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let listening = Server::builder()
///     .path("/echo")
///     .max_connections(10_000)
///     .handshake_timeout(Duration::from_secs(5))
///     .deflate(Deflate::server())
///     .bind("127.0.0.1:8080")
///     .await?;
/// # Ok(())
/// # }
/// ```
pub struct ServerBuilder {
    router: RouterBuilder,
    settings: Settings,
    handshake_timeout: Duration,
    head_limits: HeadLimits,
    backlog: u32,
    tcp: TcpOptions,
    /// `None` is the default, which depends on the process.
    max_connections: Option<Option<usize>>,
    max_connections_per_address: Option<usize>,
    max_pending_handshakes: usize,
    max_silent_connections: Option<usize>,
    health: Option<Health>,
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
            health: None,
            fallback: Box::new(|_: &Request<()>| None),
            hosts: HostPolicy::default(),
            proxies: None,
            on_reject: Box::new(|_, rejection| rejection),
            on_handshake_error: Box::new(|_| {}),
            #[cfg(feature = "tls")]
            tls: None,
            on_connect: None,
            on_disconnect: None,
        }
    }

    /// Accepts WebSockets at this path, with the handler that is passed to
    /// [`serve`](BoundServer::serve). Can be called several times. Without any path or route, every
    /// path is accepted; otherwise all others are answered 404.
    ///
    /// Paths are compared without the query. A path can have parameters: `{name}` matches anything
    /// up to the next slash, and `{*rest}` at the end matches everything that follows; see
    /// [`RequestExt::param`](crate::server::RequestExt::param). Literal braces are written `{{` and
    /// `}}`. If several paths match, the most specific one is used.
    ///
    /// ```
    /// use bowsprit::Server;
    ///
    /// let server = Server::builder().path("/chat").path("/rooms/{room}").path("/files/{*path}");
    /// ```
    ///
    /// # Panics
    ///
    /// The path does not begin with a slash, is malformed, or conflicts with another.
    #[must_use]
    #[track_caller]
    pub fn path(mut self, path: impl AsRef<str>) -> Self {
        self.router.add(path.as_ref());
        self
    }

    /// Accepts WebSockets at this path, written as in [`path`](Self::path), with its own handler
    /// and options.
    ///
    /// ```
    /// use bowsprit::{Server, server::Route};
    ///
    /// let time = Route::new(|mut ws, _request| async move { Ok(ws.send("it is late").await?) });
    /// let server = Server::builder().route("/time", time);
    /// ```
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

    /// How long a client may take to send its request, from when the connection is accepted, and
    /// again to receive the response. Received bytes do not extend it. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many bytes the head of a request may have, including the empty line at its end. Longer
    /// ones are answered 431. Default: 16 KiB. Behind proxies that add large tokens or cookies,
    /// such as oauth2-proxy, 64 KiB are common.
    #[must_use]
    pub const fn max_head_len(mut self, max: usize) -> Self {
        self.head_limits.max_len = max;
        self
    }

    /// How many header fields a request may have, at most 24,576. Requests with more are answered
    /// 431. Default: 100.
    #[must_use]
    pub const fn max_header_fields(mut self, max: usize) -> Self {
        self.head_limits.set_max_fields(max);
        self
    }

    /// How many WebSocket connections may be open at a time, however they were accepted. Further
    /// requests are answered 503. `None` is no limit.
    ///
    /// Default: what the process's limit on file descriptors allows when the server is made, less a
    /// tenth, at least 32 and at most 1,280, for other uses and for connections that are not open
    /// yet. A limit of 1,024 descriptors allows 928 connections. A listening server logs it when it
    /// starts; [`Server::max_connections`] returns it. If there is no such limit, or on Windows, it
    /// is `None`.
    ///
    /// Whatever this is set to, listeners accept no connections while these descriptors are in use.
    /// Servers in the same process do not know of each other: give each its share.
    #[must_use]
    pub fn max_connections(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_connections = Some(max.into());
        self
    }

    /// How many WebSocket connections a client may have open, identified by its
    /// [`client_addr`](crate::server::RequestExt::client_addr). IPv6 addresses with the same first
    /// 64 bits count as one client. Further requests are answered 503. Default: `None`, no limit.
    ///
    /// Clients of Unix sockets, and of other transports without an address that are passed to
    /// [`Server::accept`], are not limited. Other requests that are passed to
    /// [`Server::upgrade_async`] or [`Server::upgrade`] without a
    /// [`PeerAddr`](crate::server::PeerAddr) are answered 500.
    #[must_use]
    pub fn max_connections_per_address(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_connections_per_address = max.into();
        self
    }

    /// How many handshakes may be pending on the server's listeners, from the first byte of a
    /// connection to the response, including [`authorize`](Self::authorize). Further ones are
    /// queued. A single address may use at most a quarter of them, but at least one; IPv6 addresses
    /// with the same first 64 bits count as one. [Trusted proxies](Self::trusted_proxies),
    /// listeners for the PROXY protocol and Unix sockets have no limit per address. Default: 1,024.
    #[must_use]
    pub fn max_pending_handshakes(mut self, max: usize) -> Self {
        self.max_pending_handshakes = max;
        self
    }

    /// Maximum number of accepted connections that have sent nothing yet or are queued for a
    /// [pending handshake](Self::max_pending_handshakes). When it is exceeded, the oldest are
    /// closed. Default: 16,384, or what the limit on file descriptors allows if that is less.
    #[must_use]
    pub fn max_silent_connections(mut self, max: usize) -> Self {
        self.max_silent_connections = Some(max);
        self
    }

    /// Encrypts the connections of this server's listeners (`wss:`), except for listeners with
    /// their own setting ([`Listener`]). The time-out of the opening handshake includes the TLS
    /// handshake. Default: no encryption.
    ///
    /// [`Server::accept`] and [`Server::upgrade`] use transports unchanged.
    ///
    /// ```no_run
    /// use bowsprit::{Server, tls::TlsServerConfig};
    ///
    /// # async fn example() -> Result<(), bowsprit::Error> {
    /// let tls = TlsServerConfig::from_pem_files("/etc/chat/tls.crt", "/etc/chat/tls.key")?;
    /// let listening = Server::builder().tls(tls).bind("0.0.0.0:443").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<crate::tls::TlsServerConfig>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// How many connections may wait to be accepted by a listener. Default: 1,024. The system may
    /// reduce it.
    #[must_use]
    pub const fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Options of the TCP sockets that this server's listeners accept, including listeners that
    /// were passed to it. Default: [`TcpOptions::default`]. An option that the system rejects is
    /// logged, and the connection is used without it.
    ///
    /// Sockets that are passed to [`Server::accept`] and [`Server::upgrade`] keep their options,
    /// except for `TCP_NODELAY`, which is set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowsprit::{Server, config::{Keepalive, TcpOptions}};
    ///
    /// let tcp = TcpOptions::default().keepalive(Keepalive::after(Duration::from_secs(120)));
    /// let server = Server::builder().tcp(tcp);
    /// ```
    #[must_use]
    pub const fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    /// Answers probes at `/livez` and `/readyz`; see [`Health`]. They need no permission: neither
    /// [`allowed_hosts`](Self::allowed_hosts) nor [`fallback`](Self::fallback) nor
    /// [`on_reject`](Self::on_reject) apply to them. A server for another HTTP server answers them
    /// in a `tower::WebSocketLayer`; elsewhere call [`Health::answer`].
    ///
    /// ```
    /// use bowsprit::{Server, server::Health};
    ///
    /// let server = Server::builder().path("/chat").health(Health::new());
    /// ```
    #[must_use]
    pub fn health(mut self, health: Health) -> Self {
        self.health = Some(health);
        self
    }

    /// Which hosts requests may be addressed to, including requests that do not ask for a
    /// WebSocket; others are answered 421. Default: [`HostPolicy::Any`]. A server for the local
    /// machine should use [`HostPolicy::Loopback`]. Behind a reverse proxy, clients use the proxy's
    /// host names.
    ///
    /// ```
    /// use bowsprit::{Server, server::HostPolicy};
    ///
    /// let hosts = HostPolicy::List(vec!["chat.example.com".into(), "192.0.2.1".into()]);
    /// let server = Server::builder().allowed_hosts(hosts);
    /// ```
    #[must_use]
    pub fn allowed_hosts(mut self, policy: HostPolicy) -> Self {
        self.hosts = policy;
        self
    }

    /// Reverse proxies whose header fields determine the
    /// [`client_addr`](crate::server::RequestExt::client_addr), and the host that
    /// [`allowed_origins`](Self::allowed_origins) and [`allowed_hosts`](Self::allowed_hosts) are
    /// compared with. Default: none.
    ///
    /// Requests that are passed to [`Server::upgrade_async`] and [`Server::upgrade`] need a
    /// [`PeerAddr`](crate::server::PeerAddr) to tell whether they come from a proxy; without it
    /// they are answered 500.
    ///
    /// ```
    /// use bowsprit::{Server, server::TrustedProxies};
    ///
    /// let nginx = TrustedProxies::x_forwarded(["127.0.0.1/32".parse()?]);
    /// let server = Server::builder().trusted_proxies(nginx);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Makes a server without a listener, for [`Server::accept`] and [`Server::upgrade`].
    #[must_use]
    pub fn build(self) -> Server {
        let descriptors = Descriptors::of_process();
        let max_connections =
            self.max_connections.unwrap_or_else(|| Some(descriptors.as_ref()?.max_open));
        let limiter = ConnectionLimiter::new(max_connections, self.max_connections_per_address);
        let max_silent = self.max_silent_connections;
        let max_silent = max_silent.unwrap_or_else(|| Descriptors::max_silent(descriptors));
        let registry = Arc::new(Registry::new(self.on_connect, self.on_disconnect));
        let shared = Shared {
            without_handler: self.router.without_handler().map(Into::into),
            routes: self.router.build(&self.settings, &registry),
            registry,
            handshake_timeout: self.handshake_timeout,
            head_limits: self.head_limits,
            tcp: self.tcp,
            health: self.health,
            fallback: self.fallback,
            limiter: Arc::new(limiter),
            has_default_max_connections: self.max_connections.is_none(),
            descriptors,
            pending: Pending::new(self.max_pending_handshakes, max_silent),
            hosts: self.hosts,
            proxies: self.proxies,
            on_reject: self.on_reject,
            on_handshake_error: self.on_handshake_error,
            rejection_log: RejectionLog::default(),
            #[cfg(feature = "tls")]
            tls: self.tls,
            #[cfg(all(feature = "systemd", target_os = "linux"))]
            systemd: Default::default(),
        };
        Server { shared: Arc::new(shared) }
    }

    /// Listens on an IPv4 or IPv6 address. Port 0 picks a free port; see
    /// [`BoundServer::local_addr`]. If a name has several addresses, the first that can be bound is
    /// used.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or bound, or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// In a runtime that was built without the I/O driver (`enable_all` enables it).
    pub async fn bind(self, addr: impl ToSocketAddrs) -> io::Result<BoundServer> {
        let listener = Listener::bind_with(addr, self.backlog).await?;
        Ok(BoundServer::new(self.build(), listener))
    }

    /// Accepts connections from an existing listener: a [`Listener`], or tokio's `TcpListener` or
    /// `UnixListener`.
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
