//! `bench fairness`: how long a quiet connection waits for its answers beside one that floods.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    generator::MAX_LATENCY,
    process::Process,
    rounds::Plan,
    section::{self, Bar, Section, Table},
    server::{self, Compression, Kind, Runtime},
    system, table,
    wire::{self, Exchange},
    zlib::Deflated,
};

const QUIET: Token = Token(0);
const FLOOD: Token = Token(1);

/// Of a message of the quiet connection.
const PAYLOAD_LEN: usize = 20;

/// What a flood sends and takes in one turn.
const TURN_LEN: usize = 64 * 1024;

/// What a bomb becomes.
const INFLATED_LEN: usize = 64 * 1024;

/// What a flood may add to twice the time beside an idle connection.
const MAX_MILLIS: f64 = 5.0;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
}

/// What a connection sends as fast as it can; one frame, again and again.
struct Flood {
    name: &'static str,
    frame: Vec<u8>,
    upgrade: &'static [u8],
}

impl Flood {
    fn all() -> [Self; 5] {
        let flood =
            |name, frame: &[u8]| Self { name, frame: frame.to_vec(), upgrade: wire::UPGRADE };
        let mut bomb = wire::request(&Deflated::zeros(INFLATED_LEN).compressed);
        bomb[0] |= wire::RSV1;
        [
            flood("nothing", &[]),
            // With the masking key 0.
            flood("messages of one byte", &[0x82, 0x81, 0, 0, 0, 0, b'a']),
            flood("empty messages", &[0x82, 0x80, 0, 0, 0, 0]),
            flood("pings", &[0x89, 0x80, 0, 0, 0, 0]),
            Self { name: "bombs of 64 KiB", frame: bomb, upgrade: wire::UPGRADE_DEFLATE },
        ]
    }
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::pin_load()?;
    section::print(&compare(arguments.plan)?);
    Ok(())
}

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    let arguments = server::Arguments {
        deflate: Some(Compression::at_level(1)),
        ..server::Arguments::new(Kind::ServeBorrowed, Runtime::Current)
    };
    let server = system::spawn_pinned(|| Process::start(&arguments))?;
    let floods = Flood::all();
    let mut rounds = floods.each_ref().map(|_| Vec::new());
    for _ in 0..plan.rounds() {
        for (flood, rounds) in floods.iter().zip(&mut rounds) {
            eprintln!("fairness, {}", flood.name);
            rounds.push(measure(server.addr, flood, plan.time()).context(flood.name)?);
        }
    }
    server.end()?;
    let millis = |rounds: &[Histogram<u64>], quantile| {
        let at = |round: &Histogram<u64>| round.value_at_quantile(quantile) as f64 / 1e6;
        table::median(rounds.iter().map(at))
    };
    let row = |(flood, rounds): (&Flood, &Vec<_>)| {
        let at = |quantile| format!("{:.2}", millis(rounds, quantile));
        vec![flood.name.to_owned(), at(0.5), at(0.99)]
    };
    let limit = 2.0 * millis(&rounds[0], 0.99) + MAX_MILLIS;
    let bar = |(flood, rounds): (&Flood, &Vec<_>)| Bar {
        what: format!("p99 of a quiet connection beside a flood of {}", flood.name),
        limit,
        unit: "ms",
        measured: Some(millis(rounds, 0.99)),
    };
    Ok(Section {
        title: "Fairness",
        text:
            "A quiet connection sends a message of 20 bytes whenever the one before was answered; \
               another one of the same server, on the same thread, sends as fast as it can. \
               Milliseconds from a message to its answer, medians of the rounds."
                .to_owned(),
        tables: vec![Table {
            caption: String::new(),
            head: ["beside a flood of", "p50", "p99"].map(str::to_owned).to_vec(),
            rows: floods.iter().zip(&rounds).map(row).collect(),
        }],
        bars: floods.iter().zip(&rounds).skip(1).map(bar).collect(),
        ..Section::default()
    })
}

