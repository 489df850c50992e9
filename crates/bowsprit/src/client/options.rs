//! The options of a client.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{basic_authorization, bearer_authorization};
use http::{HeaderMap, HeaderValue, header};

use super::{Client, Destination, Version, callback::Callback};
use super::{Redirect, Rejected, read_ahead::from_io, redirect::RedirectPolicy};
#[cfg(any(feature = "tls", feature = "native-tls"))]
use crate::tls::TlsConnector;
use crate::{
    BoxError, ConnectError, ConnectionConfig, Deflate, HandshakeError, Limits, TcpOptions,
    Transport, Url, client::FieldName,
};

/// What is wrong with an option: told when connecting, so that options can be chained.
#[derive(Clone, Copy, Debug)]
pub(super) enum Invalid {
    HeaderName,
    HeaderValue,
    Credentials,
}

impl From<Invalid> for ConnectError {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::HeaderName => Self::Header("a name is not a token"),
            Invalid::HeaderValue => Self::Header("a value has control characters"),
            Invalid::Credentials => HandshakeError::Malformed(header::AUTHORIZATION).into(),
        }
    }
}

impl Client {
    /// Adds a header field to the request, such as a cookie or credentials.
    ///
    /// Those of the handshake itself cannot be set; `Host` can be replaced. An invalid name or
    /// value is an error when connecting.
    ///
    /// A name that is given as a text leaves as it is spelled, such as `X-API-Key` or `appKey`; a
    /// [`HeaderName`](http::HeaderName) as the RFCs spell it, or else with capitals, such as
    /// `X-Api-Key`.
    #[must_use]
    pub fn header<V>(mut self, name: impl FieldName, value: V) -> Self
    where
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match (name.into_field_name(), value.try_into()) {
            (Ok((name, spelled)), Ok(value)) => {
                if let Some(spelled) = spelled {
                    self.spelling.add(name.clone(), spelled);
                }
                self.offer.headers.append(name, value);
            }
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

    /// Sends the subprotocols to other origins as well, if a redirect leads there.
    ///
    /// By default such a redirect is an error,
    /// [`RedirectError::Subprotocol`](crate::error::RedirectError): some servers take a token as a
    /// subprotocol, and without the field the request would not be the same. Allow it if yours are
    /// no secrets.
    #[must_use]
    pub const fn subprotocols_cross_origin(mut self) -> Self {
        self.subprotocols_cross_origin = true;
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
        Arc::make_mut(&mut self.shared_config).config.limits = limits;
        self
    }

    /// Limits and timers of the open connection. Default: [`ConnectionConfig::client`].
    #[must_use]
    pub fn config(mut self, config: ConnectionConfig) -> Self {
        Arc::make_mut(&mut self.shared_config).config = config;
        self
    }

    /// What to encrypt `wss:` connections with: a [`TlsClientConfig`](crate::tls::TlsClientConfig)
    /// or anything else that is a [`TlsConnector`]. Default: rustls with the system's trust store,
    /// and sessions that all such clients share. It is about servers: an `https` proxy has settings
    /// of its own.
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// How long it may take to reach the server: resolving its name, and connecting to it, or to a
    /// proxy and through that. Default: 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.network.connect_timeout = timeout;
        self
    }

    /// How long the opening handshake may take once the server is reached, that of TLS included.
    /// Bytes that come do not extend it. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many bytes the head of a response may have, that of a proxy as well, with the empty line
    /// at its end. A longer one is a [`ConnectError::Http`]. Default: 16 KiB.
    #[must_use]
    pub const fn max_head_len(mut self, max: usize) -> Self {
        self.head_limits.max_len = max;
        self
    }

    /// How many header fields a response may have, at most 24,576. More are a
    /// [`ConnectError::Http`]. Default: 100.
    #[must_use]
    pub const fn max_header_fields(mut self, max: usize) -> Self {
        self.head_limits.set_max_fields(max);
        self
    }

