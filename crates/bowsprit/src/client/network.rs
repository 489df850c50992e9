//! From a host and a port to a transport.

use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::{
    callback::Callback,
    connect_permit::{ConnectPermit, Host},
    happy_eyeballs,
};
use crate::{ConnectError, TcpOptions, transport::AnyTransport};

/// What a client connects to.
///
/// ```
/// use bowsprit::{Client, client::Destination};
/// use tokio::net::UnixStream;
///
/// // One socket for each host.
/// let client = Client::new().connector(async |to: Destination| {
///     UnixStream::connect(format!("/run/{}.sock", to.host)).await
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destination {
    /// The host: a name or an IP address, IPv6 without brackets.
    pub host: String,
    /// The zone of an IPv6 address, RFC 6874: the name or number of the interface through which the
    /// host is reached.
    pub zone: Option<String>,
    /// The port.
    pub port: u16,
}

impl Destination {
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), zone: None, port }
    }
}

/// How to reach hosts.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) tcp: TcpOptions,
    pub(super) local_addr: Option<IpAddr>,
    pub(super) resolver: Option<Callback<String, io::Result<Vec<IpAddr>>>>,
    pub(super) connector: Option<Callback<Destination, io::Result<AnyTransport>>>,
    pub(super) connect_timeout: Duration,
    pub(super) serialize_connects: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::default(),
            local_addr: None,
            resolver: None,
            connector: None,
            connect_timeout: Duration::from_secs(10),
            serialize_connects: false,
        }
    }
}

/// A transport, and the permit to open a connection over it.
pub(super) struct Reached {
    pub(super) transport: AnyTransport,
    pub(super) permit: Option<ConnectPermit>,
}

impl Network {
    /// Connects; one attempt per address at a time if `serialize`.
    pub(super) async fn reach(
        &self,
        to: &Destination,
        serialize: bool,
    ) -> Result<Reached, ConnectError> {
        if let Some(connector) = &self.connector {
            let permit = permit_for_name(&to.host, serialize).await;
            return Ok(Reached { transport: connector.call(to.clone()).await?, permit });
        }
        let scope_id = scope_id(to).await?;
        let addrs = self.resolve(&to.host).await?;
        let addrs = addrs.into_iter().filter(|addr| self.can_reach(*addr)).collect();
        let connect = |addr| self.connect(socket_addr(addr, to.port, scope_id), serialize);
        Ok(happy_eyeballs::connect(addrs, connect).await?)
    }

    async fn connect(&self, addr: SocketAddr, serialize: bool) -> io::Result<Reached> {
        let permit = match serialize {
            true => Some(ConnectPermit::acquire(Host::Address(addr.ip())).await),
            false => None,
        };
        let stream = self.dial(addr).await?;
        self.tcp.apply(&stream)?;
        Ok(Reached { transport: AnyTransport::Tcp(stream), permit })
    }

    async fn dial(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(local) = self.local_addr {
            socket.bind((local, 0).into())?;
        }
        socket.connect(addr).await
    }

    /// Whether a connection to `addr` can be made from the local address.
    fn can_reach(&self, addr: IpAddr) -> bool {
        self.local_addr.is_none_or(|local| local.is_ipv4() == addr.is_ipv4())
    }

    /// The addresses of a host; an address is its own.
    pub(super) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
        if let Ok(addr) = host.parse() {
            return Ok(vec![addr]);
        }
        let resolved = match &self.resolver {
            Some(resolver) => resolver.call(host.to_owned()).await,
            None => lookup_host((host, 0)).await.map(|addrs| addrs.map(|addr| addr.ip()).collect()),
        };
        match resolved {
            Ok(addrs) if !addrs.is_empty() => Ok(addrs),
            Ok(_) => Err(unresolved(host.to_owned(), not_found("the name has no address"))),
            Err(error) => Err(unresolved(host.to_owned(), error)),
        }
    }
}

/// The number of the interface that the zone names, RFC 4007 §11; the system knows both. 0 is none.
async fn scope_id(to: &Destination) -> Result<u32, ConnectError> {
    let Some(zone) = &to.zone else { return Ok(0) };
    let host = format!("{}%{zone}", to.host);
    match lookup_host((&*host, 0)).await.map(|mut addrs| addrs.next()) {
        Ok(Some(SocketAddr::V6(addr))) => Ok(addr.scope_id()),
        Ok(_) => Err(unresolved(host, not_found("there is no such zone"))),
        Err(error) => Err(unresolved(host, error)),
    }
}

fn unresolved(host: String, error: io::Error) -> ConnectError {
    ConnectError::Resolve { host, error: Arc::new(error) }
}

fn not_found(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, why)
}

const fn socket_addr(addr: IpAddr, port: u16, scope_id: u32) -> SocketAddr {
    match addr {
        IpAddr::V4(addr) => SocketAddr::V4(SocketAddrV4::new(addr, port)),
        IpAddr::V6(addr) => SocketAddr::V6(SocketAddrV6::new(addr, port, 0, scope_id)),
    }
}

/// The permit to connect to a host whose address stays unknown here.
pub(super) async fn permit_for_name(host: &str, serialize: bool) -> Option<ConnectPermit> {
    match serialize {
        true => Some(ConnectPermit::acquire(Host::Name(host.to_owned())).await),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::tcp::tests::{assert_default, assert_others, others};

    #[tokio::test]
    async fn the_socket_has_the_options() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = Destination::new("127.0.0.1", listener.local_addr().unwrap().port());
        let network = Network::default();
        let reached = network.reach(&to, false).await.unwrap();
        let AnyTransport::Tcp(stream) = reached.transport else { panic!("not TCP") };
        assert_default(&stream);
        let network = Network { tcp: others(), ..network };
        let reached = network.reach(&to, false).await.unwrap();
        let AnyTransport::Tcp(stream) = reached.transport else { panic!("not TCP") };
        assert_others(&stream);
    }

    #[tokio::test]
    async fn a_zone_is_a_name_or_a_number_of_an_interface() {
        let to = |zone: &str| Destination {
            zone: Some(zone.to_owned()),
            ..Destination::new("fe80::1", 80)
        };
        for (name, zone) in [("lo", "1"), ("7", "7")] {
            let number = scope_id(&to(name)).await.unwrap();
            assert_eq!(number.to_string(), zone);
            let addr = socket_addr("fe80::1".parse().unwrap(), 80, number);
            assert_eq!(addr.to_string(), format!("[fe80::1%{zone}]:80"));
        }
        let error = scope_id(&to("nowhere")).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot resolve fe80::1%nowhere: "), "{error}");
        assert_eq!(scope_id(&Destination::new("fe80::1", 80)).await.unwrap(), 0);
    }
}
