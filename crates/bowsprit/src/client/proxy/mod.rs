//! Proxies: which one, and through it.

mod environment;
mod parse;
mod socks;
mod tunnel;

use std::fmt;

use http::HeaderValue;
use tokio::time::Instant;

use super::{
    Client,
    network::{Destination, Reached, permit_for_name},
};
use crate::{
    ConnectError, Url,
    client::UserInfo,
    error::ProxyError,
    tls::{self, Identity, TlsConnector},
    transport::AnyTransport,
};

pub(super) use self::environment::Choice;

/// A proxy to connect through.
///
/// ```
/// let proxy: bowsprit::client::Proxy = "socks5h://user:secret@127.0.0.1:1080".parse()?;
/// let client = bowsprit::Client::new().proxy(proxy);
/// # Ok::<(), bowsprit::Error>(())
/// ```
///
/// | scheme | |
/// |---|---|
/// | `http`, or none | HTTP CONNECT |
/// | `https` | HTTP CONNECT over TLS to the proxy |
/// | `socks5`, `socks4` | host names are looked up here |
/// | `socks5h`, `socks4a` | host names are looked up by the proxy |
///
/// The default port is 1080, or 443 with `https`, as in curl. User name and password are
/// percent-decoded, sent only to the proxy, and never displayed.
///
/// # TLS to a proxy
///
/// [`Client::tls`] applies only to the server. The certificate of an `https` proxy is verified with
/// the system's trust store, unless [`tls`](Self::tls) or [`Client::proxy_tls`] configures
/// something else.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    host: String,
    zone: Option<String>,
    port: u16,
    user: Option<Box<UserInfo>>,
    tls: Option<TlsConnector>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

impl fmt::Display for Proxy {
    /// The proxy's URL without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Socks4 => "socks4",
            Kind::Socks4a => "socks4a",
            Kind::Socks5 => "socks5",
            Kind::Socks5h => "socks5h",
        };
        let (host, port) = (&self.host, self.port);
        match &self.zone {
            Some(zone) => write!(f, "{scheme}://[{host}%25{zone}]:{port}"),
            None if host.contains(':') => write!(f, "{scheme}://[{host}]:{port}"),
            None => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl Proxy {
    /// How to encrypt the connection to an `https` proxy: a
    /// [`TlsClientConfig`](crate::tls::TlsClientConfig) or anything else that converts into a
    /// [`TlsConnector`]. Default: that of [`Client::proxy_tls`], else TLS with the system's trust
    /// store.
    ///
    /// A client certificate in it is sent to the proxy.
    ///
    /// ```no_run
    /// use bowsprit::{Client, client::Proxy, tls::TlsClientConfig};
    ///
    /// # fn example() -> Result<Client, Box<dyn std::error::Error>> {
    /// let roots = std::fs::read("proxy-ca.pem")?;
    /// let tls = TlsClientConfig::new().root_certificates(&roots)?;
    /// let client = Client::new().proxy("https://proxy.example.com".parse::<Proxy>()?.tls(tls));
    /// # Ok(client)
    /// # }
    /// ```
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    #[must_use]
    pub fn tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    fn destination(&self) -> Destination {
        Destination { zone: self.zone.clone(), ..Destination::new(&self.host, self.port) }
    }

    /// The value of `Proxy-Authorization`.
    fn authorization(&self) -> Option<HeaderValue> {
        let user = self.user.as_deref()?;
        bowsprit_proto::handshake::basic_authorization(user.user(), user.password())
    }

    /// An error of this proxy.
    fn failed(&self, error: ProxyError) -> ConnectError {
        ConnectError::Proxy { proxy: self.to_string(), error }
    }
}

/// Proxies.
impl Client {
    /// Connects through this proxy instead of those of the environment. Unix sockets are reached
    /// directly.
    ///
    /// Default: the proxies of the environment, as in curl. For `wss:` that is the first non-empty
    /// variable of `wss_proxy`, `WSS_PROXY`, `https_proxy`, `HTTPS_PROXY`, `all_proxy` and
    /// `ALL_PROXY`, for `ws:` of `ws_proxy`, `WS_PROXY`, `http_proxy`, `all_proxy` and `ALL_PROXY`.
    /// No proxy is used if `no_proxy`, or else `NO_PROXY`, is `*` or a list that contains the host,
    /// a parent domain, or a network that contains its address (`10.0.0.0/8`).
    ///
    /// ```
    /// let client = bowsprit::Client::new().proxy("http://proxy.example.com:3128".parse()?);
    /// # Ok::<(), bowsprit::Error>(())
    /// ```
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Choice::Always(proxy);
        self
    }

    /// How to encrypt the connection to an `https` proxy without its own [`Proxy::tls`], such as
    /// one of the environment. Default: TLS with the system's trust store.
    ///
    /// ```no_run
    /// use bowsprit::{Client, tls::TlsClientConfig};
    ///
    /// # fn example() -> Result<Client, Box<dyn std::error::Error>> {
    /// // The proxy is named by the environment, such as `https_proxy=https://proxy.example.com`.
    /// let roots = std::fs::read("proxy-ca.pem")?;
    /// let client = Client::new().proxy_tls(TlsClientConfig::new().root_certificates(&roots)?);
    /// # Ok(client)
    /// # }
    /// ```
    #[cfg(any(feature = "tls", feature = "native-tls"))]
    #[must_use]
    pub fn proxy_tls(mut self, tls: impl Into<TlsConnector>) -> Self {
        self.proxy_tls = Some(tls.into());
        self
    }

    /// Connects without a proxy, even if the environment names one.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxy = Choice::Never;
        self
    }
}

