//! Sockets that a server listens on.

#[cfg(feature = "proxy-protocol")]
use std::sync::Arc;
use std::{
    fmt, io,
    net::SocketAddr,
    task::{Context, Poll},
};

#[cfg(feature = "proxy-protocol")]
use ipnet::IpNet;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host};

#[cfg(feature = "tls")]
use crate::tls::TlsServerConfig;
use crate::{TcpOptions, error::check_runtime, transport::AnyTransport};

/// The default length of the backlog: connections that wait to be accepted.
pub(super) const BACKLOG: u32 = 1024;

/// A listening socket, converted from tokio's `TcpListener` or `UnixListener`, or bound by this
/// type.
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// use bowsprit::{Server, server::Listener};
///
/// let server = Server::builder()
///     .bind("0.0.0.0:8080")
///     .await?
///     .add_listener(Listener::bind("[::1]:8081").await?)
///     .add_listener(Listener::bind_unix("/run/chat.sock")?);
/// # Ok(())
/// # }
/// ```
pub struct Listener {
    socket: Socket,
    /// The proxies whose connections must begin with a PROXY protocol header.
    #[cfg(feature = "proxy-protocol")]
    pub(super) proxies: Option<Arc<[IpNet]>>,
    #[cfg(feature = "tls")]
    pub(super) encryption: Encryption,
}

enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// Whether connections are encrypted.
#[cfg(feature = "tls")]
pub(super) enum Encryption {
    AsServer,
    Plain,
    Tls(TlsServerConfig),
}

#[cfg(feature = "tls")]
impl Encryption {
    /// The TLS configuration to use if the server's own is `server`.
    pub(super) const fn or_server<'e>(
        &'e self,
        server: Option<&'e TlsServerConfig>,
    ) -> Option<&'e TlsServerConfig> {
        match self {
            Self::AsServer => server,
            Self::Plain => None,
            Self::Tls(tls) => Some(tls),
        }
    }
}

impl Listener {
    /// Listens on an IPv4 or IPv6 address. Port 0 takes a free port. If a name has several
    /// addresses, the first one that can be bound is used.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or bound, or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// If the runtime was built without I/O enabled; `enable_all` enables it.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with(addr, BACKLOG).await
    }

    pub(super) async fn bind_with(addr: impl ToSocketAddrs, backlog: u32) -> io::Result<Self> {
        check_runtime().map_err(io::Error::other)?;
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
        for addr in lookup_host(addr).await? {
            let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A server that was stopped can start again while old connections fade away.
            socket.set_reuseaddr(true)?;
            match socket.bind(addr).and_then(|()| socket.listen(backlog)) {
                Ok(listener) => return Ok(listener.into()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Listens on a Unix socket. A stale socket file, on which no process listens any more, is
    /// replaced. The file's permissions, which the process's umask sets, determine which users may
    /// connect.
    ///
    /// # Errors
    ///
    /// The path cannot be bound, another process listens there, or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// As [`bind`](Self::bind).
    #[cfg(unix)]
    pub fn bind_unix(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        check_runtime().map_err(io::Error::other)?;
        let path = path.as_ref();
        match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                if !is_left_behind(path)? {
                    return Err(error);
                }
                std::fs::remove_file(path)?;
                Ok(UnixListener::bind(path)?.into())
            }
            bound => Ok(bound?.into()),
        }
    }

    /// Expects each connection to begin with a PROXY protocol header, version 1 or 2, which carries
    /// the client's address. Proxies send it before anything else, including TLS. Needs the feature
    /// `proxy-protocol`.
    ///
    /// Only connections from these networks are accepted, and all of them must send the header;
    /// peers of Unix sockets are always accepted. The header cannot be detected reliably, so a
    /// listener serves either proxies or direct clients.
    ///
    /// ```no_run
    /// use bowsprit::{Server, server::Listener};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = Listener::bind("10.0.0.5:8080").await?;
    /// let listener = listener.proxy_protocol(["10.0.0.0/8".parse()?]);
    /// let listening = Server::builder().listen_on(listener);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "proxy-protocol")]
    #[must_use]
    pub fn proxy_protocol(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.proxies = Some(networks.into_iter().collect());
        self
    }

    /// Encrypts the connections of this listener, overriding
    /// [`ServerBuilder::tls`](crate::server::ServerBuilder::tls). Default: the server's setting.
    ///
    /// ```no_run
    /// use bowsprit::{Server, server::Listener, tls::TlsServerConfig};
    ///
    /// # async fn example() -> Result<(), bowsprit::Error> {
    /// let tls = TlsServerConfig::from_pem_files("tls.crt", "tls.key")?;
    /// let listening = Server::builder()
    ///     .bind("127.0.0.1:8080")
    ///     .await?
    ///     .add_listener(Listener::bind("0.0.0.0:8443").await?.tls(tls));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsServerConfig>) -> Self {
        self.encryption = Encryption::Tls(tls.into());
        self
    }

    /// Does not encrypt the connections of this listener, overriding
    /// [`ServerBuilder::tls`](crate::server::ServerBuilder::tls).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.encryption = Encryption::Plain;
        self
    }

    /// Returns the local address of a TCP listener.
    ///
    /// # Errors
    ///
    /// The system call fails, or this is a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Socket::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(super) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        options: &TcpOptions,
    ) -> Poll<io::Result<(AnyTransport, Option<SocketAddr>)>> {
        match &self.socket {
            Socket::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| {
                if let Err(error) = options.apply(&stream) {
                    tracing::warn!(%error, %peer, "cannot set the options of a socket");
                }
                (AnyTransport::Tcp(stream), Some(peer))
            }),
            #[cfg(unix)]
            Socket::Unix(listener) => {
                listener.poll_accept(cx).map_ok(|(unix, _)| (AnyTransport::Unix(unix), None))
            }
        }
    }

    const fn new(socket: Socket) -> Self {
        Self {
            socket,
            #[cfg(feature = "proxy-protocol")]
            proxies: None,
            #[cfg(feature = "tls")]
            encryption: Encryption::AsServer,
        }
    }
}

/// Whether the file is a socket on which no process listens. Other files refuse connections as
/// well.
#[cfg(unix)]
fn is_left_behind(path: &std::path::Path) -> io::Result<bool> {
    use std::os::unix::{fs::FileTypeExt, net::UnixStream};

    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let tried = UnixStream::connect(path);
    Ok(tried.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::new(Socket::Tcp(listener))
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::new(Socket::Unix(listener))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut listener = f.debug_tuple("Listener");
        match &self.socket {
            Socket::Tcp(socket) => listener.field(socket),
            #[cfg(unix)]
            Socket::Unix(socket) => listener.field(socket),
        };
        listener.finish()
    }
}
