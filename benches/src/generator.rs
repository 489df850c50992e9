//! The load: one thread that keeps a number of messages in flight on each of its connections.
//!
//! A server must be busier than this thread, so frames are made beforehand, a read is compared with
//! what is expected in one go, and the answers of one read are followed by as many messages in one
//! write.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    process::Process,
    wire::{self, Exchange},
};

const READ_LEN: usize = 256 * 1024;

/// Connections, length of their messages, and how many of those are in flight on each.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) connections: usize,
    pub(crate) payload_len: usize,
    pub(crate) depth: usize,
}

/// What a server has spent.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) messages: u64,
    /// Nanoseconds of CPU time.
    pub(crate) server: u64,
    /// Of the thread that made the load.
    pub(crate) load: u64,
}

impl Spent {
    /// Microseconds of the server's CPU time per message.
    pub(crate) fn per_message(&self) -> f64 {
        self.server as f64 / self.messages as f64 / 1000.0
    }
}

pub(crate) struct Generator {
    poll: Poll,
    connections: Vec<Connection>,
    pattern: Pattern,
    block: Vec<u8>,
    depth: u64,
    /// Messages that were answered.
    answered: u64,
}

struct Connection {
    stream: TcpStream,
    to_send: u64,
    sent: u64,
    received: u64,
}

/// What is sent and what must come back, over and over.
struct Pattern {
    /// As many requests as are in flight.
    requests: Vec<u8>,
    request_len: u64,
    /// At least one reply more than a read can bring.
    replies: Vec<u8>,
    reply_len: u64,
}

impl Generator {
    /// Opens the connections of a cell.
    pub(crate) fn connect(addr: SocketAddr, cell: Cell, websocket: bool) -> anyhow::Result<Self> {
        let exchange = Exchange::new(cell.payload_len);
        if websocket {
            Self::connect_with(addr, cell, &exchange, wire::UPGRADE)
        } else {
            Self::connect_with(addr, cell, &exchange.of_bytes(), &[])
        }
    }

    /// Opens the connections of a cell for other messages; `upgrade` is sent first if there is one.
    pub(crate) fn connect_with(
        addr: SocketAddr,
        cell: Cell,
        exchange: &Exchange,
        upgrade: &[u8],
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(cell.connections);
        for token in 0..cell.connections {
            let stream = wire::connect(addr, upgrade)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(token), interest)?;
            connections.push(Connection { stream, to_send: 0, sent: 0, received: 0 });
        }
        Ok(Self {
            poll,
            connections,
            pattern: Pattern::new(exchange, cell.depth),
            block: vec![0; READ_LEN],
            depth: cell.depth as u64,
            answered: 0,
        })
    }

    /// Runs for `warm_up`, then measures what `server` spends in about `time`.
    pub(crate) fn run(
        mut self,
        server: &Process,
        warm_up: Duration,
        time: Duration,
    ) -> anyhow::Result<Spent> {
        for connection in &mut self.connections {
            connection.refill(&self.pattern, self.depth)?;
        }
        self.exchange_until(Instant::now() + warm_up)?;
        let before = (self.answered, server.cpu_time()?, crate::system::own_cpu_time()?);
        self.exchange_until(Instant::now() + time)?;
        let after = (self.answered, server.cpu_time()?, crate::system::own_cpu_time()?);
        self.finish()?;
        Ok(Spent {
            messages: after.0 - before.0,
            server: after.1 - before.1,
            load: after.2 - before.2,
        })
    }

    fn exchange_until(&mut self, end: Instant) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while Instant::now() < end {
            self.exchange_once(&mut events, self.depth)?;
        }
        Ok(())
    }

    /// Waits for the answers that are still due.
    fn finish(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        while self.connections.iter().any(|connection| connection.is_waiting(&self.pattern)) {
            self.exchange_once(&mut events, 0)?;
        }
        Ok(())
    }

    /// Handles what is ready, and keeps `depth` messages in flight where something was.
    fn exchange_once(&mut self, events: &mut Events, depth: u64) -> io::Result<()> {
        self.poll.poll(events, Some(wire::TIMEOUT))?;
        if events.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        for event in &*events {
            let connection = &mut self.connections[event.token().0];
            if event.is_readable() {
                self.answered += connection.receive(&self.pattern, &mut self.block)?;
            }
            connection.refill(&self.pattern, depth)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Reads what is there, compares it, and returns how many answers it has completed.
    fn receive(&mut self, pattern: &Pattern, block: &mut [u8]) -> io::Result<u64> {
        let before = self.received / pattern.reply_len;
        loop {
            let len = match self.stream.read(block) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            if block[..len] != *pattern.replies_at(self.received, len) {
                return Err(wire::wrong_echo());
            }
            self.received += len as u64;
            if len < block.len() {
                break;
            }
        }
        if self.received / pattern.reply_len > self.to_send / pattern.request_len {
            return Err(wire::wrong_echo());
        }
        Ok(self.received / pattern.reply_len - before)
    }

    /// Sends so many messages that `depth` are in flight.
    fn refill(&mut self, pattern: &Pattern, depth: u64) -> io::Result<()> {
        let answered = self.received / pattern.reply_len;
        self.to_send = self.to_send.max((answered + depth) * pattern.request_len);
        while self.sent < self.to_send {
            match self.stream.write(pattern.requests_at(self.sent, self.to_send)) {
                Ok(len) => self.sent += len as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_waiting(&self, pattern: &Pattern) -> bool {
        self.received / pattern.reply_len < self.to_send / pattern.request_len
    }
}

impl Pattern {
    fn new(exchange: &Exchange, depth: usize) -> Self {
        Self {
            requests: exchange.request.repeat(depth + 1),
            request_len: exchange.request.len() as u64,
            replies: exchange.reply.repeat(READ_LEN / exchange.reply.len() + 2),
            reply_len: exchange.reply.len() as u64,
        }
    }

    fn requests_at(&self, from: u64, to: u64) -> &[u8] {
        let start = in_memory(from % self.request_len);
        let len = in_memory(to - from).min(self.requests.len() - start);
        &self.requests[start..start + len]
    }

    fn replies_at(&self, from: u64, len: usize) -> &[u8] {
        let start = in_memory(from % self.reply_len);
        &self.replies[start..start + len]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "positions in a pattern that is in memory")]
const fn in_memory(position: u64) -> usize {
    position as usize
}
