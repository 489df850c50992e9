//! `bench idle`: resident memory of a server per open connection that has nothing to do.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    process::Process,
    server::{self, Kind, Runtime},
    system::{self, Memory},
    table,
    wire::{self, Exchange},
};

/// Connections with a large message each, and how many of those are under way at a time.
const LARGE_CONNECTIONS: usize = 1000;
const LARGE_IN_FLIGHT: usize = 20;
const LARGE_LEN: usize = 1 << 20;

const SMALL_LEN: usize = 100;

/// Handshakes at once in a storm.
const STORM: usize = 9000;

/// How long a server may come to rest before its memory is read.
const REST: Duration = Duration::from_millis(1500);

/// Descriptors for other things than connections.
const SPARE_FILES: u64 = 64;

#[derive(Args)]
pub(crate) struct Arguments {
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
    /// A third of the connections, and no storm.
    #[arg(long)]
    quick: bool,
}

/// One row of the table.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) message_len: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let files = system::raise_file_limit()?;
    let most = usize::try_from(files - SPARE_FILES)?;
    let connections =
        if arguments.quick { arguments.connections / 3 } else { arguments.connections };
    ensure!(connections <= most, "only {files} files may be open at a time");
    let mut scenes = vec![
        Scene {
            name: "some at a time",
            connections,
            in_flight: arguments.in_flight,
            message_len: SMALL_LEN,
        },
        Scene {
            name: "1 MiB each",
            connections: LARGE_CONNECTIONS.min(connections),
            in_flight: LARGE_IN_FLIGHT,
            message_len: LARGE_LEN,
        },
    ];
    if !arguments.quick {
        let storm = STORM.min(connections);
        let scene = Scene { connections: storm, in_flight: storm, ..scenes[0] };
        scenes.insert(1, Scene { name: "a storm", ..scene });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = server::Arguments::new(arguments.kind, arguments.runtime);
    let mut rows = Vec::new();
    for scene in &scenes {
        rows.push(runtime.block_on(scene.play(&server))?);
    }
    println!("Resident bytes per connection (allocated memory alone in brackets): {server}\n");
    let head = ["scene", "connections", "in flight", "after handshake", "after a message"];
    table::print(&head.map(str::to_owned), &rows);
    Ok(())
}

impl Scene {
    async fn play(&self, server: &server::Arguments) -> anyhow::Result<Vec<String>> {
        let server = Process::start(server)?;
        let exchange = Exchange::new(self.message_len);
        let [opened, used] = self.measure(server, wire::UPGRADE, &exchange).await?;
        Ok(vec![
            self.name.to_owned(),
            self.connections.to_string(),
            self.in_flight.to_string(),
            self.each(opened),
            self.each(used),
        ])
    }

    /// By how much the memory of a server grows with the connections, and with a message on each.
    pub(crate) async fn measure(
        &self,
        server: Process,
        upgrade: &[u8],
        exchange: &Exchange,
    ) -> anyhow::Result<[Memory; 2]> {
        let base = server.memory()?;
        let streams: Vec<TcpStream> = stream::iter(0..self.connections)
            .map(|_| timeout(wire::TIMEOUT, open(server.addr, upgrade)))
            .buffer_unordered(self.in_flight)
            .map(|opened| opened.context("a handshake takes too long")?)
            .try_collect()
            .await?;
        tokio::time::sleep(REST).await;
        let opened = server.memory()?;

        let streams: Vec<TcpStream> = stream::iter(streams)
            .map(|stream| timeout(wire::TIMEOUT, echo(stream, exchange)))
            .buffer_unordered(self.in_flight)
            .map(|echoed| echoed.context("an echo takes too long")?)
            .try_collect()
            .await?;
        tokio::time::sleep(REST).await;
        let used = server.memory()?;
        drop(streams);
        server.end()?;
        Ok([opened - base, used - base])
    }

    fn each(&self, growth: Memory) -> String {
        let each = |growth: i64| growth as f64 / self.connections as f64;
        let (resident, anonymous) = (each(growth.resident), each(growth.anonymous));
        format!("{resident:.0} ({anonymous:.0})")
    }
}

async fn open(addr: SocketAddr, upgrade: &[u8]) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(upgrade).await?;
    let mut head = Vec::new();
    while !wire::ends_head(&head) {
        ensure!(stream.read_buf(&mut head).await? > 0, "the server has hung up");
    }
    wire::check_head(&head)?;
    Ok(stream)
}

/// Sends a message and compares what comes back.
async fn echo(mut stream: TcpStream, exchange: &Exchange) -> anyhow::Result<TcpStream> {
    let mut reply = vec![0; exchange.reply.len()];
    let (mut read, mut write) = stream.split();
    let (sent, received) =
        futures_util::future::join(write.write_all(&exchange.request), read.read_exact(&mut reply))
            .await;
    sent?;
    received?;
    ensure!(reply == exchange.reply, wire::wrong_echo());
    Ok(stream)
}
