//! The limit without a runtime: an echo of bytes on epoll, with one buffer for all connections.

use std::{
    io::{self, Read, Write},
    net,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

const BLOCK_LEN: usize = 64 * 1024;

const LISTENER: Token = Token(usize::MAX);

/// A connection, with what its peer has not taken yet.
struct Connection {
    stream: TcpStream,
    unwritten: Vec<u8>,
}

pub(crate) fn serve(listener: net::TcpListener) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut connections) = (Events::with_capacity(1024), Vec::new());
    let mut block = vec![0; BLOCK_LEN];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections)?;
                continue;
            }
            let place: &mut Option<Connection> = &mut connections[event.token().0];
            if let Some(connection) = place
                && connection.echo(&mut block).unwrap_or(true)
            {
                *place = None;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Vec<Option<Connection>>,
) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(connections.len()), interest)?;
        connections.push(Some(Connection { stream, unwritten: Vec::new() }));
    }
}

impl Connection {
    /// Echoes what is there; `true` at the end.
    fn echo(&mut self, block: &mut [u8]) -> io::Result<bool> {
        loop {
            let unwritten = std::mem::take(&mut self.unwritten);
            self.write(&unwritten)?;
            if !self.unwritten.is_empty() {
                return Ok(false);
            }
            let len = match self.stream.read(block) {
                Ok(0) => return Ok(true),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            self.write(&block[..len])?;
            // All that was there is read, or the peer takes no more.
            if len < block.len() || !self.unwritten.is_empty() {
                return Ok(false);
            }
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unwritten.extend_from_slice(bytes);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
