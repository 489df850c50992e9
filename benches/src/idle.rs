//! `bench idle`: memory of a server per open connection that has nothing to do.

use std::{net::Ipv4Addr, thread, time::Duration};

use anyhow::ensure;
use clap::Args;

use crate::{
    clients::Clients,
    pending::{self, HANDSHAKES, Stage},
    process::Process,
    scale,
    server::{self, Kind, Runtime},
    system, table,
    wire::{self, Exchange},
};

/// Connections with a large message each.
const LARGE_CONNECTIONS: usize = 1000;

pub(crate) const LARGE_LEN: usize = 1 << 20;
pub(crate) const SMALL_LEN: usize = 100;

/// Handshakes at once in a storm.
pub(crate) const STORM: usize = 9000;

/// How long a server may come to rest before its memory is read.
pub(crate) const REST: Duration = Duration::from_millis(1500);

#[derive(Args)]
pub(crate) struct Arguments {
    /// More than a process may have open are spread over several servers and clients.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Handshakes at a time.
    #[arg(long, default_value_t = 20)]
    in_flight: usize,
    /// The server's loop.
    #[arg(long, default_value = "serve-owned")]
    kind: Kind,
    #[arg(long, default_value = "current")]
    runtime: Runtime,
    /// With TLS, and handshakes that do not go on as well.
    #[arg(long)]
    tls: bool,
    /// A third of the connections, and no storm.
    #[arg(long)]
    quick: bool,
}

/// Connections, and how many of them are opened or used at a time.
#[derive(Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    /// With TLS.
    pub(crate) encrypted: bool,
}

/// Resident bytes of a server per connection, what it held at the start taken off.
#[derive(Clone, Copy)]
pub(crate) struct Growth {
    /// After the handshakes.
    pub(crate) opened: f64,
    /// After a message each.
    pub(crate) used: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let files = system::raise_file_limit()?;
    let connections =
        if arguments.quick { arguments.connections / 3 } else { arguments.connections };
    ensure!(connections > 0, "there is nothing to measure");
    let mut server = server::Arguments::new(arguments.kind, arguments.runtime);
    server.tls = arguments.tls;
    let most = system::connections_within(files);
    if connections > most {
        ensure!(!arguments.tls, "only plain connections are spread over several processes");
        return scale::run(&server, connections, arguments.in_flight);
    }
    let some = Scene::new(connections, arguments.in_flight);
    let large = Scene { connections: LARGE_CONNECTIONS.min(connections), ..some };
    let mut scenes = vec![("some at a time", some, SMALL_LEN), ("1 MiB each", large, LARGE_LEN)];
    // With TLS so many handshakes at once take longer than they may: two processors have work for
    // more than ten seconds.
    if !arguments.quick && !arguments.tls {
        let storm = STORM.min(connections);
        let storm = Scene::new(storm, storm);
        scenes.insert(1, ("a storm", storm, SMALL_LEN));
    }
    let mut rows = Vec::new();
    for (name, scene, message_len) in scenes {
        let exchange = Exchange::new(message_len);
        let scene = Scene { encrypted: arguments.tls, ..scene };
        let growth = scene.measure(Process::start(&server)?, wire::UPGRADE, &exchange)?;
        rows.push(vec![
            name.to_owned(),
            scene.connections.to_string(),
            scene.in_flight.to_string(),
            format!("{:.0}", growth.opened),
            format!("{:.0}", growth.used),
        ]);
    }
    println!("Resident bytes per connection: {server}\n");
    let head = ["scene", "connections", "in flight", "after handshake", "after a message"];
    table::print(&head.map(str::to_owned), &rows);
    if arguments.tls {
        print_pending()?;
    }
    Ok(())
}

fn print_pending() -> anyhow::Result<()> {
    let stages = [
        ("nothing is said", Stage::Silent),
        ("hello is said", Stage::Greeted),
        ("there is no request", Stage::Encrypted),
    ];
    let mut rows = Vec::new();
    let server = server::Arguments::new(Kind::ServeOwned, Runtime::Current).encrypted();
    for (what, stage) in stages {
        let bytes = pending::measure(Process::start(&server)?, stage)?;
        rows.push(vec![what.to_owned(), format!("{bytes:.0}")]);
    }
    println!("\nResident bytes per handshake that does not go on, {HANDSHAKES} of them:\n");
    table::print(&["where".to_owned(), "bytes".to_owned()], &rows);
    Ok(())
}

impl Scene {
    /// Without TLS.
    pub(crate) const fn new(connections: usize, in_flight: usize) -> Self {
        Self { connections, in_flight, encrypted: false }
    }

    /// By how much the memory of a server grows with the connections, and with a message on each.
    pub(crate) fn measure(
        &self,
        server: Process,
        upgrade: &[u8],
        exchange: &Exchange,
    ) -> anyhow::Result<Growth> {
        let base = server.memory()?;
        let mut clients = Clients::open(server.addr, &[Ipv4Addr::LOCALHOST], *self, upgrade)?;
        thread::sleep(REST);
        let opened = server.memory()?;
        clients.exchange(exchange)?;
        thread::sleep(REST);
        let used = server.memory()?;
        drop(clients);
        server.end()?;
        let each = |growth: i64| growth as f64 / self.connections as f64;
        Ok(Growth {
            opened: each(opened.resident - base.resident),
            used: each(used.resident - base.resident),
        })
    }
}
