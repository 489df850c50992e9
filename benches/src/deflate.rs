//! `bench deflate`: what compression costs a server.

use std::{
    io::{Read, Write},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, ensure};
use clap::Args;

use crate::{
    echo::{LOAD_CPU, SERVER_CPU},
    generator::{Cell, Generator},
    idle::Scene,
    process::Process,
    server::{self, Compression, Kind, Runtime},
    system, table,
    wire::{self, Exchange},
    zlib::Deflated,
};

const KIB: f64 = 1024.0;

/// As long as the shortest message that is compressed.
const IDLE_LEN: usize = 1024;

/// A message that expands to 1 GiB.
const BOMB_MIB: usize = 1024;

/// More than the compressed bomb has.
const BOMB_LIMIT: u64 = 4 << 20;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Fewer connections and rounds, for a first look.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(system::cpu_count() > LOAD_CPU, "the server and the load need a processor each");
    system::raise_file_limit()?;
    measure_memory(arguments.quick)?;
    measure_bomb()?;
    system::pin_to(LOAD_CPU)?;
    measure_time(arguments.quick)
}

/// A bowsprit server.
fn server(deflate: Option<Compression>) -> server::Arguments {
    server::Arguments { deflate, ..server::Arguments::new(Kind::ServeOwned, Runtime::Current) }
}

const fn compression(window_bits: u8, mem_level: u8, takeover: bool) -> Compression {
    Compression { window_bits, mem_level, takeover }
}

fn measure_memory(quick: bool) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (shared, own) = if quick { (3000, 200) } else { (9000, 1000) };
    let scenes = [
        ("no compression", None, shared),
        ("no takeover", Some(compression(15, 8, false)), shared),
        ("takeover, window 15, memory level 8", Some(compression(15, 8, true)), own),
        ("takeover, window 12, memory level 5", Some(compression(12, 5, true)), own),
        ("takeover, window 9, memory level 1", Some(compression(9, 1, true)), own),
    ];
    let (mut rows, mut none) = (Vec::new(), f64::NAN);
    for (name, deflate, connections) in scenes {
        let process = Process::start(&server(deflate))?;
        let (upgrade, exchange) = match deflate {
            None => (wire::UPGRADE, Exchange::new(IDLE_LEN).tried(process.addr)?),
            Some(deflate) => {
                let message = Deflated::json(IDLE_LEN, deflate.window_bits);
                (wire::UPGRADE_DEFLATE, Exchange::compressed(process.addr, &message)?)
            }
        };
        let scene = Scene { name, connections, in_flight: 20, message_len: IDLE_LEN };
        let [opened, used] = runtime.block_on(scene.measure(process, upgrade, &exchange))?;
        let each = |growth: i64| growth as f64 / connections as f64 / KIB;
        if deflate.is_none() {
            none = each(used.resident);
        }
        rows.push(vec![
            name.to_owned(),
            connections.to_string(),
            format!("{:.2}", each(opened.resident)),
            format!("{:.2}", each(used.resident)),
            format!("{:+.2}", each(used.resident) - none),
        ]);
    }
    println!("Resident KiB per idle connection, and after a message of 1 KiB each way.\n");
    let head = ["compression", "connections", "after handshake", "after a message", "difference"];
    table::print(&head.map(str::to_owned), &rows);
    Ok(())
}

/// Sends 1 GiB in 1 MB.
fn measure_bomb() -> anyhow::Result<()> {
    let deflate = Some(compression(15, 8, false));
    let process =
        Process::start(&server::Arguments { max_message_len: BOMB_LIMIT, ..server(deflate) })?;
    // An ordinary message first, for what a server needs once.
    Exchange::compressed(process.addr, &Deflated::json(IDLE_LEN, 15))?;
    let mut request = wire::request(&Deflated::bomb(BOMB_MIB));
    request[0] |= wire::RSV1;
    let before = process.memory()?;
    let mut stream = wire::connect(process.addr, wire::UPGRADE_DEFLATE)?;
    // The server may have closed before it has read all of it.
    let _refused = stream.write_all(&request);
    let mut close = [0; 4];
    stream.read_exact(&mut close)?;
    ensure!(close[0] == 0x88, "no close frame, but {close:x?}");
    let growth = process.memory()?.peak - before.resident;
    println!("\nA message of {BOMB_MIB} MiB that was compressed to {} bytes.\n", request.len());
    let head = ["message limit, KiB", "resident at most, KiB more", "above limit", "close code"];
    let limit = BOMB_LIMIT as f64 / KIB;
    let growth = growth as f64 / KIB;
    let row = [
        format!("{limit:.0}"),
        format!("{growth:.0}"),
        format!("{:+.0}", growth - limit),
        u16::from_be_bytes([close[2], close[3]]).to_string(),
    ];
    table::print(&head.map(str::to_owned), &[row.to_vec()]);
    process.end()
}

