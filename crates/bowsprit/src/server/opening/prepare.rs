//! The first stage of the opening handshake: the PROXY protocol and TLS.

#[cfg(any(feature = "proxy-protocol", all(unix, feature = "tls")))]
use std::io;
#[cfg(feature = "proxy-protocol")]
use std::sync::Arc;
#[cfg(all(unix, any(feature = "proxy-protocol", feature = "tls")))]
use std::task::{Context, ready};
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use std::{future::poll_fn, task::Poll};
use std::{net::SocketAddr, time::Duration};

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

#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use super::{PermitState, timed_out};
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use crate::AcceptError;
#[cfg(feature = "tls")]
use crate::server::Encrypted;
#[cfg(feature = "proxy-protocol")]
use crate::server::{forwarded::contains, proxy_protocol};
#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
use crate::server::{guard::HandshakeGuard, rejection_log::RejectionLog};
#[cfg(feature = "tls")]
use crate::tls::TlsServerConfig;
use crate::{deadline::deadline_after, server::PeerAddr, transport::AnyTransport};

/// A connection whose request has not been read yet.
pub(in crate::server) struct PendingConnection {
    pub(in crate::server) transport: AnyTransport,
    pub(in crate::server) peer: PeerInfo,
    /// When its request must have arrived.
    pub(in crate::server) deadline: Instant,
    #[cfg(feature = "proxy-protocol")]
    pub(in crate::server) proxies: Option<Arc<[IpNet]>>,
    #[cfg(feature = "tls")]
    pub(in crate::server) tls: Option<TlsServerConfig>,
}

/// What is known about a client before its request.
pub(in crate::server) struct PeerInfo {
    pub(super) addr: Option<SocketAddr>,
    extensions: Extensions,
}

impl PeerInfo {
    /// Inserts it into a request. hyper's own extension would keep its part of the connection
    /// alive.
    pub(super) fn add_to(&self, mut request: Request<()>) -> Request<()> {
        request.extensions_mut().clone_from(&self.extensions);
        if let Some(addr) = self.addr {
            request.extensions_mut().insert(PeerAddr(addr));
        }
        request
    }
}

impl PendingConnection {
    /// A connection that begins now, with HTTP. Its request must arrive within this time.
    pub(in crate::server) fn new(
        transport: AnyTransport,
        addr: Option<SocketAddr>,
        timeout: Duration,
    ) -> Self {
        Self {
            transport,
            peer: PeerInfo { addr, extensions: Extensions::new() },
            deadline: deadline_after(timeout),
            #[cfg(feature = "proxy-protocol")]
            proxies: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

#[cfg(any(feature = "proxy-protocol", feature = "tls"))]
impl PendingConnection {
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

    /// Reads and answers what precedes HTTP, with a permit from the first byte on. A proxy's header
    /// precedes TLS.
    pub(super) async fn prepare<'p>(
        self,
        permit: PermitState<'p>,
        handshake: &HandshakeGuard,
        log: &RejectionLog,
    ) -> Result<(Self, PermitState<'p>), AcceptError> {
        let acquiring = permit.acquire(wait_for_bytes(&self.transport), handshake);
        let permit = timeout_at(self.deadline, acquiring).await.map_err(timed_out)??;
        Ok((handshake.unless_cut(self.read_prelude(log)).await??, permit))
    }

    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "for TLS"))]
    async fn read_prelude(mut self, log: &RejectionLog) -> Result<Self, AcceptError> {
        #[cfg(feature = "proxy-protocol")]
        if let Some(proxies) = self.proxies.take() {
            self.read_proxy_header(&proxies).await?;
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = self.tls.take() {
            self = self.encrypt(tls, log).await?;
        }
        Ok(self)
    }

    /// Reads the client's address from the header that the proxy has sent.
    #[cfg(feature = "proxy-protocol")]
    async fn read_proxy_header(&mut self, proxies: &[IpNet]) -> Result<(), AcceptError> {
        if self.peer.addr.is_some_and(|peer| !contains(proxies, peer.ip())) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
        }
        let reading = proxy_protocol::read(&mut self.transport);
        let client = timeout_at(self.deadline, reading).await.map_err(timed_out)??;
        self.peer.addr = client.or(self.peer.addr);
        Ok(())
    }

    /// Runs the TLS handshake, within the time of the opening handshake.
    #[cfg(feature = "tls")]
    async fn encrypt(
        mut self,
        tls: TlsServerConfig,
        log: &RejectionLog,
    ) -> Result<Self, AcceptError> {
        let encrypting = tls.accept(self.transport);
        let encrypted = timeout_at(self.deadline, encrypting).await.map_err(timed_out)?;
        let encrypted = encrypted.inspect_err(|error| log.log_tls_failure(self.peer.addr, error));
        let (transport, certificates) = encrypted?;
        self.transport = transport;
        self.peer.extensions.insert(Encrypted);
        if let Some(certificates) = certificates {
            self.peer.extensions.insert(certificates);
        }
        Ok(self)
    }
}

/// Waits until there is something to read, if the transport can tell.
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

/// Polls a peek, which tokio has for TCP only.
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
        let mut received = [0; 5];
        near.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"hello");
    }
}
