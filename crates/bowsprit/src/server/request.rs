//! What a request tells.

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

/// The address that a request came from, as an extension of it.
///
/// Connections that a bowsprit server accepts have it. Where another HTTP server accepts them, put
/// it in before [`Server::upgrade_async`](crate::Server::upgrade_async), which looks for trusted
/// proxies by it. With the feature `axum`, axum's `ConnectInfo<SocketAddr>` counts as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// That a request came over a Unix socket, so that it has no [`PeerAddr`], as an extension of it.
///
/// Requests on a server's own listeners need none. Where another HTTP server accepts connections,
/// put it in before [`Server::upgrade_async`](crate::Server::upgrade_async), which otherwise
/// refuses to let in clients whose addresses it is to limit and cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixPeer;

/// That the transport of a request is encrypted, as an extension of it.
///
/// Requests on a server's listeners have it where they came by TLS. Where another HTTP server
/// accepts connections, put it in before [`Server::upgrade_async`](crate::Server::upgrade_async).
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

/// The address of the client, behind whatever proxies are trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddr(pub(super) IpAddr);

/// Whether the client has encrypted the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientEncrypted;

/// What handlers want to know of the request that has opened their connection.
pub trait RequestExt {
    /// The value of a parameter in the path: of `room` in `/rooms/{room}`. Percent-encoding is
    /// undone, so it may contain anything, slashes as well.
    fn param(&self, name: &str) -> Option<&str>;

    /// The address of the other end of the transport: of the client, or the last proxy.
    fn peer_addr(&self) -> Option<SocketAddr>;

    /// The address of the client, as far as the proxies between are
    /// [trusted](crate::server::ServerBuilder::trusted_proxies).
    fn client_addr(&self) -> Option<IpAddr>;

    /// Whether the client is known to have encrypted the request: it came by TLS, or a proxy that
    /// is [trusted](crate::server::ServerBuilder::trusted_proxies) says that it did. That one can
    /// also say that it did not, whatever is between it and us.
    fn is_encrypted(&self) -> bool;

    /// The first value with this name in the query, decoded as forms are.
    fn query(&self, name: &str) -> Option<Cow<'_, str>>;

    /// The value of the first cookie with this name.
    fn cookie(&self, name: &str) -> Option<&str>;

    /// User name and password in `Authorization: Basic …`. `None` without, and if it is malformed
    /// or repeated.
    fn basic(&self) -> Option<Basic>;

    /// The token in `Authorization: Bearer …`. `None` without, and if it is repeated.
    fn bearer(&self) -> Option<Bearer<'_>>;
}

fn peer_addr(extensions: &Extensions) -> Option<SocketAddr> {
    let peer = extensions.get().map(|PeerAddr(addr)| *addr);
    #[cfg(feature = "axum")]
    let peer = peer.or_else(|| axum_peer_addr(extensions));
    peer
}

/// What axum knows, in its order.
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
