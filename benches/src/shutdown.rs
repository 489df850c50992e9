//! `bench shutdown`: how long a server takes to send everybody away.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Args;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{
    process::Process,
    rounds::Plan,
    section::{self, Section, Table},
    server::{self, Kind, Runtime},
    system, table, wire,
};

const CONNECTIONS: usize = 10_000;

/// Close frames with 1001: of a server, and of a client with the masking key 0.
const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xE9];
const ANSWER: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9];

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
    #[arg(long, default_value_t = CONNECTIONS)]
    connections: usize,
}

/// From the order to shut down on.
struct Times {
    /// The last client has got 1001.
    told: Duration,
    /// The last client has seen the end of its connection.
    gone: Duration,
    /// The call has returned.
    returned: Duration,
    /// CPU time of the server, in nanoseconds.
    cpu: u64,
}

struct Client {
    stream: TcpStream,
    received: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::pin_load()?;
    section::print(&measure(arguments.plan, arguments.connections)?);
    Ok(())
}

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    measure(plan, CONNECTIONS)
}

fn measure(plan: Plan, connections: usize) -> anyhow::Result<Section> {
    system::raise_file_limit()?;
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds() {
        eprintln!("shutdown, {connections} connections");
        rounds.push(shut_down(connections)?);
    }
    let median = |figure: fn(&Times) -> f64| table::median(rounds.iter().map(figure));
    let millis = |value: f64| format!("{:.0} ms", value * 1000.0);
    let cpu = median(|times| times.cpu as f64);
    let rows = [
        ("until the last client has got 1001", millis(median(|times| times.told.as_secs_f64()))),
        ("until the last connection has ended", millis(median(|times| times.gone.as_secs_f64()))),
        ("until `shutdown` returns", millis(median(|times| times.returned.as_secs_f64()))),
        ("CPU time of the server", format!("{:.2} s", cpu / 1e9)),
        ("… for each connection", format!("{:.1} µs", cpu / 1000.0 / connections as f64)),
    ];
    Ok(Section {
        title: "Shutting down",
        text: format!(
            "`Server::shutdown` with {connections} open connections, whose clients answer at once. \
             Medians of {} rounds.",
            rounds.len()
        ),
        tables: vec![Table {
            caption: String::new(),
            head: ["from the order on", "it takes"].map(str::to_owned).to_vec(),
            rows: rows.map(|(what, figure)| vec![what.to_owned(), figure]).to_vec(),
        }],
        ..Section::default()
    })
}

fn shut_down(connections: usize) -> anyhow::Result<Times> {
    let arguments = server::Arguments::new(Kind::ShutDown, Runtime::Current);
    let mut server = system::spawn_pinned(|| Process::start(&arguments))?;
    let mut poll = Poll::new()?;
    let mut clients = Vec::with_capacity(connections);
    for token in 0..connections {
        let stream = wire::connect(server.addr, wire::UPGRADE)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(token), Interest::READABLE)?;
        clients.push(Some(Client { stream, received: 0 }));
    }
    let (started, before) = (Instant::now(), server.cpu_time()?);
    server.tell("shut down")?;
    let (mut told, mut gone) = (0, 0);
    let (mut all_told, mut events) = (Duration::ZERO, Events::with_capacity(1024));
    while gone < connections {
        poll.poll(&mut events, Some(wire::TIMEOUT))?;
        ensure!(!events.is_empty(), "{} clients are still there", connections - gone);
        for event in &events {
            let place = &mut clients[event.token().0];
            let Some(client) = place else { continue };
            let before = client.received;
            let ended = client.turn()?;
            told += usize::from(before < client.received && client.received == GOING_AWAY.len());
            if told == connections && all_told.is_zero() {
                all_told = started.elapsed();
            }
            if ended {
                ensure!(client.received == GOING_AWAY.len(), "an end without 1001");
                *place = None;
                gone += 1;
            }
        }
    }
    let gone = started.elapsed();
    let answer = server.hear()?;
    let (returned, cpu) = (started.elapsed(), server.cpu_time()? - before);
    ensure!(answer.trim() == format!("{connections} 0"), "closed and cut: {answer}");
    server.end()?;
    Ok(Times { told: all_told, gone, returned, cpu })
}

impl Client {
    /// Answers what has come. `true` at the end.
    fn turn(&mut self) -> io::Result<bool> {
        let mut block = [0; 2 * GOING_AWAY.len()];
        loop {
            match self.stream.read(&mut block) {
                Ok(0) => return Ok(true),
                Ok(len) => {
                    let rest = &GOING_AWAY[self.received..];
                    if len > rest.len() || block[..len] != rest[..len] {
                        let other = format!("no close frame with 1001, but {:x?}", &block[..len]);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, other));
                    }
                    self.received += len;
                    if self.received == GOING_AWAY.len() {
                        self.stream.write_all(&ANSWER)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}
