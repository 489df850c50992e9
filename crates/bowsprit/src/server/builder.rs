//! The options of a server.

use std::{fmt, io, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{OriginPolicy, Policy, SubprotocolPolicy};
use bytes::Bytes;
use http::{Request, Response};
use tokio::net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host};

use super::{BoundServer, Fallback, Server, Shared};
use crate::{Deflate, Limits, Options};

/// Connections that wait to be accepted, by default.
const DEFAULT_BACKLOG: u32 = 1024;

/// Makes a [`Server`].
pub struct ServerBuilder {
    paths: Vec<Box<str>>,
    policy: Policy,
    options: Options,
    handshake_timeout: Duration,
    backlog: u32,
    fallback: Box<dyn Fallback>,
    #[cfg(feature = "tls")]
    tls: Option<crate::ServerTls>,
}

impl ServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            paths: Vec::new(),
            policy: Policy::default(),
            options: Options::server(),
            handshake_timeout: Duration::from_secs(10),
            backlog: DEFAULT_BACKLOG,
            fallback: Box::new(|_: &Request<()>| None),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Speaks WebSocket at this path, compared exactly and without the query. Can be called
    /// several times. Without any, every path will do; with some, others answer 404.
    #[must_use]
    pub fn path(mut self, path: impl Into<Box<str>>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// How a subprotocol is chosen. Default: none is.
    #[must_use]
    pub fn subprotocols(mut self, policy: SubprotocolPolicy) -> Self {
        self.policy.subprotocols = policy;
        self
    }

    /// Whose pages may connect. Default: [`OriginPolicy::Same`]; others are answered 403.
    #[must_use]
    pub fn origins(mut self, policy: OriginPolicy) -> Self {
        self.policy.origins = policy;
        self
    }

    /// Compresses messages of clients that offer it. Default: `None`, no compression.
    /// [`Deflate::server`] is what to start from.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.policy.deflate = deflate.into();
        self
    }

    /// Speaks version 8 (HyBi drafts) as well as 13 (RFC 6455).
    #[must_use]
    pub const fn accept_version_8(mut self) -> Self {
        self.policy.accept_version_8 = true;
        self
    }

    /// What a client may make us hold. Default: [`Limits::SERVER`].
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Limits and timers of open connections. Default: [`Options::server`].
    #[must_use]
    pub const fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// How long the opening handshake may take, from the moment the connection is accepted. Bytes
    /// that come do not extend it. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Encrypts the connections of this server's listener: it then speaks `wss:`. The TLS handshake
    /// is part of the time that the opening handshake may take. Default: no encryption.
    ///
    /// [`Server::accept`] and [`Server::upgrade`] take transports as they are.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<crate::ServerTls>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// How many connections may wait to be accepted. Default: 1,024. The system may cap it.
    #[must_use]
    pub const fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
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

    /// A server without a listener, for [`Server::accept`] and [`Server::upgrade`].
    #[must_use]
    pub fn build(self) -> Server {
        let shared = Shared {
            paths: self.paths,
            policy: self.policy,
            options: Arc::new(self.options),
            handshake_timeout: self.handshake_timeout,
            fallback: self.fallback,
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
    /// The address cannot be resolved or bound.
    pub async fn bind(self, addr: impl ToSocketAddrs) -> io::Result<BoundServer> {
        let listener = listen(addr, self.backlog).await?;
        Ok(BoundServer::new(self.build(), listener))
    }

    /// Takes connections from a listener that is there already.
    #[must_use]
    pub fn listen_on(self, listener: TcpListener) -> BoundServer {
        BoundServer::new(self.build(), listener)
    }
}

async fn listen(addr: impl ToSocketAddrs, backlog: u32) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for addr in lookup_host(addr).await? {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A server that was stopped can start again while old connections fade away.
        socket.set_reuseaddr(true)?;
        match socket.bind(addr).and_then(|()| socket.listen(backlog)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("paths", &self.paths)
            .field("policy", &self.policy)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