/// The times of the quiet connection's round trips.
fn measure(addr: SocketAddr, flood: &Flood, time: Duration) -> anyhow::Result<Histogram<u64>> {
    let mut poll = Poll::new()?;
    let mut quiet = open(&poll, addr, wire::UPGRADE, QUIET)?;
    let mut flooding = Flooding::new(open(&poll, addr, flood.upgrade, FLOOD)?, &flood.frame);
    let exchange = Exchange::new(PAYLOAD_LEN);
    let mut latency = Histogram::new_with_max(MAX_LATENCY, 3)?;
    let mut events = Events::with_capacity(8);
    // The flood has a quarter of the time to begin.
    let (begun, mut sent_at, mut reply) = (Instant::now(), Instant::now(), Vec::new());
    quiet.write_all(&exchange.request)?;
    while begun.elapsed() < time + time / 4 {
        let wait = if flooding.is_ready() { Duration::ZERO } else { wire::TIMEOUT };
        poll.poll(&mut events, Some(wait))?;
        ensure!(!events.is_empty() || flooding.is_ready(), "no answer");
        for event in &events {
            flooding.note(event);
        }
        if read_reply(&mut quiet, &exchange, &mut reply)? {
            if begun.elapsed() > time / 4 {
                latency.saturating_record(u64::try_from(sent_at.elapsed().as_nanos())?);
            }
            sent_at = Instant::now();
            quiet.write_all(&exchange.request)?;
        }
        flooding.turn()?;
    }
    ensure!(!latency.is_empty(), "no answer in all the time");
    ensure!(flood.frame.is_empty() || flooding.sent > TURN_LEN, "that was no flood");
    Ok(latency)
}

fn open(poll: &Poll, addr: SocketAddr, upgrade: &[u8], token: Token) -> anyhow::Result<TcpStream> {
    let stream = wire::connect(addr, upgrade)?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream);
    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// Whether the answer is complete now; if so, forgets it.
fn read_reply(
    stream: &mut TcpStream,
    exchange: &Exchange,
    reply: &mut Vec<u8>,
) -> anyhow::Result<bool> {
    let mut part = [0; 64];
    match stream.read(&mut part) {
        Ok(0) => anyhow::bail!("the server has hung up"),
        Ok(len) => reply.extend_from_slice(&part[..len]),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    if reply.len() < exchange.reply.len() {
        return Ok(false);
    }
    ensure!(exchange.is_reply(reply), wire::wrong_echo());
    reply.clear();
    Ok(true)
}

/// A connection that floods.
struct Flooding {
    stream: TcpStream,
    /// As many whole frames as go out in a turn, or none.
    frames: Vec<u8>,
    /// Of all that are sent.
    sent: usize,
    readable: bool,
    writable: bool,
    block: Vec<u8>,
}

impl Flooding {
    fn new(stream: TcpStream, frame: &[u8]) -> Self {
        let frames = frame.repeat(TURN_LEN / frame.len().max(1));
        let writable = !frame.is_empty();
        Self { stream, frames, sent: 0, readable: false, writable, block: vec![0; TURN_LEN] }
    }

    const fn is_ready(&self) -> bool {
        self.readable || self.writable
    }

    fn note(&mut self, event: &mio::event::Event) {
        if event.token() == FLOOD {
            self.readable |= event.is_readable();
            self.writable |= event.is_writable() && !self.frames.is_empty();
        }
    }

    /// Sends a little and takes a few answers.
    fn turn(&mut self) -> io::Result<()> {
        if self.writable {
            let position = self.sent % self.frames.len();
            let sent = self.stream.write(&self.frames[position..]);
            self.writable = sent.is_ok();
            self.sent += would_block_is_none(sent)?;
        }
        if self.readable {
            let received = self.stream.read(&mut self.block);
            self.readable = received.is_ok();
            would_block_is_none(received)?;
        }
        Ok(())
    }
}

fn would_block_is_none(done: io::Result<usize>) -> io::Result<usize> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        done => done,
    }
}
