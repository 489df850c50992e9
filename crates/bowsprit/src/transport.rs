//! What a connection runs over: TCP, TLS, Unix sockets, or any other byte stream.
//!
//! [`Client::connect_over`](crate::Client::connect_over) and
//! [`Server::accept`](crate::Server::accept) take any [`Transport`].

use std::{
    any::Any,
    io::{self, ErrorKind, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
#[cfg(any(feature = "axum", feature = "tower"))]
use hyper_util::server::conn::auto;
#[cfg(any(target_os = "linux", target_os = "android"))]
use tokio::io::Interest;
#[cfg(unix)]
use tokio::net::{UnixStream, unix};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, tcp},
};

/// Anything that a WebSocket connection can run over.
///
/// Implemented for every duplex byte stream that can move to another task. Its polling methods are
/// called with a lock held and must not use the connection; its `Drop` may.
///
/// ```
/// use bowsprit::{AcceptError, Server, WebSocket, transport::Transport};
///
/// /// Accepts a connection over whatever the caller has: a socket, a TLS stream, a pipe in memory.
/// async fn accept(server: &Server, io: impl Transport) -> Result<WebSocket, AcceptError> {
///     server.accept(io).await
/// }
/// ```
pub trait Transport: Any + AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: Any + AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A transport in one piece, as the handshake leaves it.
pub(crate) enum AnyTransport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// The address is the one of the peer of the socket inside, if that is known.
    Boxed(SharedIo, Option<SocketAddr>),
}

pub(crate) enum ReadHalf {
    Tcp(tcp::OwnedReadHalf),
    #[cfg(unix)]
    Unix(unix::OwnedReadHalf),
    Boxed(SharedIo),
}

pub(crate) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    /// Boxed, as the enum is a word smaller if only one of them is this large.
    #[cfg(unix)]
    Unix(Box<unix::OwnedWriteHalf>),
    Boxed(SharedIo),
}

impl AnyTransport {
    /// The transport in `io`, out of the boxes that HTTP servers put around it, and the bytes that
    /// they have read from it ahead.
    pub(crate) fn from_io(io: impl Transport) -> (Self, Bytes) {
        let mut io = Some(io);
        if let Some(transport) = take::<Self>(&mut io) {
            return (transport, Bytes::new());
        }
        if let Some(tcp) = take::<TcpStream>(&mut io) {
            return (Self::tcp(tcp), Bytes::new());
        }
        #[cfg(unix)]
        if let Some(unix) = take::<UnixStream>(&mut io) {
            return (Self::Unix(unix), Bytes::new());
        }
        if let Some(upgraded) = take::<TokioIo<Upgraded>>(&mut io) {
            return Self::unbox(upgraded.into_inner());
        }
        let Some(io) = io else { unreachable!("taken only by the branches above") };
        (Self::boxed(io, None), Bytes::new())
    }

    fn unbox(upgraded: Upgraded) -> (Self, Bytes) {
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        // hyper-util's server for both versions of HTTP has a box of its own, and so has axum's.
        #[cfg(any(feature = "axum", feature = "tower"))]
        let upgraded = match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => return (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        (Self::boxed(TokioIo::new(upgraded), None), Bytes::new())
    }

    /// Frames are written in batches already; nothing is to wait for an acknowledgement.
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        Self::Tcp(stream)
    }

    /// Any other transport, and the address of its peer if that is known.
    pub(crate) fn boxed(io: impl Transport, peer_addr: Option<SocketAddr>) -> Self {
        Self::Boxed(SharedIo(Arc::new(Mutex::new(Box::new(io)))), peer_addr)
    }

