//! The options of a client.

mod callbacks;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{basic_authorization, bearer_authorization};
use http::{HeaderValue, header};

use super::{Client, Version};
#[cfg(any(feature = "tls", feature = "native-tls"))]
use crate::tls::TlsConnector;
use crate::{
    ConnectError, ConnectionConfig, Deflate, HandshakeError, Limits, TcpOptions, client::FieldName,
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
    /// Header fields of the handshake itself cannot be set; `Host` can be replaced. An invalid name
    /// or value is reported when connecting.
    ///
    /// A name that is passed as text is sent as it is spelled, such as `X-API-Key` or `appKey`. A
    /// [`HeaderName`](http::HeaderName) is sent as the RFCs spell it, or else capitalized, such as
    /// `X-Api-Key`.
    ///
    /// ```
    /// use bowsprit::{Client, http::header};
    ///
    /// let client = Client::new()
    ///     .header("X-API-Key", "1234")
    ///     .header(header::COOKIE, "session=5678");
    /// ```
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

    /// Sends a user name and a password (Basic authorization, RFC 7617). They replace those in the
    /// URL.
    ///
    /// A colon in the name, or control characters in either, are reported when connecting.
    ///
    /// ```
    /// let client = bowsprit::Client::new().basic_auth("ann", "secret");
    /// ```
    #[must_use]
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.authorization(basic_authorization(user, password))
    }

    /// Sends a bearer token (RFC 6750). It replaces the user name and password in the URL.
    ///
    /// A token with invalid characters is reported when connecting.
    ///
    /// ```
    /// let client = bowsprit::Client::new().bearer_auth("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl");
    /// ```
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

    /// Sends an `Origin`, as browsers do for the page that connects.
    ///
    /// ```
    /// let client = bowsprit::Client::new().origin("https://example.com");
    /// ```
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

    /// Requests a subprotocol. Can be called several times, in order of preference.
    ///
    /// If the server chooses none of them, connecting fails, as in browsers, unless
    /// [`subprotocol_optional`](Self::subprotocol_optional) is set.
    ///
    /// ```
    /// let client = bowsprit::Client::new().subprotocol("v2.chat").subprotocol("v1.chat");
    /// ```
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.offer.subprotocols.push(name.into());
        self
    }

    /// Accepts a connection without a subprotocol if the server chooses none of the requested ones.
    #[must_use]
    pub const fn subprotocol_optional(mut self) -> Self {
        self.offer.subprotocol_optional = true;
        self
    }

    /// Also sends the subprotocols to other origins when a redirect leads there.
    ///
    /// By default such a redirect is an error,
    /// [`RedirectError::Subprotocol`](crate::error::RedirectError): some servers take a token as a
    /// subprotocol, so subprotocols can be secrets. Allow it if yours are not.
    #[must_use]
    pub const fn subprotocols_cross_origin(mut self) -> Self {
        self.subprotocols_cross_origin = true;
        self
    }

    /// The version of the protocol. Default: [`Version::V13`], RFC 6455.
    ///
    /// ```
    /// use bowsprit::{Client, client::Version};
    ///
    /// let client = Client::new().version(Version::V8);
    /// ```
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.offer.version = version;
        self
    }

    /// The compression to offer. Default: [`Deflate::client`]; `None` offers none.
    ///
    /// ```
    /// use bowsprit::{Client, Deflate};
    ///
    /// let without = Client::new().deflate(None);
    /// let thorough = Client::new().deflate(Deflate::client().level(6));
    /// ```
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.offer.deflate = deflate.into();
        self
    }

    /// Limits on what the server may send. Default: [`Limits::CLIENT`].
    ///
    /// ```
    /// use bowsprit::{Client, config::Limits};
    ///
    /// let client = Client::new().limits(Limits::CLIENT.max_message_len(100 << 20));
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.shared_config).config.limits = limits;
        self
    }

    /// Limits and timers of the open connection. Default: [`ConnectionConfig::client`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowsprit::{Client, ConnectionConfig};
    ///
    /// // For a server that sends a ping every 30 s.
    /// let silence = Duration::from_secs(45);
    /// let config = ConnectionConfig::client().heartbeat(None).idle_timeout(silence);
    /// let client = Client::new().config(config);
    /// ```
    #[must_use]
    pub fn config(mut self, config: ConnectionConfig) -> Self {
        Arc::make_mut(&mut self.shared_config).config = config;
        self
    }

    /// How to encrypt `wss:` connections: a [`TlsClientConfig`](crate::tls::TlsClientConfig) or
    /// anything else that converts into a [`TlsConnector`]. Default: rustls with the system's trust
    /// store, with a session cache that all such clients share. This is for servers; TLS to an
    /// `https` proxy is configured separately.
    ///
    /// ```no_run
    /// use bowsprit::{Client, tls::TlsClientConfig};
    ///
    /// # fn example() -> Result<Client, Box<dyn std::error::Error>> {
    /// let roots = std::fs::read("our-ca.pem")?;
    /// let client = Client::new().tls(TlsClientConfig::new().root_certificates(&roots)?);
    /// # Ok(client)
    /// # }
    /// ```
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// How long it may take to reach the server: to resolve its name and to connect to it, directly
    /// or through a proxy. Default: 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.network.connect_timeout = timeout;
        self
    }

    /// How long the opening handshake may take once the server is reached, including the TLS
    /// handshake. Received bytes do not extend it. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// How many bytes the head of a response may have, including the empty line at its end. Also
    /// applies to proxies. A longer head is a [`ConnectError::Http`]. Default: 16 KiB.
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
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowsprit::{Client, config::{Keepalive, TcpOptions}};
    ///
    /// let tcp = TcpOptions::default().keepalive(Keepalive::after(Duration::from_secs(60)));
    /// let client = Client::new().tcp(tcp);
    /// ```
    #[must_use]
    pub const fn tcp(mut self, options: TcpOptions) -> Self {
        self.network.tcp = options;
        self
    }

    /// The local address to connect from. Servers of the other address family cannot be reached
    /// then. Default: the system chooses.
    ///
    /// ```
    /// let client = bowsprit::Client::new().local_addr([192, 0, 2, 7].into());
    /// ```
    #[must_use]
    pub const fn local_addr(mut self, addr: IpAddr) -> Self {
        self.network.local_addr = Some(addr);
        self
    }

    /// Follows up to this many redirects: 301, 302, 303, 307 and 308. Default: 0, which treats a
    /// redirect as a rejection like any other: [`on_rejected`](Self::on_rejected) is called, and
    /// the header fields that it returns are sent to the same URL.
    ///
    /// As long as scheme, host and port are those of the first URL, the same request is sent again.
    /// After a redirect to another origin no credentials are sent any more, not even if a later one
    /// leads back: no header fields of the application, no user name and password, no client
    /// certificate. `Origin` is sent unchanged, as it identifies the caller and grants nothing. A
    /// client with subprotocols follows a redirect to another origin only if
    /// [`subprotocols_cross_origin`](Self::subprotocols_cross_origin) allows it. Redirects from
    /// `wss:` to `ws:`, to a Unix socket, or in a loop are a [`ConnectError::Redirect`].
    #[must_use]
    pub const fn max_redirects(mut self, max: usize) -> Self {
        self.max_redirects = max;
        self
    }

    /// Connects to an address only while no other client with this option in this process is
    /// connecting to it, as RFC 6455 §4.1 (2) demands and browsers do. Default: false; today's
    /// servers do not need it.
    ///
    /// Waiting for other attempts counts towards [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub const fn serialize_connects(mut self, serialize: bool) -> Self {
        self.network.serialize_connects = serialize;
        self
    }
}
