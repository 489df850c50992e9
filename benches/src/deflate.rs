//! `bench deflate`: what compression costs a server.

use std::io::{Read, Write};

use anyhow::ensure;
use clap::Args;

use crate::{
    compressing,
    idle::{Growth, Scene},
    process::Process,
    rounds::Plan,
    section,
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

#[derive(Args, Clone, Copy)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: Plan,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    system::raise_file_limit()?;
    measure_memory(arguments.plan.quick)?;
    measure_bomb()?;
    system::pin_load()?;
    section::print(&compressing::compare(arguments.plan)?);
    Ok(())
}

/// A bowsprit server.
fn server(deflate: Option<Compression>) -> server::Arguments {
    server::Arguments { deflate, ..server::Arguments::new(Kind::ServeOwned, Runtime::Current) }
}

const fn compression(window_bits: u8, mem_level: u8, takeover: bool) -> Compression {
    Compression { window_bits, mem_level, takeover, ..Compression::at_level(1) }
}

fn measure_memory(quick: bool) -> anyhow::Result<()> {
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
        let scene = Scene::new(connections, 20);
        let Growth { opened, used } = scene.measure(process, upgrade, &exchange)?;
        if deflate.is_none() {
            none = used;
        }
        rows.push(vec![
            name.to_owned(),
            connections.to_string(),
            format!("{:.2}", opened / KIB),
            format!("{:.2}", used / KIB),
            format!("{:+.2}", (used - none) / KIB),
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
