//! Extensions of a request, and what can be read from it.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use bowsprit_proto::grammar::cookies;
#[cfg(feature = "http2")]
use bowsprit_proto::handshake::ConnectProtocol;
use http::{Extensions, Request, header};

use super::{Basic, Bearer};

/// The values of the parameters in a request's path.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Vec<(Box<str>, Box<str>)>);

impl FromIterator<(Box<str>, Box<str>)> for Params {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Box<str>)>>(params: I) -> Self {
        Self(params.into_iter().collect())
    }
}

impl Params {
    /// Makes them part of a request.
    pub(super) fn insert_into<B>(self, request: &mut Request<B>) {
        if !self.0.is_empty() {
            request.extensions_mut().insert(self);
        }
    }
}

/// Request extension: the address of the peer that sent the request.
///
/// Requests on TCP connections that a bowsprit server accepts have it. If another HTTP server
/// accepts connections, insert it before calling
/// [`Server::upgrade_async`](crate::Server::upgrade_async), which compares it with the trusted
/// proxies. With the feature `axum`, axum's `ConnectInfo<SocketAddr>` is used as well.
///
/// ```
/// use std::net::SocketAddr;
/// use bowsprit::{http::Request, server::PeerAddr};
///
/// fn with_peer<B>(mut request: Request<B>, peer: SocketAddr) -> Request<B> {
///     request.extensions_mut().insert(PeerAddr(peer));
///     request
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Request extension: the request came over a Unix socket and therefore has no [`PeerAddr`].
///
/// Requests on a bowsprit server's own listeners do not need it. If another HTTP server accepts
/// connections, insert it before calling [`Server::upgrade_async`](crate::Server::upgrade_async).
/// Without it, requests of unknown origin are rejected if an option needs the client's address.
///
/// ```
/// use bowsprit::{http::Request, server::UnixPeer};
///
/// fn from_unix_socket<B>(mut request: Request<B>) -> Request<B> {
///     request.extensions_mut().insert(UnixPeer);
///     request
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixPeer;

/// Request extension: the transport of the request is encrypted.
///
/// Requests that a bowsprit server's own listeners receive over TLS have it. If another HTTP server
/// accepts connections, insert it before calling
/// [`Server::upgrade_async`](crate::Server::upgrade_async).
///
/// ```
/// use bowsprit::{http::Request, server::Encrypted};
///
/// fn from_https<B>(mut request: Request<B>) -> Request<B> {
///     request.extensions_mut().insert(Encrypted);
///     request
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encrypted;

/// Has the core know an extended CONNECT by hyper's extension.
#[cfg(feature = "http2")]
pub(super) fn insert_connect_protocol(extensions: &mut Extensions) {
    let protocol = extensions.get::<hyper::ext::Protocol>();
    if let Some(protocol) = protocol.map(|protocol| ConnectProtocol::new(protocol.as_str())) {
        extensions.insert(protocol);
    }
}

/// The client's address, as reported by trusted proxies if there are any.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddr(pub(super) IpAddr);

/// Whether the client has encrypted the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientEncrypted;

/// Accessors for the request that opened a connection.
///
/// ```
/// use bowsprit::{http::Request, server::RequestExt};
///
/// let request = Request::get("/rooms/lobby?name=Ann%20Lee")
///     .header("cookie", "theme=dark; session=1234")
///     .header("authorization", "Bearer abcd")
///     .body(())?;
/// assert_eq!(request.query("name").as_deref(), Some("Ann Lee"));
/// assert_eq!(request.cookie("session"), Some("1234"));
/// assert!(request.bearer().is_some_and(|token| token.matches("abcd")));
/// assert_eq!(request.param("room"), None, "only a server knows the pattern of its path");
/// # Ok::<(), bowsprit::http::Error>(())
/// ```
pub trait RequestExt {
    /// Returns the value of a path parameter, such as `room` in `/rooms/{room}`. It is
    /// percent-decoded, so it may contain any character, including slashes.
    ///
    /// ```
    /// use bowsprit::{Server, http::StatusCode, server::{Rejection, RequestExt}};
    ///
    /// let server = Server::builder().path("/rooms/{room}").authorize(|request| async move {
    ///     match request.param("room") {
    ///         Some("lobby" | "garden") => Ok(()),
    ///         _ => Err(Rejection::new(StatusCode::NOT_FOUND)),
    ///     }
    /// });
    /// ```
    fn param(&self, name: &str) -> Option<&str>;

    /// Returns the address of the other end of the transport: the client, or the last proxy.
    ///
    /// ```
    /// use bowsprit::{http::Request, server::{PeerAddr, RequestExt}};
    ///
    /// let mut request = Request::new(());
    /// request.extensions_mut().insert(PeerAddr(([192, 0, 2, 1], 50_000).into()));
    /// assert_eq!(request.peer_addr(), Some(([192, 0, 2, 1], 50_000).into()));
    /// ```
    fn peer_addr(&self) -> Option<SocketAddr>;

