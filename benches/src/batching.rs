//! `bench batching`: reads and writes of a server when messages arrive together.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
};

use anyhow::{Context, ensure};
use bowsprit::Server;
use clap::Args;
use tokio::net::TcpListener;

use crate::{
    counting::{Calls, Counting},
    process::Process,
    server::{self, Kind, Runtime, echo_borrowed, echo_owned},
    table,
    wire::{self, Exchange},
};

/// The length of the messages, in bytes.
const PAYLOAD_LEN: usize = 20;

/// More writes than this for a batch are a fault.
const MAX_WRITES: f64 = 1.2;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Messages that are sent in one write.
    #[arg(long, default_value_t = 32)]
    messages: usize,
    #[arg(long, default_value_t = 2000)]
    batches: usize,
    /// A tenth of the batches.
    #[arg(long)]
    quick: bool,
}

/// Batches of messages.
#[derive(Clone, Copy)]
struct Load {
    messages: usize,
    batches: usize,
}

/// System calls for each batch: reads that bring bytes, other reads, writes.
struct PerBatch([f64; 3]);

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let batches = if arguments.quick { arguments.batches / 10 } else { arguments.batches };
    let load = Load { messages: arguments.messages, batches };
    let mut rows = Vec::new();
    for kind in [Kind::SpawnOwned, Kind::SpawnBorrowed] {
        rows.push(load.row(&format!("{kind:?}, transport"), &load.count_in_transport(kind)?)?);
    }
    if Command::new("strace").arg("--version").output().is_ok() {
        for kind in [Kind::ServeOwned, Kind::ServeBorrowed, Kind::SpawnOwned, Kind::SpawnBorrowed] {
            for runtime in [Runtime::Current, Runtime::Multi] {
                let server = server::Arguments::new(kind, runtime);
                let row = load.row(&format!("{server}, strace"), &load.count_in_strace(&server)?);
                rows.push(row?);
            }
        }
    } else {
        println!("Without strace, `serve` is left out.\n");
    }
    println!("Calls for each of {batches} batches of {} messages:\n", arguments.messages);
    let head = ["server, counted by", "reads", "reads in vain", "writes"].map(str::to_owned);
    table::print(&head, &rows);
    Ok(())
}

impl Load {
    fn row(&self, name: &str, PerBatch(counts): &PerBatch) -> anyhow::Result<Vec<String>> {
        ensure!(counts[2] <= MAX_WRITES, "{name}: {:.2} writes for each batch", counts[2]);
        let mut row = vec![name.to_owned()];
        row.extend(counts.map(|count| format!("{count:.2}")));
        Ok(row)
    }

    /// Sends the batches, each when the one before has been answered.
    fn send(&self, stream: &mut TcpStream) -> anyhow::Result<()> {
        let exchange = Exchange::new(PAYLOAD_LEN);
        let requests = exchange.request.repeat(self.messages);
        let expected = exchange.reply.repeat(self.messages);
        let mut replies = vec![0; expected.len()];
        for _ in 0..self.batches {
            stream.write_all(&requests)?;
            stream.read_exact(&mut replies)?;
            ensure!(replies == expected, wire::wrong_echo());
        }
        Ok(())
    }

    fn per_batch(&self, counts: [u64; 3]) -> PerBatch {
        PerBatch(counts.map(|count| count as f64 / self.batches as f64))
    }

    /// Runs a server on a thread, and counts what it asks of its transport.
    fn count_in_transport(&self, kind: Kind) -> anyhow::Result<PerBatch> {
        let (tell, told) = mpsc::channel();
        let server = thread::spawn(move || serve_one(kind, &tell));
        let addr = told.recv().context("the server has not started")?;
        let mut stream = wire::connect(addr, wire::UPGRADE)?;
        self.send(&mut stream)?;
        drop(stream);
        let calls = server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
        Ok(self.per_batch(calls.counts()))
    }

    /// Runs a server under strace.
    fn count_in_strace(&self, server: &server::Arguments) -> anyhow::Result<PerBatch> {
        let report = std::env::temp_dir().join(format!("bench-{}.strace", std::process::id()));
        let process = Process::start_traced(server, &report)?;
        let mut stream = wire::connect(process.addr, wire::UPGRADE)?;
        self.send(&mut stream)?;
        drop(stream);
        process.end()?;
        let counts = calls_in(&report)?;
        fs::remove_file(&report)?;
        Ok(self.per_batch(counts))
    }
}

/// Echoes on one connection until its client hangs up.
fn serve_one(kind: Kind, tell: &mpsc::Sender<SocketAddr>) -> anyhow::Result<Calls> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        tell.send(listener.local_addr()?)?;
        let (stream, _) = listener.accept().await?;
        let calls = Calls::default();
        let counting = Counting { stream, calls: calls.clone() };
        let ws = Server::builder().build().accept(counting).await?;
        let echo = async move {
            match kind {
                Kind::SpawnBorrowed => echo_borrowed(ws).await,
                _ => echo_owned(ws).await,
            }
        };
        // The client hangs up without a close frame, which is an error here.
        let _hung_up = tokio::spawn(echo).await?;
        Ok(calls)
    })
}

/// Counts in a report of `strace -c -U name,calls,errors`.
fn calls_in(report: &Path) -> anyhow::Result<[u64; 3]> {
    let report = fs::read_to_string(report)?;
    let mut counts = [0; 3];
    for line in report.lines() {
        let mut fields = line.split_whitespace();
        let (name, calls) = (fields.next(), fields.next().and_then(|calls| calls.parse().ok()));
        let Some(calls): Option<u64> = calls else { continue };
        let errors = fields.next().and_then(|errors| errors.parse().ok()).unwrap_or(0);
        match name {
            Some("recvfrom" | "recvmsg" | "readv") => {
                counts[0] += calls - errors;
                counts[1] += errors;
            }
            Some("sendto" | "sendmsg" | "writev") => counts[2] += calls,
            _ => {}
        }
    }
    ensure!(counts[0] > 0, "strace has counted nothing:\n{report}");
    Ok(counts)
}
