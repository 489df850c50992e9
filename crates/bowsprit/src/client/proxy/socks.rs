//! SOCKS 4, 4a and 5, RFC 1928 and RFC 1929.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio_socks::{
    TargetAddr,
    tcp::{Socks4Stream, Socks5Stream},
};

use super::{Kind, Proxy};
use crate::{
    ConnectError, client::network::Destination, error::ProxyError, transport::AnyTransport,
};

/// Asks the proxy to connect to the first address that it can carry.
pub(super) async fn open_resolved(
    proxy: &Proxy,
    addrs: Vec<IpAddr>,
    port: u16,
    transport: AnyTransport,
) -> Result<AnyTransport, ConnectError> {
    let carries = |addr: &IpAddr| proxy.kind == Kind::Socks5 || addr.is_ipv4();
    let addr = addrs.into_iter().find(carries);
    let addr = addr.ok_or_else(|| proxy.failed(ProxyError::Ipv6))?;
    ask(proxy, TargetAddr::Ip(SocketAddr::new(addr, port)), transport).await
}

/// Asks the proxy to connect to a host, and to look up its name.
pub(super) async fn open(
    proxy: &Proxy,
    to: &Destination,
    transport: AnyTransport,
) -> Result<AnyTransport, ConnectError> {
    match to.host.parse() {
        Ok(IpAddr::V6(_)) if proxy.kind == Kind::Socks4a => Err(proxy.failed(ProxyError::Ipv6)),
        Ok(addr) => ask(proxy, TargetAddr::Ip(SocketAddr::new(addr, to.port)), transport).await,
        Err(_) => ask(proxy, TargetAddr::Domain(to.host.as_str().into(), to.port), transport).await,
    }
}

async fn ask(
    proxy: &Proxy,
    target: TargetAddr<'_>,
    transport: AnyTransport,
) -> Result<AnyTransport, ConnectError> {
    let is_version_5 = matches!(proxy.kind, Kind::Socks5 | Kind::Socks5h);
    let opened = match (is_version_5, proxy.user.as_deref()) {
        (true, None) => {
            Socks5Stream::connect_with_socket(transport, target).await.map(Socks5Stream::into_inner)
        }
        (true, Some(info)) => {
            let (user, password) = (info.user(), info.password());
            Socks5Stream::connect_with_password_and_socket(transport, target, user, password)
                .await
                .map(Socks5Stream::into_inner)
        }
        (false, None) => {
            Socks4Stream::connect_with_socket(transport, target).await.map(Socks4Stream::into_inner)
        }
        (false, Some(info)) => {
            Socks4Stream::connect_with_userid_and_socket(transport, target, info.user())
                .await
                .map(Socks4Stream::into_inner)
        }
    };
    opened.map_err(|error| proxy.failed(ProxyError::Socks(Arc::new(error))))
}