impl Client {
    /// A transport to the server through a proxy.
    ///
    /// §4.1 (3): "If the user agent is configured to use a proxy [...] then the client SHOULD
    /// connect to that proxy and ask it to open a TCP connection to the host given by /host/ and
    /// the port given by /port/."
    pub(super) async fn reach_through(
        &self,
        proxy: &Proxy,
        url: &Url,
        deadline: Instant,
    ) -> Result<Reached, ConnectError> {
        if proxy.kind == Kind::Https && !tls::IS_BUILT_IN {
            return Err(ConnectError::NoTls);
        }
        let bounds = self.bounds(deadline);
        // The permit is for the server, not for the proxy, which serves many.
        let permit = permit_for_name(url.host(), self.network.serialize_connects).await;
        let to_proxy = self.network.reach(&proxy.destination(), false).await;
        let to_proxy = to_proxy.map_err(|error| match error {
            ConnectError::Io(error) => proxy.failed(ProxyError::Unreachable(error)),
            error => error,
        });
        let transport = to_proxy?.transport;
        let to = Destination::new(url.host(), url.port());
        let transport = match proxy.kind {
            Kind::Http => tunnel::open(proxy, &to, transport, bounds).await?,
            Kind::Https => {
                let transport = self.encrypt_to(proxy, transport).await?;
                tunnel::open(proxy, &to, transport, bounds).await?
            }
            Kind::Socks4 | Kind::Socks5 => {
                let addrs = self.network.resolve(&to.host).await?;
                socks::open_resolved(proxy, addrs, to.port, transport).await?
            }
            Kind::Socks4a | Kind::Socks5h => socks::open(proxy, &to, transport).await?,
        };
        Ok(Reached { transport, permit })
    }

    /// What is trusted, shown and skipped for the server's sake does not count here: the proxy gets
    /// credentials of its own.
    async fn encrypt_to(
        &self,
        proxy: &Proxy,
        transport: AnyTransport,
    ) -> Result<AnyTransport, ConnectError> {
        let tls = proxy.tls.as_ref().or(self.proxy_tls.as_ref()).cloned();
        let tls = tls.unwrap_or_else(tls::shared);
        let encrypted = tls.connect(&proxy.host, transport, Identity::Shown).await;
        encrypted.map_err(|error| match error {
            ConnectError::Tls(error) => proxy.failed(ProxyError::Tls(error)),
            ConnectError::Io(error) => proxy.failed(ProxyError::Unreachable(error)),
            error => error,
        })
    }
}
