//! TLS, RFC 6455 §4.1 (5) and §10.6.
//!
//! Clients encrypt `wss:` URLs without any configuration and trust what the system trusts.
//! [`TlsClientConfig`] has the options for [`Client::tls`](crate::Client::tls): other roots, a
//! client certificate, and `dangerous_` ones. Servers need a [`TlsServerConfig`] with a certificate
//! for [`ServerBuilder::tls`](crate::server::ServerBuilder::tls) or
//! [`Listener::tls`](crate::server::Listener::tls), or [`TlsFiles`], which are reloaded while the
//! server runs.

#[cfg(all(feature = "client", feature = "tls"))]
mod client;
#[cfg(feature = "client")]
mod connector;
#[cfg(all(feature = "client", feature = "tls"))]
mod dangerous;
#[cfg(all(feature = "server", feature = "tls"))]
mod files;
#[cfg(any(feature = "tls", feature = "native-tls"))]
mod inside;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod provider;
#[cfg(all(feature = "server", feature = "tls"))]
mod reload;
#[cfg(all(feature = "server", feature = "tls"))]
mod server;

#[cfg(feature = "tls")]
use std::io;
#[cfg(any(feature = "tls", feature = "native-tls"))]
use std::{error::Error as StdError, sync::Arc};

#[cfg(all(feature = "client", feature = "tls"))]
pub use self::client::TlsClientConfig;
#[cfg(feature = "client")]
pub use self::connector::TlsConnector;
#[cfg(feature = "client")]
pub(crate) use self::connector::{Identity, shared};
#[cfg(feature = "tls")]
pub use self::inside::PeerCertificates;
#[cfg(any(feature = "tls", feature = "native-tls"))]
pub(crate) use self::inside::local_addr;
#[cfg(all(feature = "server", feature = "tls"))]
pub use self::server::{ClientCertificates, TlsServerConfig};
#[cfg(all(feature = "server", feature = "tls"))]
pub use self::{
    files::TlsFiles,
    reload::{ReloadableTls, TlsReload},
};

#[cfg(any(feature = "tls", feature = "native-tls"))]
use crate::BoxError;

/// Whether there is any TLS in this build.
#[cfg(feature = "client")]
pub(crate) const IS_BUILT_IN: bool = cfg!(any(feature = "tls", feature = "native-tls"));

/// Why TLS failed: what the application has given for it cannot be used, or the handshake failed.
#[cfg(any(feature = "tls", feature = "native-tls"))]
#[derive(Debug)]
struct TlsFailure(Arc<dyn StdError + Send + Sync>);

#[cfg(all(feature = "client", any(feature = "tls", feature = "native-tls")))]
impl From<TlsFailure> for crate::ConnectError {
    fn from(TlsFailure(error): TlsFailure) -> Self {
        Self::Tls(error)
    }
}

#[cfg(all(feature = "server", feature = "tls"))]
impl From<TlsFailure> for crate::AcceptError {
    fn from(TlsFailure(error): TlsFailure) -> Self {
        Self::Tls(error)
    }
}

#[cfg(any(feature = "tls", feature = "native-tls"))]
fn failed(error: impl Into<BoxError>) -> TlsFailure {
    TlsFailure(error.into().into())
}

/// How a TLS handshake failed: a transport that breaks off is no failure of TLS.
#[cfg(feature = "tls")]
fn handshake_failed<E: From<TlsFailure> + From<io::Error>>(error: io::Error) -> E {
    use io::ErrorKind::{InvalidData, Other};
    if !matches!(error.kind(), InvalidData | Other) {
        return error.into();
    }
    match error.into_inner() {
        Some(inner) => failed(inner).into(),
        None => failed("the handshake failed").into(),
    }
}
