//! From a transport to an encrypted one.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

#[cfg(feature = "tls")]
use rustls::{ClientConfig, client::ResolvesClientCert, pki_types::ServerName};

#[cfg(feature = "tls")]
use super::TlsClientConfig;
use crate::{ConnectError, transport::AnyTransport};

/// How a client encrypts connections: made from a [`TlsClientConfig`], a [`rustls::ClientConfig`]
/// or, with the feature `native-tls`, a `native_tls::TlsConnector`.
///
/// Cloning is cheap. Clones share their session cache.
///
/// ```
/// use bowsprit::{Client, tls::{TlsClientConfig, TlsConnector}};
///
/// // Both clients share the sessions that they can resume.
/// let tls = TlsConnector::from(TlsClientConfig::new());
/// let (news, weather) = (Client::new().tls(tls.clone()), Client::new().tls(tls));
/// ```
#[derive(Clone)]
pub struct TlsConnector {
    backend: Arc<Backend>,
}

enum Backend {
    #[cfg(feature = "tls")]
    ConnectionConfig { tls: TlsClientConfig, config: OnceLock<Arc<ClientConfig>> },
    #[cfg(feature = "tls")]
    Config(Arc<ClientConfig>),
    #[cfg(feature = "native-tls")]
    Native {
        connector: Result<native_tls::TlsConnector, String>,
        /// It comes from the application, and may have a certificate of its own.
        may_show: bool,
    },
    #[cfg(not(any(feature = "tls", feature = "native-tls")))]
    Missing,
}

/// To whom a client may show its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Shown,
    Hidden,
}

impl TlsConnector {
    fn new(backend: Backend) -> Self {
        Self { backend: Arc::new(backend) }
    }

    /// Encrypts `transport`, once the server has proved to be `host`.
    ///
    /// §4.1 (5): "If /secure/ is true, the client MUST perform a TLS handshake over the connection
    /// after opening the connection and before sending the handshake data. If this fails (e.g., the
    /// server's certificate could not be verified), then the client MUST _Fail the WebSocket
    /// Connection_ and abort the connection."
    pub(crate) async fn connect(
        &self,
        host: &str,
        transport: AnyTransport,
        identity: Identity,
    ) -> Result<AnyTransport, ConnectError> {
        match &*self.backend {
            #[cfg(feature = "tls")]
            Backend::ConnectionConfig { config, .. } => {
                let config = match config.get() {
                    Some(config) => Arc::clone(config),
                    None => self.load().await?,
                };
                rustls_connect(config, host, transport, identity).await
            }
            #[cfg(feature = "tls")]
            Backend::Config(config) => {
                rustls_connect(Arc::clone(config), host, transport, identity).await
            }
            #[cfg(feature = "native-tls")]
            Backend::Native { may_show: true, .. } if identity == Identity::Hidden => {
                Err(super::failed("native-tls cannot hide the certificate that it may show here")
                    .into())
            }
            #[cfg(feature = "native-tls")]
            Backend::Native { connector, .. } => native_connect(connector, host, transport).await,
            #[cfg(not(any(feature = "tls", feature = "native-tls")))]
            Backend::Missing => {
                let _unused = (host, transport, identity);
                Err(ConnectError::NoTls)
            }
        }
    }

    /// Makes the configuration where it may block: it reads files.
    #[cfg(feature = "tls")]
    async fn load(&self) -> Result<Arc<ClientConfig>, ConnectError> {
        let backend = Arc::clone(&self.backend);
        let loading = tokio::task::spawn_blocking(move || match &*backend {
            Backend::ConnectionConfig { tls, config } => {
                let made = Arc::new(tls.config()?);
                Ok(Arc::clone(config.get_or_init(|| made)))
            }
            _ => unreachable!("asked for by the branch above"),
        });
        loading.await.map_err(super::failed)?
    }
}

impl PartialEq for TlsConnector {
    /// Clones are equal.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.backend, &other.backend)
    }
}

