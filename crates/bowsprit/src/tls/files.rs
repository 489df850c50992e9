//! Which files a server's TLS options are read from.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ServerConfig,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{ParsedCertificate, danger::ClientCertVerifier},
};

use super::{
    ClientCertificates, ReloadableTls, TlsFailure, TlsReload, failed, pem,
    provider::provider,
    server::{certified_key, client_verifier, server_config},
};
use crate::AcceptError;

/// The files with a server's certificate, its key, and what it verifies clients by, all in PEM.
///
/// [`load`](Self::load) reads them. The [`ReloadableTls`] that it returns reads them again, when it
/// is told to or when they change.
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// use std::time::Duration;
/// use bowsprit::{Server, tls::TlsFiles};
///
/// let tls = TlsFiles::new("/etc/chat/tls.crt", "/etc/chat/tls.key").load()?;
/// tls.watch(Duration::from_secs(10))?;
/// let server = Server::builder().tls(&tls).bind("0.0.0.0:443").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsFiles {
    chain: PathBuf,
    key: PathBuf,
    roots: Option<(PathBuf, ClientCertificates)>,
    crls: Vec<PathBuf>,
    pub(super) on_reload: Option<OnReload>,
}

/// Called with the outcome of each reload that has one.
type OnReload = Arc<dyn Fn(&Result<TlsReload, AcceptError>) + Send + Sync>;

impl TlsFiles {
    /// The server's certificate chain, its own certificate first, and its private key. They may be
    /// the same file.
    #[must_use]
    pub fn new(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (chain, key) = (chain.into(), key.into());
        Self { chain, key, roots: None, crls: Vec::new(), on_reload: None }
    }

    /// Also verifies client certificates, which must be signed by one of the certificates in
    /// `roots`. Handlers find them in [`PeerCertificates`](super::PeerCertificates).
    ///
    /// ```
    /// use bowsprit::tls::{ClientCertificates, TlsFiles};
    ///
    /// let files = TlsFiles::new("tls.crt", "tls.key")
    ///     .client_roots("clients.crt", ClientCertificates::Required);
    /// ```
    #[must_use]
    pub fn client_roots(mut self, roots: impl Into<PathBuf>, clients: ClientCertificates) -> Self {
        self.roots = Some((roots.into(), clients));
        self
    }

    /// Rejects client certificates that are on one of the certificate revocation lists in this
    /// file. Can be called several times.
    ///
    /// Each certificate in a client's chain but the root needs a list of its issuer; otherwise it
    /// is rejected, as it cannot be known whether it is still valid. A list counts even after its
    /// date of expiry.
    ///
    /// ```
    /// use bowsprit::tls::{ClientCertificates, TlsFiles};
    ///
    /// let files = TlsFiles::new("tls.crt", "tls.key")
    ///     .client_roots("clients.crt", ClientCertificates::Required)
    ///     .client_crls("revoked.crl");
    /// ```
    #[must_use]
    pub fn client_crls(mut self, crls: impl Into<PathBuf>) -> Self {
        self.crls.push(crls.into());
        self
    }

    /// Called after each reload that has changed something, has failed, or has found the files in
    /// use again after a failure, for metrics and alerts. A failure that
    /// [`watch`](ReloadableTls::watch) meets again is not reported again.
    ///
    /// ```
    /// # use bowsprit::tls::TlsFiles;
    /// let files = TlsFiles::new("tls.crt", "tls.key").on_reload(|outcome| match outcome {
    ///     Ok(reload) => println!("{reload}"),
    ///     Err(error) => println!("the old certificate stays: {error}"),
    /// });
    /// ```
    #[must_use]
    pub fn on_reload<H>(mut self, hook: H) -> Self
    where
        H: Fn(&Result<TlsReload, AcceptError>) + Send + Sync + 'static,
    {
        self.on_reload = Some(Arc::new(hook));
        self
    }

    /// Reads the files for the first time. It blocks while it reads.
    ///
    /// A certificate that has expired or is not valid yet is used all the same and logged as a
    /// warning, because the clock of a machine that has just started may be wrong.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Tls`] with the name of a file that cannot be read or parsed, if certificate
    /// and key do not match, or if there are CRLs but no client roots.
    pub fn load(self) -> Result<ReloadableTls, AcceptError> {
        Ok(ReloadableTls::new(self)?)
    }

