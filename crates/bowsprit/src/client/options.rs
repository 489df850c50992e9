//! The options of a client.

use std::{sync::Arc, time::Duration};

use bowsprit_proto::handshake::{basic_authorization, bearer_authorization};
use http::{HeaderName, HeaderValue, header};

use super::Client;
#[cfg(any(feature = "tls", feature = "native-tls"))]
use crate::TlsConnector;
use crate::{Deflate, Error, HandshakeError, Limits, Options, Version};

/// What is wrong with an option: told when connecting, so that options can be chained.
#[derive(Clone, Copy, Debug)]
pub(super) enum Invalid {
    HeaderName,
    HeaderValue,
    Credentials,
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::HeaderName => Self::Header(
                HeaderName::from_bytes(b"\0")
                    .map_or_else(Into::into, |_| unreachable!("not a name")),
            ),
            Invalid::HeaderValue => Self::Header(
                HeaderValue::from_bytes(b"\0")
                    .map_or_else(Into::into, |_| unreachable!("not a value")),
            ),
            Invalid::Credentials => {
                Self::Handshake(HandshakeError::Malformed(header::AUTHORIZATION))
            }
        }
    }
}

impl Client {
    /// Adds a header field to the request, such as a cookie or credentials.
    ///
    /// Those of the handshake itself cannot be set; `Host` can be replaced. An invalid name or
    /// value is an error when connecting.
    #[must_use]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(name), Ok(value)) => drop(self.offer.headers.append(name, value)),
            (Err(_), _) => self.invalid = Some(Invalid::HeaderName),
            (_, Err(_)) => self.invalid = Some(Invalid::HeaderValue),
        }
        self
    }

    /// Sends a user name and a password, RFC 7617. They replace those of the URL.
    ///
    /// A name with a colon, and control characters in either, are an error when connecting.
    #[must_use]
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.authorization(basic_authorization(user, password))
    }

    /// Sends a token, RFC 6750. It replaces what the URL says.
    ///
    /// One with characters that tokens cannot have is an error when connecting.
    #[must_use]
    pub fn bearer_auth(self, token: &str) -> Self {
        self.authorization(bearer_authorization(token))
    }

    fn authorization(mut self, value: Option<HeaderValue>) -> Self {
        match value {
            Some(value) => drop(self.offer.headers.insert(header::AUTHORIZATION, value)),
            None => self.invalid = Some(Invalid::Credentials),
        }
        self
    }

    /// Names an origin, as browsers do for the page that connects.
    #[must_use]
    pub fn origin<V>(mut self, origin: V) -> Self
    where
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match origin.try_into() {
            Ok(origin) => self.offer.origin = Some(origin),
            Err(_) => self.invalid = Some(Invalid::HeaderValue),
        }
        self
    }

    /// Asks for a subprotocol; the first one asked for is preferred.
    ///
    /// If the server then chooses none, connecting fails, as it does in browsers.
    /// [`subprotocol_optional`](Self::subprotocol_optional) changes that.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.offer.subprotocols.push(name.into());
        self
    }

    /// Goes on without a subprotocol if the server chooses none of those asked for.
    #[must_use]
    pub const fn subprotocol_optional(mut self) -> Self {
        self.offer.subprotocol_optional = true;
        self
    }

    /// Speaks another version of the protocol. Default: [`Version::V13`], RFC 6455.
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.offer.version = version;
        self
    }

    /// The compression to offer. Default: [`Deflate::client`]; `None` offers none.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.offer.deflate = deflate.into();
        self
    }

    /// What the server may make us hold. Default: [`Limits::CLIENT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.options).limits = limits;
        self
    }

    /// Limits and timers of the open connection. Default: [`Options::client`].
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = Arc::new(options);
        self
    }

    /// What to encrypt with, for `wss:` URLs: a [`Tls`](crate::Tls) or one of its kin. Default: TLS
    /// that trusts whom the system trusts, with sessions that all such clients share.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// How long connecting may take in all: name, transport and handshake. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }
}
