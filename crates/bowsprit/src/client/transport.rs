//! The way to a server: TCP or a Unix socket.

use std::io;

use super::{
    Client,
    network::{Destination, Reached},
};
use crate::{Error, Url, io::Transport};

impl Client {
    /// A transport to the server, not encrypted yet.
    pub(super) async fn reach(&self, url: &Url) -> Result<Reached, Error> {
        match url.socket_path() {
            Some(path) => Ok(Reached { transport: unix(path).await?, turn: None }),
            None => self.network.reach(&Destination::new(url.host(), url.port())).await,
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
