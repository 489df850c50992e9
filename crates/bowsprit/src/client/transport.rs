//! The way to a server: TCP or a Unix socket.

use std::io;

use tokio::time::Instant;

use super::{
    Client,
    network::{Destination, Reached},
};
use crate::{Error, Url, io::Transport, tls};

impl Client {
    /// A transport to the server, not encrypted yet. It is given up at the deadline.
    #[cfg_attr(not(feature = "proxy"), expect(unused_variables, reason = "for proxies"))]
    pub(super) async fn reach(&self, url: &Url, deadline: Instant) -> Result<Reached, Error> {
        if url.is_secure() && !tls::IS_BUILT_IN {
            return Err(Error::NoTls);
        }
        if let Some(path) = url.socket_path() {
            return Ok(Reached { transport: unix(path).await?, permit: None });
        }
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxy.proxy_for(url)? {
            return self.reach_through(&proxy, url, deadline).await;
        }
        let zone = url.zone().map(ToOwned::to_owned);
        let to = Destination { zone, ..Destination::new(url.host(), url.port()) };
        self.network.reach(&to, self.network.serialize_connects).await
    }
}

#[cfg(unix)]
async fn unix(path: &str) -> io::Result<Transport> {
    tokio::net::UnixStream::connect(path).await.map(Transport::Unix)
}

#[cfg(not(unix))]
async fn unix(_: &str) -> io::Result<Transport> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}