    /// All files as they are now.
    pub(super) fn read(&self) -> Result<Contents<'_>, TlsFailure> {
        Ok(Contents {
            files: self,
            chain: read(&self.chain)?,
            key: read(&self.key)?,
            roots: self.roots.as_ref().map(|(roots, _)| read(roots)).transpose()?,
            crls: self.crls.iter().map(|crls| read(crls)).collect::<Result<_, _>>()?,
        })
    }

    /// The paths, in the order of [`Contents::all`].
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let roots = self.roots.as_ref().map(|(roots, _)| roots);
        [&self.chain, &self.key].into_iter().chain(roots).chain(&self.crls).map(PathBuf::as_path)
    }
}

/// What was in the files at one time.
pub(super) struct Contents<'f> {
    files: &'f TlsFiles,
    chain: Vec<u8>,
    key: Vec<u8>,
    roots: Option<Vec<u8>>,
    crls: Vec<Vec<u8>>,
}

impl Contents<'_> {
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        [&self.chain, &self.key].into_iter().chain(&self.roots).chain(&self.crls).map(Vec::as_slice)
    }

    pub(super) fn config(&self) -> Result<ServerConfig, TlsFailure> {
        let TlsFiles { chain: chain_file, key: key_file, .. } = self.files;
        let chain = self.chain()?;
        let key = pem::private_key(&self.key).map_err(within(key_file))?;
        let key = certified_key(chain, key).map_err(|TlsFailure(error)| {
            let files = format!("{} and {}", chain_file.display(), key_file.display());
            match error.downcast_ref() {
                Some(rustls::Error::InconsistentKeys(_)) => {
                    failed(format!("{files}: the key is not that of the certificate"))
                }
                _ => failed(format!("{files}: {error}")),
            }
        })?;
        server_config(key, self.client_verifier()?)
    }

    /// An error if clients find the server's certificate expired or not valid yet.
    pub(super) fn check_dates(&self) -> Result<(), TlsFailure> {
        check_dates(&self.chain()?).map_err(within(&self.files.chain))
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
        certificates(&self.chain).map_err(within(&self.files.chain))
    }

    fn client_verifier(&self) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsFailure> {
        let (Some((roots_file, clients)), Some(roots)) = (&self.files.roots, &self.roots) else {
            return match self.files.crls.first() {
                Some(file) => Err(within(file)(failed("a CRL needs TlsFiles::client_roots"))),
                None => Ok(None),
            };
        };
        let roots = certificates(roots).and_then(pem::roots).map_err(within(roots_file))?;
        let mut crls = Vec::new();
        for (file, pem) in self.files.crls.iter().zip(&self.crls) {
            let these = pem::crls(pem).map_err(within(file))?;
            // To know of which file the error is.
            client_verifier(Arc::clone(&roots), these.clone(), *clients).map_err(within(file))?;
            crls.extend(these);
        }
        client_verifier(roots, crls, *clients).map_err(within(roots_file)).map(Some)
    }
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.paths()).finish()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFailure> {
    std::fs::read(path).map_err(|error| failed(format!("cannot read {}: {error}", path.display())))
}

/// Adds the name of the file that an error is about.
fn within(path: &Path) -> impl FnOnce(TlsFailure) -> TlsFailure {
    move |TlsFailure(error)| failed(format!("{}: {error}", path.display()))
}

/// Certificates in PEM, each of which can be parsed.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    let certificates = pem::certificates(pem)?;
    for certificate in &certificates {
        ParsedCertificate::try_from(certificate).map_err(failed)?;
    }
    Ok(certificates)
}

/// Verifies a certificate as a client does, which looks at the dates first; what else it may find
/// depends on the client.
fn check_dates(chain: &[CertificateDer<'static>]) -> Result<(), TlsFailure> {
    let (Some(own), Ok(name)) = (chain.first(), ServerName::try_from("localhost")) else {
        return Ok(());
    };
    let roots = pem::roots([own.clone()])?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()?);
    let verifier = verifier.build().map_err(failed)?;
    match verifier.verify_server_cert(own, &[], &name, &[], UnixTime::now()) {
        Err(rustls::Error::InvalidCertificate(error)) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Err(failed("the certificate has expired"))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Err(failed("the certificate is not valid yet"))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
