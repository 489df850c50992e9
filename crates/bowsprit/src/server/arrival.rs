//! A connection before its request: who has come, by the PROXY protocol and by TLS.

#[cfg(any(feature = "proxy-protocol", all(unix, feature = "tls")))]
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(feature = "proxy-protocol")]
use std::sync::Arc;
#[cfg(all(unix, any(feature = "proxy-protocol", feature = "tls")))]
use std::task::{Context, ready};
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use std::{future::poll_fn, task::Poll};

use http::{Extensions, Request};
#[cfg(feature = "proxy-protocol")]
use ipnet::IpNet;
#[cfg(all(unix, any(feature = "proxy-protocol", feature = "tls")))]
use rustix::net::RecvFlags;
use tokio::time::Instant;
#[cfg(all(unix, any(feature = "proxy-protocol", feature = "tls")))]
use tokio::{io::Interest, net::UnixStream};
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use tokio::{io::ReadBuf, time::timeout_at};

#[cfg(feature = "tls")]
use super::Encrypted;
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use super::accept::too_late;
use super::{
    PeerAddr, Shared, TrustedProxies, accept::Opened, admission::Admission, guard::HandshakeGuard,
};
#[cfg(feature = "proxy-protocol")]
use super::{forwarded::contains, proxy_protocol};
#[cfg(feature = "tls")]
use crate::tls::TlsServerConfig;
use crate::{AcceptError, deadline::deadline_after, transport::AnyTransport};

/// What is known of a connection before its request.
pub(super) struct Arrival {
    pub(super) peer: Option<SocketAddr>,
    /// When its request has to be there.
    pub(super) deadline: Instant,
    /// What the request is to tell.
    extensions: Extensions,
}

impl Arrival {
    /// A request that tells it. hyper's own extension would keep its part of the connection.
    pub(super) fn told(&self, mut request: Request<()>) -> Request<()> {
        request.extensions_mut().clone_from(&self.extensions);
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(PeerAddr(peer));
        }
        request
    }
}

/// A connection that a listener has accepted.
pub(super) struct Arrived {
    pub(super) transport: AnyTransport,
    pub(super) arrival: Arrival,
    #[cfg(feature = "proxy-protocol")]
    pub(super) proxies: Option<Arc<[IpNet]>>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<TlsServerConfig>,
}

impl Shared {
    /// A connection that arrives now.
    pub(super) fn arrival(&self, peer: Option<SocketAddr>) -> Arrival {
        Arrival {
            peer,
            deadline: deadline_after(self.handshake_timeout),
            extensions: Extensions::new(),
        }
    }

    /// Speaks all that comes before frames with a connection that a listener has accepted, watched.
    pub(super) fn open(
        &self,
        arrived: Arrived,
        handshake: HandshakeGuard,
    ) -> impl Future<Output = Result<Opened, AcceptError>> {
        let admission = Admission::Queued(self.pending.queued(), self.counted(&arrived));
        self.watch(arrived.arrival.peer, self.speak(arrived, admission, handshake))
    }

    /// The address whose share of the places a connection takes.
    fn counted(&self, arrived: &Arrived) -> Option<IpAddr> {
        #[cfg(feature = "proxy-protocol")]
        if arrived.proxies.is_some() {
            return None;
        }
        let peer = arrived.arrival.peer?.ip();
        let is_trusted = |proxies: &TrustedProxies| proxies.trusts(Some(peer.to_canonical()));
        (!self.proxies.as_ref().is_some_and(is_trusted)).then_some(peer)
    }
}

