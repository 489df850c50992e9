//! The load: one thread that keeps a number of messages in flight on each of its connections.
//!
//! A server must be busier than this thread. So frames are made and masked beforehand, all messages
//! in flight on a connection go out in one write as soon as the answers to the ones before are in,
//! and answers are read into one large buffer. It never sleeps: to wake it would cost the server
//! more than many a message, and only those servers that are slow enough for it to fall asleep.
//!
//! Of each connection the first answer is compared byte by byte; of those that follow the header
//! with opcode, FIN and length, and the number of bytes.

use std::{
    io::{self, Read, Write},
    net::{self, SocketAddr},
    str::FromStr,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use crate::{
    process::Process,
    stream::Stream,
    wire::{self, Exchange},
};

const READ_LEN: usize = 256 * 1024;

/// Nanoseconds; as long as a poll may take.
pub(crate) const MAX_LATENCY: u64 = 2 * wire::TIMEOUT.as_secs() * 1_000_000_000;

/// Connections, length of their messages, and how many of those are in flight on each.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) connections: usize,
    pub(crate) payload_len: usize,
    pub(crate) depth: usize,
}

impl Cell {
    pub(crate) fn name(&self) -> String {
        format!("{}:{}:{}", self.connections, self.payload_len, self.depth)
    }
}

impl FromStr for Cell {
    type Err = anyhow::Error;

    fn from_str(cell: &str) -> anyhow::Result<Self> {
        let numbers = cell.split(':').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let [connections, payload_len, depth] = numbers[..] else {
            anyhow::bail!("not connections:length:depth");
        };
        anyhow::ensure!(connections > 0 && depth > 0, "no message would be in flight");
        Ok(Self { connections, payload_len, depth })
    }
}

/// What the exchange of some messages has cost.
pub(crate) struct Spent {
    pub(crate) messages: u64,
    pub(crate) elapsed: Duration,
    /// CPU time of the measured process, in nanoseconds.
    pub(crate) server: u64,
    /// What the thread that made the load had to do, in nanoseconds.
    pub(crate) load: u64,
    /// From a write to the last of its answers, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Spent {
    /// Microseconds of the server's CPU time per message.
    pub(crate) fn per_message(&self) -> f64 {
        self.server as f64 / self.messages as f64 / 1000.0
    }

    /// Messages per second.
    pub(crate) fn rate(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }

    /// In microseconds.
    pub(crate) fn latency_at(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1000.0
    }
}

pub(crate) struct Generator {
    poll: Poll,
    connections: Vec<Connection>,
    load: Load,
    block: Vec<u8>,
    /// Messages that were answered.
    answered: u64,
    /// While there was nothing to do.
    waited: Duration,
    latency: Histogram<u64>,
}

/// What all connections send and expect.
struct Load {
    exchange: Exchange,
    /// All that is in flight on a connection.
    window: Vec<u8>,
    depth: usize,
}

struct Connection {
    stream: Stream,
    /// Of the window that is under way.
    sent: usize,
    received: usize,
    sent_at: Instant,
    /// The first reply as far as it has come; nothing once it was compared.
    first: Option<Vec<u8>>,
}

impl Generator {
    /// Opens the connections of a cell.
    pub(crate) fn connect(addr: SocketAddr, cell: Cell, websocket: bool) -> anyhow::Result<Self> {
        let exchange = Exchange::new(cell.payload_len);
        if websocket {
            Self::connect_with(addr, cell, exchange, wire::UPGRADE)
        } else {
            Self::connect_with(addr, cell, Exchange::of_bytes(exchange.request), &[])
        }
    }

    /// The same over TLS.
    pub(crate) fn connect_encrypted(
        addr: SocketAddr,
        cell: Cell,
        websocket: bool,
    ) -> anyhow::Result<Self> {
        let exchange = Exchange::new(cell.payload_len);
        let (exchange, upgrade) = if websocket {
            (exchange, wire::UPGRADE)
        } else {
            (Exchange::of_bytes(exchange.request), &[][..])
        };
        let streams = (0..cell.connections).map(|_| {
            let (socket, tls) = wire::connect_encrypted(addr, upgrade)?;
            Ok(Stream::new(socket, Some(tls))?)
        });
        Self::new(streams, cell, exchange)
    }

