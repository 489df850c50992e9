//! What a client trusts, and who it is.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use super::{dangerous, failed, pem, provider::provider};
use crate::ConnectError;

/// TLS options of a client: TLS 1.2 and 1.3 by rustls.
///
/// By default it uses the system's trust store and sends no client certificate. Pass it to
/// [`Client::tls`](crate::Client::tls), which also accepts a [`rustls::ClientConfig`].
///
/// ```no_run
/// # fn example(ca: &[u8]) -> Result<bowsprit::Client, bowsprit::Error> {
/// use bowsprit::{Client, tls::TlsClientConfig};
///
/// let tls = TlsClientConfig::new().without_system_roots().root_certificates(ca)?;
/// let client = Client::new().tls(tls);
/// # Ok(client)
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct TlsClientConfig {
    trust: Trust,
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
}

/// Whose certificates are good.
#[derive(Debug, Default)]
enum Trust {
    #[default]
    System,
    /// Nobody but the roots that were added.
    Added,
    #[cfg(feature = "rustls-webpki-roots")]
    Webpki,
    Dangerous(Arc<dyn ServerCertVerifier>),
    DangerousAny,
    DangerousPin(CertificateDer<'static>),
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl TlsClientConfig {
    /// Uses the system's trust store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses Mozilla's root certificates, which are compiled in, instead of the system's trust
    /// store.
    #[cfg(feature = "rustls-webpki-roots")]
    pub fn webpki_roots() -> Self {
        Self { trust: Trust::Webpki, ..Self::default() }
    }

    /// Trusts only the [`root_certificates`](Self::root_certificates).
    pub fn without_system_roots(mut self) -> Self {
        self.trust = Trust::Added;
        self
    }

    /// Adds root certificates, in PEM.
    ///
    /// ```no_run
    /// use bowsprit::tls::TlsClientConfig;
    ///
    /// # fn example() -> Result<TlsClientConfig, Box<dyn std::error::Error>> {
    /// let tls = TlsClientConfig::new().root_certificates(&std::fs::read("our-ca.pem")?)?;
    /// # Ok(tls)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError::Tls`] if there is no certificate, or one cannot be parsed.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, ConnectError> {
        let roots = pem::certificates(pem)?;
        // To fail here rather than when connecting.
        pem::roots(roots.iter().cloned())?;
        self.roots.extend(roots);
        Ok(self)
    }

    /// Sends a client certificate to servers that request one: its chain and key, in PEM. Servers
    /// of another origin that a redirect leads to do not get it.
    ///
    /// ```no_run
    /// use std::fs;
    /// use bowsprit::tls::TlsClientConfig;
    ///
    /// # fn example() -> Result<TlsClientConfig, Box<dyn std::error::Error>> {
    /// let (chain, key) = (fs::read("client.pem")?, fs::read("client.key")?);
    /// let tls = TlsClientConfig::new().client_certificate(&chain, &key)?;
    /// # Ok(tls)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError::Tls`] if there is no certificate, or one cannot be parsed.
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, ConnectError> {
        let (chain, key) = (pem::certificates(chain)?, pem::private_key(key)?);
        self.identity = Some(Identity { chain, key });
        Ok(self)
    }

    /// Trusts exactly one certificate, in PEM, regardless of its names, its issuer and its expiry.
    ///
    /// Dangerous: nothing else is checked, and a server with a new certificate cannot be reached
    /// any more.
    ///
    /// ```no_run
    /// use bowsprit::tls::TlsClientConfig;
    ///
    /// # fn example() -> Result<TlsClientConfig, Box<dyn std::error::Error>> {
    /// let tls = TlsClientConfig::new().dangerous_pin(&std::fs::read("device.pem")?)?;
    /// # Ok(tls)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError::Tls`] if it cannot be parsed.
    pub fn dangerous_pin(mut self, pem: &[u8]) -> Result<Self, ConnectError> {
        let mut certificates = pem::certificates(pem)?;
        self.trust = Trust::DangerousPin(certificates.swap_remove(0));
        Ok(self)
    }

    /// Lets `verifier` verify the server's certificates.
    ///
    /// Dangerous: a mistake in it makes encryption worthless.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bowsprit::{Client, tls::TlsClientConfig};
    /// use rustls::client::danger::ServerCertVerifier;
    ///
    /// fn client_with(verifier: Arc<dyn ServerCertVerifier>) -> Client {
    ///     Client::new().tls(TlsClientConfig::new().dangerous_verifier(verifier))
    /// }
    /// ```
    pub fn dangerous_verifier(mut self, verifier: Arc<dyn ServerCertVerifier>) -> Self {
        self.trust = Trust::Dangerous(verifier);
        self
    }

    /// Accepts any certificate of the server. The certificate of an `https` proxy is still
    /// verified.
    ///
    /// Dangerous: anyone between the client and the server can read and modify everything.
    pub fn dangerous_accept_any_certificate(mut self) -> Self {
        self.trust = Trust::DangerousAny;
        self
    }

    /// The configuration for rustls. Reads the system's roots, which takes milliseconds.
    pub(super) fn config(&self) -> Result<ClientConfig, ConnectError> {
        let provider = provider()?;
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(Identity { chain, key }) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(failed)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
        let provider = Arc::clone(provider);
        match &self.trust {
            Trust::System => {
                let roots = self.roots.iter().cloned();
                let verifier =
                    rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider);
                Ok(Arc::new(verifier.map_err(failed)?))
            }
            Trust::Added => webpki(self.added()?, provider),
            #[cfg(feature = "rustls-webpki-roots")]
            Trust::Webpki => {
                let mut roots = self.added()?;
                Arc::make_mut(&mut roots).extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                webpki(roots, provider)
            }
            Trust::Dangerous(verifier) => Ok(Arc::clone(verifier)),
            Trust::DangerousAny => Ok(dangerous::any(provider)),
            Trust::DangerousPin(pinned) => Ok(dangerous::pinned(pinned.clone(), provider)),
        }
    }

    fn added(&self) -> Result<Arc<RootCertStore>, ConnectError> {
        Ok(pem::roots(self.roots.iter().cloned())?)
    }
}

fn webpki(
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, ConnectError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    Ok(verifier.map_err(failed)?)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}
