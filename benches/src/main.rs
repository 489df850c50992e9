//! Measures what connections and messages cost.
//!
//! `bench idle` is about memory, `bench batching` about system calls, `bench echo` about CPU time,
//! `bench deflate` about memory and CPU time with compression, `bench broadcast` and `bench tls`
//! about CPU time of these, `bench handshakes` about what it costs to open connections, `bench
//! shutdown` and `bench fairness` about time. Servers run in processes of their own, which this
//! program starts by executing itself. Whatever is echoed is compared byte by byte; a run with a
//! wrong byte fails.

mod audience;
mod batching;
mod broadcast;
mod chart;
mod client;
mod clients;
mod compare;
mod compressing;
mod counting;
mod deflate;
mod echo;
mod fairness;
mod fan_out;
mod generator;
mod handshakes;
mod identity;
mod idle;
mod limits;
mod memory;
mod opener;
mod pending;
mod process;
mod rounds;
mod scale;
mod section;
mod server;
mod shutdown;
mod storm;
mod stream;
mod subject;
mod system;
mod table;
mod tcp;
mod tcp_epoll;
mod tls;
mod wire;
mod zlib;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "Measures what connections and messages cost")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything, next to the peers; writes tables and charts.
    Compare(compare::Arguments),
    /// Resident memory of a server per open connection.
    Idle(idle::Arguments),
    /// Reads and writes of a server per batch of messages.
    Batching(batching::Arguments),
    /// CPU time of a server per echoed message, next to a bare TCP echo.
    Echo(echo::Arguments),
    /// Memory and CPU time with compression, next to npm ws and bare zlib.
    Deflate(deflate::Arguments),
    /// CPU time of a server per delivery of a broadcast, next to bare writes.
    Broadcast(broadcast::Arguments),
    /// CPU time of an encrypting server per echoed message, next to bare rustls.
    Tls(tls::Arguments),
    /// CPU time and memory of handshakes, next to the peers.
    Handshakes(handshakes::Arguments),
    /// How long a server takes to send everybody away.
    Shutdown(shutdown::Arguments),
    /// How long a quiet connection waits beside one that floods.
    Fairness(fairness::Arguments),
    /// One of the servers that the others measure; prints its address, ends with its input.
    #[command(hide = true)]
    Server(server::Arguments),
    /// Clients that do little; they say what they have done.
    #[command(hide = true)]
    Clients(clients::Arguments),
    /// A client that opens connections, as many as it is told; ends with its input.
    #[command(hide = true)]
    Opener(opener::Arguments),
    /// The client that is measured; ends with its input.
    #[command(hide = true)]
    Client(client::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Idle(arguments) => idle::run(&arguments),
        Command::Batching(arguments) => batching::run(&arguments),
        Command::Echo(arguments) => echo::run(&arguments),
        Command::Deflate(arguments) => deflate::run(arguments),
        Command::Broadcast(arguments) => broadcast::run(&arguments),
        Command::Tls(arguments) => tls::run(&arguments),
        Command::Handshakes(arguments) => handshakes::run(&arguments),
        Command::Shutdown(arguments) => shutdown::run(&arguments),
        Command::Fairness(arguments) => fairness::run(&arguments),
        Command::Server(arguments) => server::run(&arguments),
        Command::Clients(arguments) => clients::run(&arguments),
        Command::Opener(arguments) => opener::run(&arguments),
        Command::Client(arguments) => client::run(&arguments),
    }
}
