//! `bench handshakes`: what it costs to open connections, on both sides.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args;
use socket2::SockRef;

use crate::{
    opener,
    pending::{self, HANDSHAKES, Stage},
    process::Process,
    rounds::{self, Plan},
    section::{self, Bar, Section, Table},
    storm,
    subject::{self, ATTACHED, LIMIT, NPM_WS, OWNED, Subject, TUNGSTENITE, UWEBSOCKETS_CPP},
    subject::{FASTWEBSOCKETS, SOCKUDO, TOKIO_WEBSOCKETS, WTX, YAWC},
    system, table, wire,
};

/// The bare echo of bytes takes the request for its answer: what is left is the kernel's.
const SUBJECTS: [Subject; 11] = [
    LIMIT,
    OWNED,
    ATTACHED,
    UWEBSOCKETS_CPP,
    TUNGSTENITE,
    FASTWEBSOCKETS,
    TOKIO_WEBSOCKETS,
    YAWC,
    SOCKUDO,
    WTX,
    NPM_WS,
];

/// Connections of a server in each round, and how many of them are there at a time.
const CONNECTIONS: usize = 4096;
const AT_ONCE: usize = 64;

/// Until a server has seen the end of the last connections.
const SETTLE: Duration = Duration::from_millis(20);

/// What the ratios may be, with 5 % for the machine's noise.
const TO_UWEBSOCKETS: f64 = 1.3 * 1.05;
const TO_RUST_PEERS: f64 = 1.05;

const MAX_PENDING_KIB: f64 = 4.0;

const COUNTS: &str = "benches/guard/counts.tsv";
const MAX_INSTRUCTIONS: f64 = 30_000.0;

const KIB: f64 = 1024.0;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::pin_load()?;
    section::print(&compare(arguments.plan)?);
    Ok(())
}

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    let connections = if plan.quick { CONNECTIONS / 4 } else { CONNECTIONS };
    let mut section = Section {
        title: "Handshakes",
        text: format!(
            "{connections} connections in each of {} rounds. {AT_ONCE} at a time come while the \
             server is stopped, with their requests; when it has gone on and answered all, the \
             client resets them. Accepting and closing are in it. The bare echo answers with the \
             request. Limits of ratios have 5 % for noise.",
            plan.rounds()
        ),
        ..Section::default()
    };
    accepted(plan, connections, &mut section)?;
    instructions(&mut section)?;
    pending(&mut section)?;
    storm::compare(&mut section)?;
    opener::compare(plan, &mut section)?;
    Ok(section)
}

/// CPU time of servers.
fn accepted(plan: Plan, connections: usize, section: &mut Section) -> anyhow::Result<()> {
    let subjects = subject::there(&SUBJECTS);
    let mut servers = Vec::new();
    for subject in &subjects {
        let server = subject.start(None, true).context(subject.name)?;
        // What a server needs once.
        open(&server, subject, connections / 4)?;
        servers.push((subject, server, Vec::new()));
    }
    for round in 0..plan.rounds() {
        eprintln!("handshakes, round {}", round + 1);
        for (subject, server, times) in &mut servers {
            let measure = || open(server, subject, connections).context(subject.name);
            times.push(rounds::undisturbed(measure)?);
        }
    }
    let times_of = |wanted: &Subject| {
        let found = servers.iter().find(|(subject, ..)| subject.name == wanted.name);
        found.map(|(.., times)| &times[..])
    };
    let own = times_of(&OWNED).context("bowsprit is not there")?;
    let row = |(subject, _, times): &(&Subject, Process, Vec<f64>)| {
        let time = table::median(times.iter().copied());
        vec![subject.name.to_owned(), format!("{time:.1}"), format!("{:.2}", ratio(own, times))]
    };
    section.tables.push(Table {
        caption: "Microseconds of a server's CPU time per connection:".to_owned(),
        head: ["server", "µs", "bowsprit to it"].map(str::to_owned).to_vec(),
        rows: servers.iter().map(row).collect(),
    });
    let mut bar = |subject: &Subject, limit| {
        section.bars.push(Bar {
            what: format!("CPU of a handshake, {} to {}", OWNED.name, subject.name),
            limit,
            unit: "×",
            measured: times_of(subject).map(|times| ratio(own, times)),
        });
    };
    bar(&UWEBSOCKETS_CPP, TO_UWEBSOCKETS);
    SUBJECTS.iter().filter(|peer| peer.is_rust_peer()).for_each(|peer| bar(peer, TO_RUST_PEERS));
    servers.into_iter().try_for_each(|(_, server, _)| server.end())
}

