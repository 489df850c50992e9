//! What is known of an encrypted transport: what it runs over, and who is at its other end.

use std::{any::Any, net::SocketAddr};

#[cfg(feature = "tls")]
use std::sync::Arc;

#[cfg(feature = "tls")]
use rustls::{CommonState, pki_types::CertificateDer};

use crate::transport::AnyTransport;

/// The certificate chain of a peer, its own certificate first. Returned by
/// [`WebSocket::peer_certificates`](crate::WebSocket::peer_certificates); a client's certificates
/// are also an extension of its request.
///
/// ```
/// # fn example(request: &bowsprit::http::Request<()>) {
/// let certificates = request.extensions().get::<bowsprit::tls::PeerCertificates>();
/// let own = certificates.map(|certificates| certificates.as_slice()[0].as_ref());
/// # }
/// ```
#[cfg(feature = "tls")]
#[derive(Clone, Debug)]
pub struct PeerCertificates(Arc<[CertificateDer<'static>]>);

#[cfg(feature = "tls")]
impl PeerCertificates {
    /// Those that the peer has shown, if it has shown any.
    pub(crate) fn of(connection: &CommonState) -> Option<Self> {
        connection.peer_certificates().map(|shown| Self(shown.into()))
    }

    /// Those of the peer of an encrypted transport.
    pub(crate) fn in_transport(io: &dyn Any) -> Option<Self> {
        #[cfg(feature = "client")]
        if let Some(stream) = io.downcast_ref::<tokio_rustls::client::TlsStream<AnyTransport>>() {
            return Self::of(stream.get_ref().1);
        }
        #[cfg(feature = "native-tls")]
        if let Some(stream) = io.downcast_ref::<tokio_native_tls::TlsStream<AnyTransport>>() {
            let certificate = stream.get_ref().peer_certificate().ok()??.to_der().ok()?;
            return Some(Self(Arc::new([certificate.into()])));
        }
        let stream = io.downcast_ref::<tokio_rustls::server::TlsStream<AnyTransport>>()?;
        Self::of(stream.get_ref().1)
    }

    /// The certificates, in DER.
    #[must_use]
    pub fn as_slice(&self) -> &[CertificateDer<'static>] {
        &self.0
    }
}

/// The address of our end of the TCP connection that is below an encrypted transport.
pub(crate) fn local_addr(io: &dyn Any) -> Option<SocketAddr> {
    let transport = transport(io)?;
    transport.local_addr().or_else(|| transport.ask(local_addr))
}

/// What an encrypted transport runs over.
fn transport(io: &dyn Any) -> Option<&AnyTransport> {
    #[cfg(all(feature = "client", feature = "tls"))]
    if let Some(stream) = io.downcast_ref::<tokio_rustls::client::TlsStream<AnyTransport>>() {
        return Some(stream.get_ref().0);
    }
    #[cfg(all(feature = "server", feature = "tls"))]
    if let Some(stream) = io.downcast_ref::<tokio_rustls::server::TlsStream<AnyTransport>>() {
        return Some(stream.get_ref().0);
    }
    #[cfg(feature = "native-tls")]
    if let Some(stream) = io.downcast_ref::<tokio_native_tls::TlsStream<AnyTransport>>() {
        return Some(stream.get_ref().get_ref().get_ref());
    }
    let _plain = io;
    None
}
