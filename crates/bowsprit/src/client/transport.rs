//! The way to a server: TCP or a Unix socket.

use std::io;

use tokio::net::TcpStream;

use super::Client;
use crate::{Error, Url, io::Transport};

impl Client {
    /// A transport to the server, ready for the opening handshake.
    pub(super) async fn reach(&self, url: &Url) -> Result<Transport, Error> {
        if url.is_secure() {
            return Err(Error::NoTls);
        }
        match url.socket_path() {
            Some(path) => Ok(unix(path).await?),
            None => Ok(Transport::tcp(TcpStream::connect((url.host(), url.port())).await?)),
        }
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
