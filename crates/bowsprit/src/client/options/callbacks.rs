//! What a client asks the application.

use std::{io, net::IpAddr};

use http::HeaderMap;

use super::super::{
    Client, Destination, Redirect, Rejected, callback::Callback, read_ahead::from_io,
    redirect::RedirectPolicy,
};
use crate::{BoxError, Transport, Url};

/// Callbacks.
impl Client {
    /// Resolves host names instead of the system. IP addresses in URLs are not looked up.
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

    /// Opens transports instead of TCP connections: anything that can be read and written. If a
    /// proxy is used, it is called for a transport to the proxy. TLS is added if the URL asks for
    /// it. Bytes that hyper has read ahead from an [`Upgraded`](hyper::upgrade::Upgraded) are not
    /// lost.
    ///
    /// ```
    /// use bowsprit::{Client, client::Destination};
    /// use tokio::net::TcpStream;
    ///
    /// let client = Client::new().connector(async |to: Destination| {
    ///     println!("connecting to {} at port {}", to.host, to.port);
    ///     TcpStream::connect(("127.0.0.1", to.port)).await
    /// });
    /// ```
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

    /// Called before each attempt to connect; returns header fields, for example with a fresh
    /// token. They replace the client's header fields of the same names. An error ends the attempt
    /// with [`ConnectError::Callback`].
    ///
    /// It has no time limit: none of the time-outs includes it.
    ///
    /// ```
    /// use bowsprit::{Client, http::{HeaderMap, header}};
    ///
    /// # async fn fresh_token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let client = Client::new().headers_fn(async |_url| {
    ///     let token = fresh_token().await?;
    ///     Ok(HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse()?)]))
    /// });
    /// ```
    ///
    /// [`ConnectError::Callback`]: crate::ConnectError::Callback
    #[must_use]
    pub fn headers_fn<F>(mut self, callback: impl Fn(Url) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HeaderMap, BoxError>> + Send + 'static,
    {
        self.headers_fn = Some(Callback::new(callback));
        self
    }

    /// Called for each redirect before it is followed. If it returns false, connecting fails with
    /// [`ConnectError::Rejected`].
    ///
    /// ```
    /// let client = bowsprit::Client::new()
    ///     .max_redirects(5)
    ///     .on_redirect(|redirect| redirect.to.host().ends_with(".example.com"));
    /// ```
    ///
    /// [`ConnectError::Rejected`]: crate::ConnectError::Rejected
    #[must_use]
    pub fn on_redirect(
        mut self,
        allows: impl Fn(&Redirect) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.on_redirect = Some(RedirectPolicy::new(allows));
        self
    }

    /// Called when the server rejects the request. If it returns header fields, for example the
    /// answer to a challenge, the request is sent once more. If it returns `None`, or when the
    /// second request is rejected as well, connecting fails with [`ConnectError::Rejected`]. It is
    /// not called for servers of another origin that a redirect has led to.
    ///
    /// ```
    /// use bowsprit::{Client, http::{HeaderMap, StatusCode, header}};
    ///
    /// # async fn new_token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let client = Client::new().on_rejected(async |rejected| {
    ///     if rejected.response.status() != StatusCode::UNAUTHORIZED {
    ///         return Ok(None);
    ///     }
    ///     let token = format!("Bearer {}", new_token().await?).parse()?;
    ///     Ok(Some(HeaderMap::from_iter([(header::AUTHORIZATION, token)])))
    /// });
    /// ```
    ///
    /// [`ConnectError::Rejected`]: crate::ConnectError::Rejected
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
}
