//! Who a server is, and which clients it knows.

use std::{future::poll_fn, path::Path, pin::Pin, sync::Arc};

use rustls::{
    InconsistentKeys, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::io::AsyncBufRead;

use super::{
    PeerCertificates, ReloadableTls, TlsFailure, TlsFiles, failed, handshake_failed, pem,
    provider::provider,
};
use crate::{AcceptError, transport::AnyTransport};

/// TLS options of a server: TLS 1.2 and 1.3 by rustls.
///
/// Cloning is cheap.
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
#[derive(Clone, Debug)]
pub struct TlsServerConfig {
    source: Source,
}

/// Where the configuration of a connection comes from.
#[derive(Clone, Debug)]
enum Source {
    Fixed(Arc<ServerConfig>),
    Reloadable(ReloadableTls),
}

/// Whether clients need a certificate.
///
/// ```no_run
/// use std::fs;
/// use bowsprit::tls::{ClientCertificates, TlsServerConfig};
///
/// # fn example() -> Result<TlsServerConfig, Box<dyn std::error::Error>> {
/// let (chain, key) = (fs::read("tls.crt")?, fs::read("tls.key")?);
/// let roots = fs::read("clients.crt")?;
/// let required = ClientCertificates::Required;
/// let tls = TlsServerConfig::from_pem_with_clients(&chain, &key, &roots, required)?;
/// # Ok(tls)
/// # }
/// ```
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

    /// Reads chain and key from two files, once. [`TlsFiles`] reads them again after a renewal.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), with the names of the files.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, AcceptError> {
        let config = TlsFiles::new(chain.as_ref(), key.as_ref()).read()?.config()?;
        Ok(Arc::new(config).into())
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
        let chain = pem::certificates(chain)?;
        let key = certified_key(chain, pem::private_key(key)?)?;
        let clients = match clients {
            None => None,
            Some((roots, clients)) => {
                let roots = pem::roots(pem::certificates(roots)?)?;
                Some(client_verifier(roots, Vec::new(), clients)?)
            }
        };
        Ok(Arc::new(server_config(key, clients)?).into())
    }

    /// Speaks the TLS handshake, and waits for the request to begin.
    pub(crate) async fn accept(
        &self,
        transport: AnyTransport,
    ) -> Result<(AnyTransport, Option<PeerCertificates>), AcceptError> {
        let addr = transport.peer_addr();
        let acceptor = tokio_rustls::TlsAcceptor::from(self.current());
        let mut stream =
            acceptor.accept(transport).await.map_err(handshake_failed::<AcceptError>)?;
        // hyper takes 16 KiB as soon as it waits. An end or an error it will see by itself.
        let _begun = poll_fn(|cx| Pin::new(&mut stream).poll_fill_buf(cx).map_ok(drop)).await;
        let certificates = PeerCertificates::of(stream.get_ref().1);
        Ok((AnyTransport::boxed(stream, addr), certificates))
    }

    /// The configuration of a connection that begins now.
    fn current(&self) -> Arc<ServerConfig> {
        match &self.source {
            Source::Fixed(config) => Arc::clone(config),
            Source::Reloadable(tls) => tls.current(),
        }
    }
}

/// A key and its certificates.
pub(super) fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsFailure> {
    let key = provider()?.key_provider.load_private_key(key).map_err(failed)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Keys that are not in this process do not always tell.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(failed(error)),
    }
}

pub(super) fn client_verifier(
    roots: Arc<RootCertStore>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    clients: ClientCertificates,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFailure> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()?).with_crls(crls);
    let verifier = match clients {
        ClientCertificates::Required => verifier,
        ClientCertificates::Optional => verifier.allow_unauthenticated(),
    };
    verifier.build().map_err(failed)
}

/// With a store of sessions of its own: what one configuration has verified, no other resumes.
pub(super) fn server_config(
    key: CertifiedKey,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, TlsFailure> {
    let mut config = ServerConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_client_cert_verifier(clients.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl From<Arc<ServerConfig>> for TlsServerConfig {
    /// Uses the configuration unchanged.
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { source: Source::Fixed(config) }
    }
}

impl From<ReloadableTls> for TlsServerConfig {
    /// Each connection uses what was loaded last before it began.
    fn from(tls: ReloadableTls) -> Self {
        Self { source: Source::Reloadable(tls) }
    }
}

impl From<&ReloadableTls> for TlsServerConfig {
    fn from(tls: &ReloadableTls) -> Self {
        tls.clone().into()
    }
}