impl Eq for TlsConnector {}

impl Default for TlsConnector {
    /// Uses the system's trust store.
    fn default() -> Self {
        #[cfg(feature = "tls")]
        return TlsClientConfig::new().into();
        #[cfg(all(feature = "native-tls", not(feature = "tls")))]
        return Self::native();
        #[cfg(not(any(feature = "tls", feature = "native-tls")))]
        return Self::new(Backend::Missing);
    }
}

/// One for all clients that ask for no other, so that they share roots and sessions.
pub(crate) fn shared() -> TlsConnector {
    static SHARED: OnceLock<TlsConnector> = OnceLock::new();
    SHARED.get_or_init(TlsConnector::default).clone()
}

#[cfg(feature = "tls")]
impl From<TlsClientConfig> for TlsConnector {
    fn from(tls: TlsClientConfig) -> Self {
        Self::new(Backend::ConnectionConfig { tls, config: OnceLock::new() })
    }
}

#[cfg(feature = "tls")]
impl From<Arc<ClientConfig>> for TlsConnector {
    /// Uses the configuration unchanged, including ALPN and SNI.
    fn from(config: Arc<ClientConfig>) -> Self {
        Self::new(Backend::Config(config))
    }
}

/// SNI is left to rustls, which sends none for addresses: RFC 6066 §3 allows names only.
#[cfg(feature = "tls")]
async fn rustls_connect(
    mut config: Arc<ClientConfig>,
    host: &str,
    transport: AnyTransport,
    identity: Identity,
) -> Result<AnyTransport, ConnectError> {
    let name = ServerName::try_from(host.to_owned()).map_err(super::failed)?;
    if identity == Identity::Hidden && config.client_auth_cert_resolver.has_certs() {
        let config = Arc::make_mut(&mut config);
        config.client_auth_cert_resolver = Arc::new(NoClientCert);
        config.resumption = rustls::client::Resumption::disabled();
    }
    let addr = transport.peer_addr();
    let connector = tokio_rustls::TlsConnector::from(config);
    // Boxed, as the transport will be: the state of a handshake takes some kilobytes.
    let stream = Box::pin(connector.connect(name, transport)).await;
    Ok(AnyTransport::boxed(stream.map_err(super::handshake_failed::<ConnectError>)?, addr))
}

/// A client without a certificate.
#[cfg(feature = "tls")]
#[derive(Debug)]
struct NoClientCert;

#[cfg(feature = "tls")]
impl ResolvesClientCert for NoClientCert {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[cfg(feature = "native-tls")]
impl TlsConnector {
    /// The system's TLS library instead of rustls: OpenSSL, Schannel or Security Framework.
    #[must_use]
    pub fn native() -> Self {
        let connector = native_tls::TlsConnector::new();
        let connector = connector.map_err(|error| error.to_string());
        Self::new(Backend::Native { connector, may_show: false })
    }
}

#[cfg(feature = "native-tls")]
impl From<native_tls::TlsConnector> for TlsConnector {
    /// A client certificate cannot be removed from it, so a redirect to another origin, which must
    /// not get the certificate, fails.
    fn from(connector: native_tls::TlsConnector) -> Self {
        Self::new(Backend::Native { connector: Ok(connector), may_show: true })
    }
}

#[cfg(feature = "native-tls")]
async fn native_connect(
    connector: &Result<native_tls::TlsConnector, String>,
    host: &str,
    transport: AnyTransport,
) -> Result<AnyTransport, ConnectError> {
    let connector = connector.as_ref().map_err(|error| super::failed(error.as_str()))?;
    let addr = transport.peer_addr();
    let connector = tokio_native_tls::TlsConnector::from(connector.clone());
    let stream = Box::pin(connector.connect(host, transport)).await;
    Ok(AnyTransport::boxed(stream.map_err(super::failed)?, addr))
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").finish_non_exhaustive()
    }
}