    /// Options of the TCP socket. Default: [`TcpOptions::default`].
    #[must_use]
    pub const fn tcp(mut self, options: TcpOptions) -> Self {
        self.network.tcp = options;
        self
    }

    /// The address to connect from. Default: whatever the system takes. Servers of the other
    /// address family can then not be reached.
    #[must_use]
    pub const fn local_addr(mut self, addr: IpAddr) -> Self {
        self.network.local_addr = Some(addr);
        self
    }

    /// Looks up host names in place of the system. Addresses in URLs are not looked up.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// let client = bowsprit::Client::new()
    ///     .resolver(async |_host| Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]));
    /// ```
    #[must_use]
    pub fn resolver<F>(mut self, resolver: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        self.network.resolver = Some(Callback::new(resolver));
        self
    }

    /// Makes transports in place of TCP: whatever can be read and written. Where a proxy is used it
    /// is asked for a transport to that. TLS comes on top, if the URL asks for it. What hyper has
    /// read from its [`Upgraded`](hyper::upgrade::Upgraded) ahead is not lost.
    #[must_use]
    pub fn connector<F, T>(
        mut self,
        connector: impl Fn(Destination) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<T>> + Send + 'static,
        T: Transport,
    {
        self.network.connector = Some(Callback::new(move |to| {
            let connecting = connector(to);
            async move { connecting.await.map(from_io) }
        }));
        self
    }

    /// Asks for header fields just before each attempt to connect, for example for a token that is
    /// still fresh. They replace those of the same name that the client was made with. An error
    /// ends the attempt with [`ConnectError::Callback`].
    ///
    /// It takes as long as it takes: none of the time-outs includes it.
    #[must_use]
    pub fn headers_fn<F>(mut self, callback: impl Fn(Url) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HeaderMap, BoxError>> + Send + 'static,
    {
        self.headers_fn = Some(Callback::new(callback));
        self
    }

    /// Follows up to this many redirects: 301, 302, 303, 307 and 308. Default: 0, so that a
    /// redirect is a rejection like any other: [`on_rejected`](Self::on_rejected) is asked, and
    /// what it answers is sent to the same URL again.
    ///
    /// As long as they stay at the scheme, host and port of the first URL, the same request is made
    /// again. Once they leave, nothing secret is told any more, not even on the way back: no header
    /// fields of the application, no user and password, no client certificate. `Origin` goes along
    /// unchanged, as it says who asks and not with what right; with subprotocols, a redirect to
    /// another origin is followed only if
    /// [`subprotocols_cross_origin`](Self::subprotocols_cross_origin) allows it. From `wss:` to
    /// `ws:`, to a Unix socket, and in circles, redirects are a [`ConnectError::Redirect`].
    #[must_use]
    pub const fn max_redirects(mut self, max: usize) -> Self {
        self.max_redirects = max;
        self
    }

    /// Is told of each redirect before it is followed, and may refuse it: then it is a
    /// [`ConnectError::Rejected`].
    #[must_use]
    pub fn on_redirect(
        mut self,
        allows: impl Fn(&Redirect) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.on_redirect = Some(RedirectPolicy::new(allows));
        self
    }

    /// Is asked what to do when the server refuses. With header fields, for example an answer to a
    /// challenge, the request is made once more; with `None`, and the second time, the rejection is
    /// a [`ConnectError::Rejected`]. Servers elsewhere, after a redirect, are not answered.
    #[must_use]
    pub fn on_rejected<F>(
        mut self,
        callback: impl Fn(Rejected) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Option<HeaderMap>, BoxError>> + Send + 'static,
    {
        self.on_rejected = Some(Callback::new(callback));
        self
    }

    /// Connects to an address only when no other such client of this process is connecting to it,
    /// as RFC 6455 §4.1 (2) demands and browsers do. Default: false; today's servers do not need
    /// it.
    ///
    /// Waiting for other attempts counts towards [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub const fn serialize_connects(mut self, serialize: bool) -> Self {
        self.network.serialize_connects = serialize;
        self
    }
}
