//! Single figures: reads for a burst, the memory of a kept message, a client next to a server.

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use anyhow::{Context, ensure};
use bowsprit::Server;
use tokio::io::AsyncWriteExt;

use crate::{
    counting::{Calls, Counting},
    generator::{Cell, Generator},
    process::Process,
    rounds::{Figures, Plan},
    section::{Bar, Section, Table},
    server::{self, Kind, Runtime},
    subject::OWNED,
    system,
    wire::{self, Exchange},
};

const BURST: usize = 20_000;
const BURST_LEN: usize = 20;

/// How many messages of a burst the application holds.
const HELD: usize = 32;

/// A power of 2, so that the list of them has no room for more.
const KEPT: usize = 1 << 17;
const KEPT_LEN: usize = 64;

const CLIENT_CELLS: [Cell; 4] = [
    Cell { connections: 100, payload_len: 20, depth: 1 },
    Cell { connections: 100, payload_len: 1024, depth: 1 },
    Cell { connections: 100, payload_len: 16_384, depth: 1 },
    Cell { connections: 10, payload_len: 1 << 20, depth: 1 },
];

pub(crate) fn compare(plan: Plan) -> anyhow::Result<Section> {
    let mut section = Section {
        title: "Reads, kept messages, a client",
        text: format!(
            "Reads of an application that receives {BURST} messages of {BURST_LEN} bytes which \
             were sent together, and holds the last {HELD}; memory of a server for each of {KEPT} \
             messages of {KEPT_LEN} bytes that it keeps; CPU time of a client that echoes, so \
             sends masked frames, to that of a server."
        ),
        bars: vec![
            Bar {
                what: format!("reads for {BURST} messages sent together, the last {HELD} held"),
                limit: 24.0,
                unit: "",
                measured: Some(reads_of_burst()? as f64),
            },
            Bar {
                what: format!("memory of a kept message of {KEPT_LEN} bytes"),
                limit: 256.0,
                unit: "B",
                measured: Some(bytes_per_kept_message()?),
            },
        ],
        ..Section::default()
    };
    compare_client(plan, &mut section)?;
    Ok(section)
}

fn reads_of_burst() -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let requests = Exchange::new(BURST_LEN).request.repeat(BURST);
    runtime.block_on(async {
        // All of the burst fits in.
        let (mut client, stream) = tokio::io::duplex(requests.len());
        let calls = Calls::default();
        client.write_all(wire::UPGRADE).await?;
        let counting = Counting { stream, calls: calls.clone() };
        let mut ws = Server::builder().build().accept(counting).await?;
        let [before, ..] = calls.counts();
        client.write_all(&requests).await?;
        let mut held = VecDeque::new();
        for _ in 0..BURST {
            let message = ws.recv().await?.context("closed early")?;
            ensure!(message.as_bytes().len() == BURST_LEN, "a message of another length");
            held.push_back(message);
            if held.len() > HELD {
                held.pop_front();
            }
        }
        let [after, ..] = calls.counts();
        Ok(after - before)
    })
}

fn bytes_per_kept_message() -> anyhow::Result<f64> {
    let server = Process::start(&server::Arguments::new(Kind::Keep, Runtime::Current))?;
    let mut stream = wire::connect(server.addr, wire::UPGRADE)?;
    // Once without messages, for what a server needs once.
    await_pong(&mut stream)?;
    let before = server.memory()?;
    stream.write_all(&Exchange::new(KEPT_LEN).request.repeat(KEPT))?;
    await_pong(&mut stream)?;
    let growth = server.memory()?.resident - before.resident;
    drop(stream);
    server.end()?;
    Ok(growth as f64 / KEPT as f64)
}

/// Waits until the server has received everything before.
fn await_pong(stream: &mut TcpStream) -> anyhow::Result<()> {
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
    const PONG: [u8; 2] = [0x8A, 0];
    stream.write_all(&PING)?;
    let mut pong = [0; 2];
    stream.read_exact(&mut pong)?;
    ensure!(pong == PONG, "no pong, but {pong:x?}");
    Ok(())
}

fn compare_client(plan: Plan, section: &mut Section) -> anyhow::Result<()> {
    let server = OWNED.start(None, true)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut rows = Vec::new();
    for cell in CLIENT_CELLS {
        eprintln!("client {}", cell.name());
        let (mut as_server, mut as_client) = (Figures::default(), Figures::default());
        for _ in 0..plan.rounds() {
            let load = Generator::connect(server.addr, cell, true)?;
            as_server.rounds.push(load.run(&server, plan.warm_up(), plan.time())?);
            let addr = listener.local_addr()?;
            let client = system::spawn_pinned(|| Process::start_client(addr, cell.connections))?;
            let load = Generator::accept(&listener, cell)?;
            as_client.rounds.push(load.run(&client, plan.warm_up(), plan.time())?);
            client.end()?;
        }
        let ratio = as_client.ratio_to(&as_server);
        rows.push(vec![
            cell.name(),
            format!("{:.2}", as_server.per_message()),
            format!("{:.2}", as_client.per_message()),
            format!("{ratio:.2}"),
        ]);
        section.bars.push(Bar {
            what: format!("CPU, {}, a client to a server", cell.name()),
            limit: 1.15,
            unit: "×",
            measured: Some(ratio),
        });
    }
    section.tables.push(Table {
        caption: "Microseconds of CPU time per echoed message:".to_owned(),
        head: ["cell", "server", "client", "ratio"].map(str::to_owned).to_vec(),
        rows,
    });
    server.end()
}
