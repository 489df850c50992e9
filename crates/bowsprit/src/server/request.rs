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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Request extension: the request came over a Unix socket and therefore has no [`PeerAddr`].
///
/// Requests on a bowsprit server's own listeners do not need it. If another HTTP server accepts
/// connections, insert it before calling [`Server::upgrade_async`](crate::Server::upgrade_async).
/// Without it, requests of unknown origin are rejected if an option needs the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixPeer;

/// Request extension: the transport of the request is encrypted.
///
/// Requests that a bowsprit server's own listeners receive over TLS have it. If another HTTP server
/// accepts connections, insert it before calling
/// [`Server::upgrade_async`](crate::Server::upgrade_async).
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
pub trait RequestExt {
    /// Returns the value of a path parameter, such as `room` in `/rooms/{room}`. It is
    /// percent-decoded, so it may contain any character, including slashes.
    fn param(&self, name: &str) -> Option<&str>;

    /// Returns the address of the other end of the transport: the client, or the last proxy.
    fn peer_addr(&self) -> Option<SocketAddr>;

    /// Returns the address of the client, as reported by [trusted
    /// proxies](crate::server::ServerBuilder::trusted_proxies). Without any, this is the IP address
    /// of the peer.
    fn client_addr(&self) -> Option<IpAddr>;

    /// Whether the client is known to have encrypted the request: it came over TLS, or a [trusted
    /// proxy](crate::server::ServerBuilder::trusted_proxies) says so. A trusted proxy can also say
    /// that it was not encrypted, even if the proxy's own connection to the server is.
    fn is_encrypted(&self) -> bool;

    /// Returns the first query value with this name, decoded as
    /// `application/x-www-form-urlencoded`.
    fn query(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Returns the value of the first cookie with this name.
    fn cookie(&self, name: &str) -> Option<&str>;

    /// Returns the user name and password in `Authorization: Basic …`. `None` if the header is
    /// missing, malformed or repeated.
    fn basic(&self) -> Option<Basic>;

    /// Returns the token in `Authorization: Bearer …`. `None` if the header is missing or repeated.
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