/// The median of the ratios in each round.
pub(crate) fn ratio(own: &[f64], other: &[f64]) -> f64 {
    table::median(own.iter().zip(other).map(|(own, other)| own / other))
}

/// Opens connections and resets them. Microseconds of the server's CPU time for each.
///
/// A server that has to be woken for each step of each connection would spend most of its time on
/// that.
fn open(server: &Process, subject: &Subject, connections: usize) -> anyhow::Result<f64> {
    let before = server.cpu_time()?;
    let mut streams = Vec::new();
    for _ in 0..connections / AT_ONCE {
        server.pause()?;
        streams.clear();
        for _ in 0..AT_ONCE {
            let mut stream = wire::connect_tcp(server.addr, None)?;
            stream.set_nonblocking(true)?;
            stream.write_all(wire::UPGRADE)?;
            // A reset leaves no port behind that has to wait.
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            streams.push(stream);
        }
        server.go_on()?;
        for stream in &mut streams {
            let head = read_head(stream)?;
            if subject.is_websocket() {
                wire::check_head(&head)?;
            }
        }
    }
    drop(streams);
    thread::sleep(SETTLE);
    Ok((server.cpu_time()? - before) as f64 / connections as f64 / 1000.0)
}

/// Looks again and again: to wake this thread would cost the server as much as some of its work.
fn read_head(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    while !wire::ends_head(&head) {
        let mut part = [0; 512];
        match stream.read(&mut part) {
            Ok(0) => anyhow::bail!("the server has hung up"),
            Ok(len) => head.extend_from_slice(&part[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(head)
}

/// What scripts/guard holds on to.
fn instructions(section: &mut Section) -> anyhow::Result<()> {
    let counts = fs::read_to_string(COUNTS)?;
    let count = |work: &str| {
        let mut rows = counts.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let row = rows.find(|row| row.first() == Some(&work)).context("no such count")?;
        Ok::<f64, anyhow::Error>(row.get(2).context("no instructions")?.parse()?)
    };
    section.bars.push(Bar {
        what: format!("instructions of an accepted handshake, of {COUNTS}"),
        limit: MAX_INSTRUCTIONS,
        unit: "",
        measured: Some(count("accept")?),
    });
    Ok(())
}

/// Memory of handshakes that do not go on.
fn pending(section: &mut Section) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut measure = |what: &str, stage| {
        let kib = pending::measure(OWNED.start(None, true)?, stage)? / KIB;
        rows.push(vec![what.to_owned(), format!("{kib:.2}")]);
        anyhow::Ok(kib)
    };
    measure("nothing has come", Stage::Silent)?;
    let begun = measure("1 KiB of the head has come", Stage::Begun)?;
    ensure!(begun > 0.0, "the server has not grown");
    section.tables.push(Table {
        caption: format!("Resident KiB of the server for each of {HANDSHAKES} that do not go on:"),
        head: ["where", "KiB"].map(str::to_owned).to_vec(),
        rows,
    });
    section.bars.push(Bar {
        what: "memory of a handshake of which 1 KiB has come".to_owned(),
        limit: MAX_PENDING_KIB,
        unit: "KiB",
        measured: Some(begun),
    });
    Ok(())
}
