//! Where cryptography comes from.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::{TlsFailure, failed};

/// The provider that the program has installed, or the one that this crate was built with.
///
/// `ClientConfig::builder()` would panic where two are compiled in and none was chosen.
pub(super) fn provider() -> Result<Arc<CryptoProvider>, TlsFailure> {
    match CryptoProvider::get_default() {
        Some(installed) => Ok(Arc::clone(installed)),
        None => built_in().ok_or_else(|| {
            failed("there is no cryptography: enable the feature rustls-aws-lc-rs or rustls-ring")
        }),
    }
}

#[cfg(feature = "rustls-aws-lc-rs")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc-rs")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "rustls-aws-lc-rs", feature = "rustls-ring")))]
const fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}
