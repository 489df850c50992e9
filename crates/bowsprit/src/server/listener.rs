//! Where connections come from.

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

/// Connections that wait to be accepted, by default.
pub(super) const BACKLOG: u32 = 1024;

/// A socket that connections come to: made from a `TcpListener` or `UnixListener` of tokio, or
/// bound here.
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
    /// Who may and must tell the client's address before all else.
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
    /// What to encrypt with, where the server has `server`.
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
    /// Listens on an address, IPv4 or IPv6. Port 0 takes a free port. A name that has several
    /// addresses is bound to the first that can be.
    ///
    /// # Errors
    ///
    /// The address cannot be resolved or bound, or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// In a runtime whose builder has not enabled I/O: `enable_all` does.
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

    /// Listens on a Unix socket. One that was left behind, on which nobody listens any more, is
    /// replaced. Who may connect is what the file's permissions say, set by the process's umask.
    ///
    /// # Errors
    ///
    /// The path cannot be bound, somebody listens there, or there is no tokio runtime.
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

    /// Has connections begin with a header of the PROXY protocol, version 1 or 2, which tells where
    /// the client is: proxies write it before all else, TLS included. Needs the feature
    /// `proxy-protocol`.
    ///
    /// Only connections from these networks are taken, and all of them need the header; peers of
    /// Unix sockets need no network. There is no way to tell whether a header is there by looking,
    /// so a listener is for proxies or for others.
    #[cfg(feature = "proxy-protocol")]
    #[must_use]
    pub fn proxy_protocol(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.proxies = Some(networks.into_iter().collect());
        self
    }

    /// Encrypts the connections of this listener, whatever
    /// [`ServerBuilder::tls`](crate::server::ServerBuilder::tls) says of all. Default: as the
    /// server.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsServerConfig>) -> Self {
        self.encryption = Encryption::Tls(tls.into());
        self
    }

    /// Takes the connections of this listener as they are, although the server encrypts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.encryption = Encryption::Plain;
        self
    }

    /// The address it listens on, if it is one of TCP.
    ///
    /// # Errors
    ///
    /// If the system does not tell, or it is a Unix socket.
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

/// Whether there is a socket on which nobody listens. Other files refuse connections as well.
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
