//! The load of a broadcast: one thread with all receivers, the first of which publishes.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    generator::{MAX_LATENCY, Spent},
    process::Process,
    system,
    wire::{self, Exchange},
};

/// Between looks at the receivers. Who waits to be woken costs the one who wakes it as much as a
/// delivery, and a server that is fast enough for its deliveries to pile up would be spared that.
const PAUSE: Duration = Duration::from_micros(100);

pub(crate) struct Audience {
    poll: Poll,
    receivers: Vec<Receiver>,
    depth: usize,
    /// What the first receiver sends.
    window: Vec<u8>,
    /// What each of them gets of it.
    expected: Vec<u8>,
    block: Vec<u8>,
    delivered: u64,
    latency: Histogram<u64>,
}

struct Receiver {
    stream: TcpStream,
    /// Bytes of the window.
    received: usize,
}

impl Audience {
    /// Opens the connections; `depth` messages will be in flight.
    pub(crate) fn connect(
        addr: SocketAddr,
        receivers: usize,
        payload_len: usize,
        depth: usize,
        websocket: bool,
    ) -> anyhow::Result<Self> {
        let Exchange { request, reply, .. } = Exchange::new(payload_len);
        // Who knows no WebSocket gets what it is to write.
        let (upgrade, request) =
            if websocket { (wire::UPGRADE, request) } else { (&[][..], reply.clone()) };
        let poll = Poll::new()?;
        let mut connected = Vec::with_capacity(receivers);
        for token in 0..receivers {
            let stream = wire::connect(addr, upgrade)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
            connected.push(Receiver { stream, received: 0 });
        }
        let expected = reply.repeat(depth);
        Ok(Self {
            poll,
            receivers: connected,
            depth,
            window: request.repeat(depth),
            // One more byte shows what is too much.
            block: vec![0; expected.len() + 1],
            expected,
            delivered: 0,
            latency: Histogram::new_with_max(MAX_LATENCY, 3)?,
        })
    }

    /// Publishes for `warm_up`, then measures what `server` spends in about `time`.
    pub(crate) fn run(
        mut self,
        server: &Process,
        warm_up: Duration,
        time: Duration,
    ) -> anyhow::Result<Spent> {
        self.publish_until(Instant::now() + warm_up)?;
        self.latency.reset();
        self.delivered = 0;
        let started = Instant::now();
        let before = (server.cpu_time()?, system::own_cpu_time()?);
        self.publish_until(started + time)?;
        Ok(Spent {
            messages: self.delivered,
            elapsed: started.elapsed(),
            server: server.cpu_time()? - before.0,
            load: system::own_cpu_time()? - before.1,
            latency: self.latency,
        })
    }

    fn publish_until(&mut self, end: Instant) -> anyhow::Result<()> {
        while Instant::now() < end {
            self.publish_once()?;
        }
        Ok(())
    }

    /// Publishes a window and waits until everybody has it.
    fn publish_once(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let sent = self.receivers[0].stream.write(&self.window)?;
        ensure!(sent == self.window.len(), "a window does not fit into a socket");
        let mut waiting = self.receivers.len();
        let mut events = Events::with_capacity(1024);
        while waiting > 0 {
            self.poll.poll(&mut events, Some(Duration::ZERO))?;
            if events.is_empty() {
                ensure!(started.elapsed() < wire::TIMEOUT, "{waiting} receivers wait in vain");
                thread::sleep(PAUSE);
            }
            for event in &events {
                let receiver = &mut self.receivers[event.token().0];
                waiting -= usize::from(receiver.read(&self.expected, &mut self.block)?);
            }
        }
        for receiver in &mut self.receivers {
            receiver.received = 0;
        }
        self.delivered += (self.depth * self.receivers.len()) as u64;
        self.latency.saturating_record(u64::try_from(started.elapsed().as_nanos())?);
        Ok(())
    }
}

impl Receiver {
    /// Reads what is there, and tells whether it was the rest of the window.
    fn read(&mut self, expected: &[u8], block: &mut [u8]) -> io::Result<bool> {
        let before = self.received;
        loop {
            let len = match self.stream.read(block) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            let rest = &expected[self.received..];
            if len > rest.len() || block[..len] != rest[..len] {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a wrong delivery"));
            }
            self.received += len;
            if len < block.len() {
                break;
            }
        }
        Ok(self.received > before && self.received == expected.len())
    }
}