/// A server whose CPU time is measured; how the messages to it are framed follows from the kind.
struct Timed {
    name: &'static str,
    process: Process,
    is_websocket: bool,
}

fn measure_time(quick: bool) -> anyhow::Result<()> {
    let (rounds, time) = if quick { (5, 200) } else { (15, 400) };
    let time = Duration::from_millis(time);
    let lens = [1024, 16 * 1024];
    let servers = start_servers()?;
    let mut columns = Vec::new();
    for payload_len in lens {
        let message = Deflated::json(payload_len, 15);
        let cell = Cell { connections: 100, payload_len, depth: 1 };
        let mut figures = vec![(Vec::new(), Vec::new()); servers.len()];
        for _ in 0..rounds {
            let mut limit = None;
            for (server, (per_message, ratio)) in servers.iter().zip(&mut figures) {
                let spent = server.spend(cell, &message, time).context(server.name)?;
                per_message.push(spent);
                ratio.push(spent / *limit.get_or_insert(spent));
            }
        }
        columns.push(figures);
    }
    println!(
        "\nMicroseconds of the server's CPU time per echoed message of JSON, level 1, no takeover,\n\
         100 connections, one message at a time on each; median, and median of the same round's\n\
         ratios to the first row.\n"
    );
    let mut rows = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let mut row = vec![server.name.to_owned()];
        row.extend(columns.iter().map(|figures| {
            let (per_message, ratio) = figures[index].clone();
            format!("{:.2} × {:.2}", table::median(per_message), table::median(ratio))
        }));
        rows.push(row);
    }
    table::print(&["server", "1 KiB", "16 KiB"].map(str::to_owned), &rows);
    Ok(())
}

fn start_servers() -> anyhow::Result<Vec<Timed>> {
    let pinned = |server| server::Arguments { cpu: Some(SERVER_CPU), ..server };
    let ours = pinned(server(Some(compression(15, 8, false))));
    let borrowed = server::Arguments { kind: Kind::ServeBorrowed, ..ours };
    let zlib = server::Arguments { kind: Kind::Zlib, ..ours };
    let start = |arguments| Process::start(&arguments);
    let mut servers = vec![
        Timed { name: "bare zlib-rs and TCP", process: start(zlib)?, is_websocket: false },
        Timed { name: "bowsprit, serve-owned", process: start(ours)?, is_websocket: true },
        Timed { name: "bowsprit, serve-borrowed", process: start(borrowed)?, is_websocket: true },
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if root.join("target/interop/installed").exists() {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &SERVER_CPU.to_string(), "node"]);
        command.arg(root.join("conformance/interop/ws-server.mjs"));
        command.arg("--deflate=server_no_context_takeover,client_no_context_takeover,level=1");
        let process = Process::start_command(command)?;
        servers.push(Timed { name: "npm ws", process, is_websocket: true });
    } else {
        eprintln!("npm ws is left out: run scripts/setup-interop");
    }
    Ok(servers)
}

impl Timed {
    /// Microseconds per message.
    fn spend(&self, cell: Cell, message: &Deflated, time: Duration) -> anyhow::Result<f64> {
        let addr = self.process.addr;
        let load = if self.is_websocket {
            let exchange = Exchange::compressed(addr, message)?;
            Generator::connect_with(addr, cell, &exchange, wire::UPGRADE_DEFLATE)?
        } else {
            Generator::connect_with(addr, cell, &message.exchange(), &[])?
        };
        Ok(load.run(&self.process, time / 4, time)?.per_message())
    }
}