impl Arrived {
    /// A connection in which HTTP begins at once.
    pub(super) const fn new(transport: AnyTransport, arrival: Arrival) -> Self {
        Self {
            transport,
            arrival,
            #[cfg(feature = "proxy-protocol")]
            proxies: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
impl Arrived {
    /// Whether something comes before HTTP.
    pub(super) const fn has_prelude(&self) -> bool {
        #[cfg(feature = "proxy-protocol")]
        if self.proxies.is_some() {
            return true;
        }
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return true;
        }
        false
    }

    /// Speaks what comes before HTTP, in a place from the first byte on. What a proxy tells of the
    /// client stands before all else.
    pub(super) async fn prepare<'p>(
        self,
        admission: Admission<'p>,
        handshake: &HandshakeGuard,
    ) -> Result<(Self, Admission<'p>), AcceptError> {
        let admitting = admission.admit(wait_for_bytes(&self.transport), handshake);
        let admission = timeout_at(self.arrival.deadline, admitting).await.map_err(too_late)??;
        Ok((handshake.unless_cut(self.prepared()).await??, admission))
    }

    /// The same in a place.
    async fn prepared(mut self) -> Result<Self, AcceptError> {
        #[cfg(feature = "proxy-protocol")]
        if let Some(proxies) = self.proxies.take() {
            self.ask_proxy(&proxies).await?;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.take() {
            self = self.encrypt(tls).await?;
        }
        Ok(self)
    }

    /// Lets the proxy tell where the client is.
    #[cfg(feature = "proxy-protocol")]
    async fn ask_proxy(&mut self, proxies: &[IpNet]) -> Result<(), AcceptError> {
        if self.arrival.peer.is_some_and(|peer| !contains(proxies, peer.ip())) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
        }
        let told = proxy_protocol::read(&mut self.transport);
        let told = timeout_at(self.arrival.deadline, told).await.map_err(too_late)??;
        self.arrival.peer = told.or(self.arrival.peer);
        Ok(())
    }

    /// Speaks the handshake of TLS, within the time of the opening handshake.
    #[cfg(feature = "tls")]
    async fn encrypt(mut self, tls: TlsServerConfig) -> Result<Self, AcceptError> {
        let encrypting = tls.accept(self.transport);
        let encrypted = timeout_at(self.arrival.deadline, encrypting).await.map_err(too_late)?;
        let (transport, certificates) = encrypted?;
        self.transport = transport;
        self.arrival.extensions.insert(Encrypted);
        if let Some(certificates) = certificates {
            self.arrival.extensions.insert(certificates);
        }
        Ok(self)
    }
}

/// Waits until there is something to read, where the transport can tell.
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
fn wait_for_bytes(transport: &AnyTransport) -> impl Future<Output = Result<(), AcceptError>> {
    // Not `poll_read_ready`: a stream that was just accepted claims to be ready.
    poll_fn(|cx| match transport {
        AnyTransport::Tcp(stream) => stream
            .poll_peek(cx, &mut ReadBuf::new(&mut [0]))
            .map_ok(drop)
            .map_err(AcceptError::from),
        #[cfg(unix)]
        AnyTransport::Unix(stream) => poll_peek(stream, cx).map_err(AcceptError::from),
        _ => Poll::Ready(Ok(())),
    })
}

/// What tokio has for TCP only.
#[cfg(all(unix, any(feature = "proxy-protocol", feature = "tls")))]
fn poll_peek(stream: &UnixStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let peek = || Ok(rustix::net::recv(stream, &mut [0], RecvFlags::PEEK).map(drop)?);
    loop {
        ready!(stream.poll_read_ready(cx))?;
        match stream.try_io(Interest::READABLE, peek) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            peeked => return Poll::Ready(peeked),
        }
    }
}

#[cfg(all(test, unix, any(feature = "proxy-protocol", feature = "tls")))]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_silent_peer_of_a_unix_socket_is_waited_for() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let transport = AnyTransport::Unix(near);
        assert!(wait_for_bytes(&transport).now_or_never().is_none());
        far.write_all(b"hello").await.unwrap();
        wait_for_bytes(&transport).await.unwrap();
        let AnyTransport::Unix(mut near) = transport else { unreachable!() };
        let mut told = [0; 5];
        near.read_exact(&mut told).await.unwrap();
        assert_eq!(&told, b"hello");
    }
}
