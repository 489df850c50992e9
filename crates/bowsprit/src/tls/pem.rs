//! Certificates and keys in PEM, RFC 7468.

use std::sync::Arc;

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{TlsFailure, failed};

pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(failed("there is no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(failed(format!("the certificate cannot be read: {error}"))),
    }
}

pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsFailure> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| failed(format!("the private key cannot be read: {error}")))
}

pub(super) fn roots(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Result<Arc<RootCertStore>, TlsFailure> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(failed)?;
    }
    Ok(Arc::new(roots))
}

#[cfg(feature = "server")]
pub(super) fn crls(
    pem: &[u8],
) -> Result<Vec<rustls::pki_types::CertificateRevocationListDer<'static>>, TlsFailure> {
    use rustls::pki_types::CertificateRevocationListDer as Crl;

    let crls: Result<Vec<_>, _> = Crl::pem_slice_iter(pem).collect();
    match crls {
        Ok(crls) if crls.is_empty() => Err(failed("there is no CRL in PEM")),
        Ok(crls) => Ok(crls),
        Err(error) => Err(failed(format!("the CRL cannot be read: {error}"))),
    }
}