    /// Opens the connections of a cell for other messages; `upgrade` is sent first if there is one.
    pub(crate) fn connect_with(
        addr: SocketAddr,
        cell: Cell,
        exchange: Exchange,
        upgrade: &[u8],
    ) -> anyhow::Result<Self> {
        let streams =
            (0..cell.connections).map(|_| Ok(Stream::new(wire::connect(addr, upgrade)?, None)?));
        Self::new(streams, cell, exchange)
    }

    /// Accepts the connections of a cell from a client that will echo.
    pub(crate) fn accept(listener: &net::TcpListener, cell: Cell) -> anyhow::Result<Self> {
        let streams =
            (0..cell.connections).map(|_| Ok(Stream::new(wire::accept(listener)?, None)?));
        Self::new(streams, cell, Exchange::with_client(cell.payload_len))
    }

    fn new(
        streams: impl Iterator<Item = anyhow::Result<Stream>>,
        cell: Cell,
        exchange: Exchange,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(cell.connections);
        for (token, stream) in streams.enumerate() {
            let mut stream = stream?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream.socket, Token(token), interest)?;
            connections.push(Connection::new(stream));
        }
        Ok(Self {
            poll,
            connections,
            load: Load { window: exchange.request.repeat(cell.depth), exchange, depth: cell.depth },
            block: vec![0; READ_LEN],
            answered: 0,
            waited: Duration::ZERO,
            latency: Histogram::new_with_max(MAX_LATENCY, 3)?,
        })
    }

    /// Bytes of an answer with its header.
    pub(crate) fn reply_len(&self) -> usize {
        self.load.exchange.reply.len()
    }

    /// Runs for `warm_up`, then measures what `server` spends in about `time`.
    pub(crate) fn run(
        mut self,
        server: &Process,
        warm_up: Duration,
        time: Duration,
    ) -> anyhow::Result<Spent> {
        for connection in &mut self.connections {
            connection.begin(&self.load)?;
        }
        self.exchange_until(Instant::now() + warm_up)?;
        self.latency.reset();
        self.waited = Duration::ZERO;
        let started = Instant::now();
        let before = (self.answered, server.cpu_time()?);
        self.exchange_until(started + time)?;
        let after = (self.answered, server.cpu_time()?);
        let elapsed = started.elapsed();
        let worked = elapsed.saturating_sub(self.waited);
        let latency = self.latency.clone();
        self.finish()?;
        Ok(Spent {
            messages: after.0 - before.0,
            elapsed,
            server: after.1 - before.1,
            load: u64::try_from(worked.as_nanos())?,
            latency,
        })
    }

    fn exchange_until(&mut self, end: Instant) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        while Instant::now() < end {
            self.exchange_once(&mut events, true)?;
        }
        Ok(())
    }

    /// Waits for the answers that are still due.
    fn finish(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        while self.connections.iter().any(|connection| connection.is_waiting(&self.load)) {
            self.exchange_once(&mut events, false)?;
        }
        Ok(())
    }

    /// Looks again and again until something is ready.
    fn wait(&mut self, events: &mut Events) -> anyhow::Result<()> {
        let since = Instant::now();
        let mut waited = Duration::ZERO;
        loop {
            self.poll.poll(events, Some(Duration::ZERO))?;
            if !events.is_empty() {
                self.waited += waited;
                return Ok(());
            }
            waited = since.elapsed();
            anyhow::ensure!(waited < wire::TIMEOUT, "the answers are late");
        }
    }

    /// Handles what is ready, and begins anew where everything is answered.
    fn exchange_once(&mut self, events: &mut Events, go_on: bool) -> anyhow::Result<()> {
        self.wait(events)?;
        for event in &*events {
            let connection = &mut self.connections[event.token().0];
            connection.write(&self.load)?;
            if !event.is_readable() || !connection.read(&self.load, &mut self.block)? {
                continue;
            }
            self.answered += self.load.depth as u64;
            let latency = u64::try_from(connection.sent_at.elapsed().as_nanos())?;
            self.latency.saturating_record_n(latency, self.load.depth as u64);
            if go_on {
                connection.begin(&self.load)?;
            }
        }
        Ok(())
    }
}

impl Connection {
    fn new(stream: Stream) -> Self {
        Self { stream, sent: 0, received: 0, sent_at: Instant::now(), first: Some(Vec::new()) }
    }

