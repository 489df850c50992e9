//! A socket of the load, encrypted or not.

use std::{
    io::{self, Read, Write},
    net,
};

use mio::net::TcpStream;
use rustls::ClientConnection;

/// Does not block.
pub(crate) struct Stream {
    pub(crate) socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    pub(crate) fn new(socket: net::TcpStream, tls: Option<ClientConnection>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpStream::from_std(socket), tls: tls.map(Box::new) })
    }

    /// Whether there may be more than a short read has brought.
    pub(crate) const fn hides_more(&self) -> bool {
        self.tls.is_some()
    }
}

impl Read for Stream {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(block),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).read(block),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).write(bytes),
        }
    }

    /// Writes what is encrypted already, as far as the socket takes it.
    fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        match rustls::Stream::new(&mut **tls, &mut self.socket).flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            flushed => flushed,
        }
    }
}
