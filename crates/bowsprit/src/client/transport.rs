//! The way to a server: TCP or a Unix socket.

use std::io;

use tokio::net::TcpStream;

use super::Client;
use crate::{
    Error, Url,
    io::Transport,
    tls::{self, Identity},
};

impl Client {
    /// A transport to the server, ready for the opening handshake.
    pub(super) async fn reach(&self, url: &Url) -> Result<Transport, Error> {
        if let Some(path) = url.socket_path() {
            return Ok(unix(path).await?);
        }
        let transport = Transport::tcp(TcpStream::connect((url.host(), url.port())).await?);
        if !url.is_secure() {
            return Ok(transport);
        }
        let tls = self.tls.clone().unwrap_or_else(tls::shared);
        tls.connect(url.host(), transport, Identity::Shown).await
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
