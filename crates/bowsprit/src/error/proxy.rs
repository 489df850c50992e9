//! How proxies fail.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use bytes::Bytes;
use http::Response;

use crate::redacted::Redacted;

/// How a proxy failed.
///
/// ```
/// use bowsprit::{ConnectError, error::ProxyError, http::StatusCode};
///
/// fn needs_login(error: &ConnectError) -> bool {
///     let ConnectError::Proxy { error: ProxyError::Rejected(response), .. } = error else {
///         return false;
///     };
///     response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
/// }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy cannot be reached.
    Unreachable(Arc<io::Error>),
    /// The proxy rejected the request for a tunnel with this response: 407 if it requires
    /// credentials.
    Rejected(Box<Response<Bytes>>),
    /// The TLS handshake with the proxy failed, for example because its certificate is not trusted:
    /// see [`Proxy::tls`](crate::client::Proxy::tls). With rustls, the inner error is a
    /// `rustls::Error`.
    Tls(Arc<dyn StdError + Send + Sync>),
    /// The proxy's response was not valid HTTP, or incomplete.
    Http(Arc<dyn StdError + Send + Sync>),
    /// The proxy refused to connect, or violated the SOCKS protocol.
    Socks(Arc<dyn StdError + Send + Sync>),
    /// SOCKS 4 does not support IPv6.
    Ipv6,
    /// The proxy sent data of the server before the client had sent any.
    UnexpectedData,
}

impl ProxyError {
    pub(super) fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Unreachable(error) => error.kind(),
            Self::Rejected(_) => io::ErrorKind::ConnectionRefused,
            Self::Http(_) | Self::UnexpectedData => io::ErrorKind::InvalidData,
            Self::Ipv6 => io::ErrorKind::Unsupported,
            Self::Tls(_) | Self::Socks(_) => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot be reached: {error}"),
            Self::Rejected(response) => write!(f, "refused to connect: {}", response.status()),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::Http(error) => write!(f, "no answer in HTTP: {error}"),
            Self::Socks(error) => write!(f, "refused to connect: {error}"),
            Self::Ipv6 => f.write_str("SOCKS 4 cannot connect to IPv6 addresses; use socks5"),
            Self::UnexpectedData => {
                f.write_str("sent data before the tunnelled connection was used")
            }
        }
    }
}

impl fmt::Debug for ProxyError {
    /// Of a response, names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => f.debug_tuple("Unreachable").field(error).finish(),
            Self::Rejected(response) => {
                f.debug_tuple("Rejected").field(&Redacted(response)).finish()
            }
            Self::Tls(error) => f.debug_tuple("Tls").field(error).finish(),
            Self::Http(error) => f.debug_tuple("Http").field(error).finish(),
            Self::Socks(error) => f.debug_tuple("Socks").field(error).finish(),
            Self::Ipv6 => f.write_str("Ipv6"),
            Self::UnexpectedData => f.write_str("UnexpectedData"),
        }
    }
}

impl StdError for ProxyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unreachable(error) => error.source(),
            Self::Tls(error) | Self::Http(error) | Self::Socks(error) => error.source(),
            Self::Rejected(_) | Self::Ipv6 | Self::UnexpectedData => None,
        }
    }
}