    /// Returns the address of the client, as reported by [trusted
    /// proxies](crate::server::ServerBuilder::trusted_proxies). Without any, this is the IP address
    /// of the peer.
    ///
    /// ```
    /// use bowsprit::{http::Request, server::RequestExt};
    ///
    /// fn log<B>(request: &Request<B>) {
    ///     match request.client_addr() {
    ///         Some(addr) => println!("{addr} connects"),
    ///         None => println!("a client of a Unix socket connects"),
    ///     }
    /// }
    /// ```
    fn client_addr(&self) -> Option<IpAddr>;

    /// Whether the client is known to have encrypted the request: it came over TLS, or a [trusted
    /// proxy](crate::server::ServerBuilder::trusted_proxies) says so. A trusted proxy can also say
    /// that it was not encrypted, even if the proxy's own connection to the server is.
    ///
    /// ```
    /// use bowsprit::{Server, http::StatusCode, server::{Rejection, RequestExt}};
    ///
    /// let server = Server::builder().authorize(|request| async move {
    ///     if request.is_encrypted() { Ok(()) } else { Err(Rejection::new(StatusCode::FORBIDDEN)) }
    /// });
    /// ```
    fn is_encrypted(&self) -> bool;

    /// Returns the first query value with this name, decoded as
    /// `application/x-www-form-urlencoded`.
    ///
    /// ```
    /// use bowsprit::{http::Request, server::RequestExt};
    ///
    /// let request = Request::get("/?token=a%2Bb&room=1&room=2").body(())?;
    /// assert_eq!(request.query("token").as_deref(), Some("a+b"));
    /// assert_eq!(request.query("room").as_deref(), Some("1"));
    /// # Ok::<(), bowsprit::http::Error>(())
    /// ```
    fn query(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Returns the value of the first cookie with this name.
    ///
    /// ```
    /// use bowsprit::{http::Request, server::RequestExt};
    ///
    /// let request = Request::get("/").header("cookie", "theme=dark; session=1234").body(())?;
    /// assert_eq!(request.cookie("session"), Some("1234"));
    /// # Ok::<(), bowsprit::http::Error>(())
    /// ```
    fn cookie(&self, name: &str) -> Option<&str>;

    /// Returns the user name and password in `Authorization: Basic …`. `None` if the header is
    /// missing, malformed or repeated.
    ///
    /// ```
    /// use bowsprit::{http::Request, server::RequestExt};
    ///
    /// let request = Request::get("/").header("authorization", "Basic YW5uOnNlY3JldA==").body(())?;
    /// assert!(request.basic().is_some_and(|login| login.matches("ann", "secret")));
    /// # Ok::<(), bowsprit::http::Error>(())
    /// ```
    fn basic(&self) -> Option<Basic>;

    /// Returns the token in `Authorization: Bearer …`. `None` if the header is missing or repeated.
    ///
    /// ```
    /// use bowsprit::{http::Request, server::RequestExt};
    ///
    /// let request = Request::get("/").header("authorization", "Bearer 1234").body(())?;
    /// assert_eq!(request.bearer().map(|bearer| bearer.token()), Some("1234"));
    /// # Ok::<(), bowsprit::http::Error>(())
    /// ```
    fn bearer(&self) -> Option<Bearer<'_>>;
}

fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    let peer = extensions.get().map(|PeerAddr(addr)| *addr);
    #[cfg(feature = "axum")]
    let peer = peer.or_else(|| axum_peer_addr(extensions));
    peer
}

/// The peer's address as axum has it, in the order in which axum looks for it.
#[cfg(feature = "axum")]
fn axum_peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    use ::axum::extract::connect_info::{ConnectInfo, MockConnectInfo};

    let peer = extensions.get().map(|ConnectInfo(addr)| *addr);
    peer.or_else(|| extensions.get().map(|MockConnectInfo(addr)| *addr))
}

impl<B> RequestExt for Request<B> {
    fn param(&self, name: &str) -> Option<&str> {
        let Params(params) = self.extensions().get()?;
        params.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        peer_addr(self.extensions())
    }

    fn client_addr(&self) -> Option<IpAddr> {
        self.extensions().get().map(|ClientAddr(addr)| *addr)
    }

    fn is_encrypted(&self) -> bool {
        self.extensions().get::<ClientEncrypted>().is_some()
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut pairs = form_urlencoded::parse(self.uri().query()?.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value)
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        let fields = self.headers().get_all(header::COOKIE).iter();
        let mut cookies = fields.filter_map(|field| field.to_str().ok()).flat_map(cookies);
        cookies.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn basic(&self) -> Option<Basic> {
        Basic::from_headers(self.headers())
    }

    fn bearer(&self) -> Option<Bearer<'_>> {
        Bearer::from_headers(self.headers())
    }
}