    /// Sends all that is to be in flight.
    fn begin(&mut self, load: &Load) -> io::Result<()> {
        (self.sent, self.received) = (0, 0);
        self.sent_at = Instant::now();
        self.write(load)
    }

    fn write(&mut self, load: &Load) -> io::Result<()> {
        while self.sent < load.window.len() {
            match self.stream.write(&load.window[self.sent..]) {
                Ok(len) => self.sent += len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.stream.flush()
    }

    /// Reads what is there, and tells whether everything in flight is answered now.
    fn read(&mut self, load: &Load, block: &mut [u8]) -> io::Result<bool> {
        let was_waiting = self.is_waiting(load);
        loop {
            let len = match self.stream.read(block) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            self.check(load, &block[..len])?;
            self.received += len;
            if len < block.len() && !self.stream.hides_more() {
                break;
            }
        }
        Ok(was_waiting && !self.is_waiting(load))
    }

    fn check(&mut self, load: &Load, bytes: &[u8]) -> io::Result<()> {
        if self.received + bytes.len() > load.replies_len()
            || !load.has_headers_in(self.received, bytes)
        {
            return Err(wire::wrong_echo());
        }
        if let Some(first) = &mut self.first {
            let missing = load.exchange.reply.len() - first.len();
            first.extend_from_slice(&bytes[..missing.min(bytes.len())]);
            if first.len() == load.exchange.reply.len() {
                if !load.exchange.is_reply(first) {
                    return Err(wire::wrong_echo());
                }
                self.first = None;
            }
        }
        Ok(())
    }

    fn is_waiting(&self, load: &Load) -> bool {
        self.received < load.replies_len()
    }
}

impl Load {
    const fn replies_len(&self) -> usize {
        self.exchange.reply.len() * self.depth
    }

    /// Whether `bytes`, which come `position` bytes after the first of a window's answers, have
    /// the right headers in the right places.
    fn has_headers_in(&self, position: usize, bytes: &[u8]) -> bool {
        let Exchange { reply, reply_header_len, .. } = &self.exchange;
        let header = &reply[..*reply_header_len];
        let end = position + bytes.len();
        let mut start = position - position % reply.len();
        while start < end {
            let (from, to) = (start.max(position), (start + header.len()).min(end));
            if from < to
                && bytes[from - position..to - position] != header[from - start..to - start]
            {
                return false;
            }
            start += reply.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(exchange: Exchange) -> Load {
        Load { window: exchange.request.repeat(3), exchange, depth: 3 }
    }

    /// Whether the generator takes these bytes, cut in two at `cut`.
    fn takes(load: &Load, bytes: &[u8], cut: usize) -> bool {
        let (first, second) = bytes.split_at(cut);
        load.has_headers_in(0, first) && load.has_headers_in(cut, second)
    }

    #[test]
    fn replies_are_taken_however_they_are_cut() {
        let load = load(Exchange::new(200));
        let replies = load.exchange.reply.repeat(3);
        assert!((0..=replies.len()).all(|cut| takes(&load, &replies, cut)));
    }

    #[test]
    fn another_header_is_noticed_in_every_reply_wherever_it_is_cut() {
        let load = load(Exchange::new(200));
        let reply_len = load.exchange.reply.len();
        for reply in 0..3 {
            for octet in 0..load.exchange.reply_header_len {
                let mut replies = load.exchange.reply.repeat(3);
                replies[reply * reply_len + octet] ^= 1;
                assert!(!(0..=replies.len()).any(|cut| takes(&load, &replies, cut)));
            }
        }
    }

    #[test]
    fn a_masked_reply_is_compared_whatever_its_key() {
        let exchange = Exchange::with_client(3);
        assert!(exchange.is_reply(&[0x82, 0x83, 0, 0, 0, 0, 0, 1, 2]));
        assert!(exchange.is_reply(&[0x82, 0x83, 7, 8, 9, 1, 7, 9, 11]));
        assert!(!exchange.is_reply(&[0x82, 0x83, 7, 8, 9, 1, 7, 9, 12]));
        assert!(!exchange.is_reply(&[0x81, 0x83, 0, 0, 0, 0, 0, 1, 2]));
        assert!(!exchange.is_reply(&[0x82, 0x83, 0, 0]));
    }
}
