//! Opening connections, RFC 6455 §4.1.
//!
//! [`connect`] opens a connection with the default options; [`Client`] has the options, and makes
//! any number of connections. [`Proxy`] is an explicit proxy. A [`Redirect`] and a [`Rejected`]
//! response are what the callbacks of a client see; a [`Destination`] is what a custom connector
//! connects to.
//!
//! Connections that are opened again when they end are in [`reconnect`](crate::reconnect), TLS is
//! in [`tls`](crate::tls).

mod callback;
mod connect;
mod connect_permit;
mod exchange;
mod happy_eyeballs;
mod network;
mod options;
mod ported;
#[cfg(feature = "proxy")]
mod proxy;
mod proxy_variables;
mod read_ahead;
pub(crate) mod reconnect;
mod redirect;
mod rejection;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bowsprit_proto::handshake::Offer;
use http::HeaderMap;

#[cfg(feature = "proxy")]
pub use self::proxy::Proxy;
use self::{
    callback::Callback,
    connect::{Attempt, within},
    network::Network,
    options::Invalid,
    redirect::RedirectPolicy,
};
pub use self::{network::Destination, redirect::Redirect, rejection::Rejected};
pub use crate::head::FieldName;
use crate::{
    BoxError, ConnectError, ConnectionConfig, Deflate, Role, TimeoutKind, Transport, WebSocket,
    deadline::deadline_after,
    error::check_runtime,
    head::{HeadLimits, Spelling},
    shared_config::SharedConfig,
    stats::{Counters, Stats},
    tls::TlsConnector,
};
pub use bowsprit_proto::{Url, UserInfo, handshake::Version};

/// Connects to a URL with the default options. See [`Client`] for other options and for
/// [statistics](Client::stats).
///
/// # Errors
///
/// See [`Client::connect`].
///
/// # Panics
///
/// See [`Client::connect`].
///
/// # Cancel safety
///
/// Dropping the future abandons the attempt.
pub async fn connect(url: &str) -> Result<WebSocket, ConnectError> {
    // One for all, so that the connections share what a client has in common.
    static DEFAULT: LazyLock<Client> = LazyLock::new(Client::new);
    DEFAULT.connect(url).await
}

/// Opens connections.
///
/// With the feature `proxy`, which is on by default, a client uses the proxies of the environment
/// as curl does: `wss_proxy`, `https_proxy`, `all_proxy` and so on. [`no_proxy`](Self::no_proxy)
/// and [`proxy`](Self::proxy) override them, and a `tracing` event at level debug reports that one
/// is used. Without the feature they are ignored, with a warning.
///
/// ```no_run
/// # async fn example() -> Result<(), bowsprit::Error> {
/// let client = bowsprit::Client::new()
///     .bearer_auth("1234")
///     .subprotocol("chat.v2")
///     .subprotocol("chat.v1");
/// let ws = client.connect("ws://127.0.0.1:8080/chat").await?;
/// println!("speaking {:?} with {}", ws.subprotocol(), ws.url().unwrap());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    offer: Offer,
    spelling: Spelling,
    shared_config: Arc<SharedConfig>,
    handshake_timeout: Duration,
    head_limits: HeadLimits,
    network: Network,
    tls: Option<TlsConnector>,
    #[cfg(feature = "proxy")]
    proxy: proxy::Choice,
    #[cfg(feature = "proxy")]
    proxy_tls: Option<TlsConnector>,
    headers_fn: Option<Callback<Url, Result<HeaderMap, BoxError>>>,
    on_rejected: Option<Callback<Rejected, Result<Option<HeaderMap>, BoxError>>>,
    max_redirects: usize,
    subprotocols_cross_origin: bool,
    on_redirect: Option<RedirectPolicy>,
    invalid: Option<Invalid>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client with the default options.
    #[must_use]
    pub fn new() -> Self {
        let mut offer = Offer::default();
        offer.deflate = Some(Deflate::client());
        Self {
            offer,
            spelling: Spelling::default(),
            shared_config: Arc::new(SharedConfig {
                config: ConnectionConfig::client(),
                counters: Arc::new(Counters::new(Role::Client)),
            }),
            handshake_timeout: Duration::from_secs(10),
            head_limits: HeadLimits::default(),
            network: Network::default(),
            tls: None,
            #[cfg(feature = "proxy")]
            proxy: proxy::Choice::default(),
            #[cfg(feature = "proxy")]
            proxy_tls: None,
            headers_fn: None,
            on_rejected: None,
            max_redirects: 0,
            subprotocols_cross_origin: false,
            on_redirect: None,
            invalid: None,
        }
    }

    /// Connects to a URL: `ws:` or `wss:`, `http:` or `https:`, which mean the same, or a Unix
    /// socket as in `ws+unix:/path/of.sock:/resource?query`.
    ///
    /// A user name and password in the URL are sent as Basic authorization, unless the client has a
    /// header `authorization`.
    ///
    /// # Errors
    ///
    /// The URL is invalid, the server cannot be reached, it [rejects](ConnectError::Rejected)
    /// the request, or it breaks a rule of the handshake; [`ConnectError::NoRuntime`] outside of a
    /// tokio runtime.
    ///
    /// # Panics
    ///
    /// In a runtime that was built without I/O or time drivers (`enable_all` enables both). A
    /// connection lives as long as the runtime that it was opened on, wherever it is used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the attempt.
    pub async fn connect(&self, url: &str) -> Result<WebSocket, ConnectError> {
        check_runtime()?;
        let url = self.begin(url)?;
        Attempt::new(self, url).run().await
    }

    /// Opens a connection over an existing transport. The URL determines `Host` and path; for
    /// `wss:` the transport must already be encrypted. Bytes that hyper has read ahead from an
    /// [`Upgraded`](hyper::upgrade::Upgraded) are not lost.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect), except that the I/O driver is needed only if the transport
    /// needs it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn connect_over(
        &self,
        url: &str,
        io: impl Transport,
    ) -> Result<WebSocket, ConnectError> {
        check_runtime()?;
        let url = self.begin(url)?;
        let mut offer = self.offer.clone();
        self.add_headers(&mut offer, &url).await?;
        let deadline = deadline_after(self.handshake_timeout);
        let handshaking = self.handshake(&url, &offer, read_ahead::from_io(io), deadline);
        self.instrument(&url, within(deadline, TimeoutKind::Handshake, handshaking)).await
    }

    /// Statistics of this client and its clones: connections, handshakes, messages, bytes, and how
    /// connections have ended.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared_config.counters.snapshot()
    }

    /// What can be wrong before anything is opened.
    fn begin(&self, url: &str) -> Result<Url, ConnectError> {
        match self.invalid {
            Some(invalid) => Err(invalid.into()),
            None => Ok(url.parse()?),
        }
    }
}