    /// The address of the other end, of a TCP connection.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Boxed(_, addr) => *addr,
        }
    }

    /// The address of our end, of a TCP connection.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Boxed(..) => None,
        }
    }

    /// Asks what was boxed.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&dyn Any) -> Option<T>) -> Option<T> {
        match self {
            Self::Boxed(io, _) => io.ask(ask),
            _ => None,
        }
    }

    pub(crate) fn split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            #[cfg(unix)]
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(Box::new(write)))
            }
            Self::Boxed(io, _) => (ReadHalf::Boxed(io.clone()), WriteHalf::Boxed(io)),
        }
    }
}

/// A transport of whatever type, which its two halves share.
///
/// The mutex is what makes connections `Sync`, as transports need not be. tokio's own halves hold
/// one as well, but are `Sync` only over transports that are.
#[derive(Clone)]
pub(crate) struct SharedIo(Arc<Mutex<Box<dyn Transport>>>);

impl SharedIo {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Transport>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Facts are asked for where they are known, by whoever knows the type: a connection keeps none
    /// of them.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    fn ask<T>(&self, ask: impl FnOnce(&dyn Any) -> Option<T>) -> Option<T> {
        ask(&**self.lock())
    }
}

impl AsyncRead for SharedIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_read(cx, buf)
    }
}

impl AsyncWrite for SharedIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self.lock()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut **self.lock()).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut **self.lock()).poll_shutdown(cx)
    }
}

impl ReadHalf {
    /// Whether the peer's side has ended, by FIN or RST, whatever there is to be read before that.
    /// Nothing is asked of the system for it. Only sockets on Linux and Android tell.
    pub(crate) fn is_cut(&self) -> bool {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        return match self {
            // Priority data is not asked for, so only the end of the peer's side says yes.
            Self::Tcp(half) => half.as_ref().try_io(Interest::PRIORITY, || Ok(())).is_ok(),
            Self::Unix(half) => half.as_ref().try_io(Interest::PRIORITY, || Ok(())).is_ok(),
            Self::Boxed(_) => false,
        };
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        false
    }
}

impl WriteHalf {
    /// As that of the transport.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(half) => half.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Boxed(_) => None,
        }
    }

    /// As that of the transport.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&dyn Any) -> Option<T>) -> Option<T> {
        match self {
            Self::Boxed(io) => io.ask(ask),
            _ => None,
        }
    }
}

/// Takes `io` if it is of type `T`.
fn take<T: 'static>(io: &mut dyn Any) -> Option<T> {
    io.downcast_mut::<Option<T>>().and_then(Option::take)
}

/// Passes a call on to whichever transport it is.
macro_rules! delegate {
    ($half:expr, $pinned:ident => $call:expr) => {
        match $half.get_mut() {
            Self::Tcp(io) => {
                let $pinned = Pin::new(io);
                $call
            }
            #[cfg(unix)]
            Self::Unix(io) => {
                let $pinned = Pin::new(io);
                $call
            }
            Self::Boxed(io, ..) => {
                let $pinned = Pin::new(io);
                $call
            }
        }
    };
}

/// Reads, or writes, through whichever transport it is.
macro_rules! read_through {
    ($($half:ty),*) => {$(
        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match delegate!(self, io => io.poll_read(cx, buf)) {
                    // TLS that ends without a word is a transport that ends.
                    Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                        Poll::Ready(Ok(()))
                    }
                    read => read,
                }
            }
        }
    )*};
}

macro_rules! write_through {
    ($($half:ty),*) => {$(
        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                delegate!(self, io => io.poll_write(cx, buf))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                delegate!(self, io => io.poll_write_vectored(cx, bufs))
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                delegate!(self, io => io.poll_flush(cx))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                delegate!(self, io => io.poll_shutdown(cx))
            }
        }
    )*};
}

read_through!(ReadHalf, AnyTransport);
write_through!(WriteHalf, AnyTransport);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_tcp_socket_is_recognised_and_does_not_wait_for_acknowledgements() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(!stream.nodelay().unwrap());
        let (AnyTransport::Tcp(stream), _) = AnyTransport::from_io(stream) else { panic!("boxed") };
        assert!(stream.nodelay().unwrap());
    }
}
