//! Who a server is, and which clients it knows.

use std::{future::poll_fn, path::Path, pin::Pin, sync::Arc};

use rustls::{ServerConfig, server::WebPkiClientVerifier};
use tokio::io::AsyncBufRead;

use super::{PeerCertificates, TlsFailure, failed, handshake_failed, pem, provider::provider};
use crate::{AcceptError, transport::AnyTransport};

/// TLS options of a server: TLS 1.2 and 1.3 by rustls.
///
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct TlsServerConfig {
    config: Arc<ServerConfig>,
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCertificates {
    /// Clients may send one. An invalid one fails the handshake.
    Optional,
    /// Clients must send one.
    Required,
}

impl TlsServerConfig {
    /// Takes the server's certificate chain, its own certificate first, and its private key, both
    /// in PEM.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Tls`] if they cannot be parsed, or do not match.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, AcceptError> {
        Self::build(chain, key, None)
    }

    /// Reads chain and key from two files.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and [`AcceptError::Tls`] with the name of a file that
    /// cannot be read.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, AcceptError> {
        Self::from_pem(&read(chain.as_ref())?, &read(key.as_ref())?)
    }

    /// Also verifies client certificates, which must be signed by one of `roots`, in PEM. Handlers
    /// find them in [`PeerCertificates`].
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_with_clients(
        chain: &[u8],
        key: &[u8],
        roots: &[u8],
        clients: ClientCertificates,
    ) -> Result<Self, AcceptError> {
        Self::build(chain, key, Some((roots, clients)))
    }

    fn build(
        chain: &[u8],
        key: &[u8],
        clients: Option<(&[u8], ClientCertificates)>,
    ) -> Result<Self, AcceptError> {
        let (chain, key, provider) =
            (pem::certificates(chain)?, pem::private_key(key)?, provider()?);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some((roots, clients)) => {
                let roots = pem::roots(pem::certificates(roots)?)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(match clients {
                    ClientCertificates::Required => verifier.build().map_err(failed)?,
                    ClientCertificates::Optional => {
                        verifier.allow_unauthenticated().build().map_err(failed)?
                    }
                })
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(failed)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    /// Speaks the TLS handshake, and waits for the request to begin.
    pub(crate) async fn accept(
        &self,
        transport: AnyTransport,
    ) -> Result<(AnyTransport, Option<PeerCertificates>), AcceptError> {
        let addr = transport.peer_addr();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config));
        let mut stream =
            acceptor.accept(transport).await.map_err(handshake_failed::<AcceptError>)?;
        // hyper takes 16 KiB as soon as it waits. An end or an error it will see by itself.
        let _begun = poll_fn(|cx| Pin::new(&mut stream).poll_fill_buf(cx).map_ok(drop)).await;
        let certificates = PeerCertificates::of(stream.get_ref().1);
        Ok((AnyTransport::boxed(stream, addr), certificates))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFailure> {
    std::fs::read(path).map_err(|error| failed(format!("cannot read {}: {error}", path.display())))
}

impl From<Arc<ServerConfig>> for TlsServerConfig {
    /// Uses the configuration unchanged.
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { config }
    }
}
