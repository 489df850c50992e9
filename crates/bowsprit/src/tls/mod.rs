//! Encryption, RFC 6455 §4.1 (5) and §10.6.

#[cfg(all(feature = "client", feature = "tls"))]
mod client;
#[cfg(feature = "client")]
mod connector;
#[cfg(all(feature = "client", feature = "tls"))]
mod dangerous;
#[cfg(any(feature = "tls", feature = "native-tls"))]
mod inside;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod provider;
#[cfg(all(feature = "server", feature = "tls"))]
mod server;

#[cfg(any(feature = "tls", feature = "native-tls"))]
use crate::{BoxError, Error};

#[cfg(all(feature = "client", feature = "tls"))]
pub use self::client::TlsClientConfig;
#[cfg(feature = "client")]
pub use self::connector::TlsConnector;
#[cfg(feature = "client")]
pub(crate) use self::connector::{Identity, shared};
#[cfg(feature = "tls")]
pub use self::inside::PeerCertificates;
#[cfg(any(feature = "tls", feature = "native-tls"))]
pub(crate) use self::inside::transport;
#[cfg(all(feature = "server", feature = "tls"))]
pub use self::server::{ClientCertificates, TlsServerConfig};

/// Whether there is any TLS in this build.
#[cfg(feature = "client")]
pub(crate) const IS_BUILT_IN: bool = cfg!(any(feature = "tls", feature = "native-tls"));

/// What the application has given for TLS cannot be used, or the handshake failed.
#[cfg(any(feature = "tls", feature = "native-tls"))]
fn failed(error: impl Into<BoxError>) -> Error {
    Error::Tls(error.into())
}

/// How a TLS handshake failed: a transport that breaks off is no failure of TLS.
#[cfg(feature = "tls")]
fn handshake_failed(error: std::io::Error) -> Error {
    use std::io::ErrorKind::{InvalidData, Other};
    if !matches!(error.kind(), InvalidData | Other) {
        return Error::Io(error);
    }
    match error.into_inner() {
        Some(inner) => Error::Tls(inner),
        None => Error::Tls("the handshake failed".into()),
    }
}
