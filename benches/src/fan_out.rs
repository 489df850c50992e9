//! The limit of a broadcast: whatever comes is written to all connections, on epoll.

use std::{
    io::{self, Read, Write},
    net,
};

use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use slab::Slab;

const BLOCK_LEN: usize = 64 * 1024;

const LISTENER: Token = Token(usize::MAX);

/// A connection, with what its peer has not taken yet.
struct Receiver {
    stream: TcpStream,
    unwritten: Vec<u8>,
}

pub(crate) fn serve(listener: net::TcpListener) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let (mut events, mut receivers) = (Events::with_capacity(1024), Slab::new());
    let mut block = vec![0; BLOCK_LEN];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut receivers)?;
                continue;
            }
            let Some(receiver) = receivers.get_mut(event.token().0) else { continue };
            match receiver.turn(&mut block) {
                Ok(Some(len)) => publish(&block[..len], &mut receivers),
                Ok(None) => {}
                Err(_gone) => drop(receivers.remove(event.token().0)),
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, receivers: &mut Slab<Receiver>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let place = receivers.vacant_entry();
        poll.registry().register(&mut stream, Token(place.key()), interest)?;
        place.insert(Receiver { stream, unwritten: Vec::new() });
    }
}

fn publish(bytes: &[u8], receivers: &mut Slab<Receiver>) {
    receivers.retain(|_, receiver| receiver.write(bytes).is_ok());
}

impl Receiver {
    /// Writes what is left to write, and reads what is there to publish.
    fn turn(&mut self, block: &mut [u8]) -> io::Result<Option<usize>> {
        let unwritten = std::mem::take(&mut self.unwritten);
        self.write(&unwritten)?;
        match self.stream.read(block) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while self.unwritten.is_empty() && written < bytes.len() {
            match self.stream.write(&bytes[written..]) {
                Ok(len) => written += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unwritten.extend_from_slice(&bytes[written..]);
        Ok(())
    }
}
