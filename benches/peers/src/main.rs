//! Servers of other WebSocket libraries, each as its own examples show it.
//!
//! A server prints its address in its first line, runs on one thread, and ends with its input.
//! `*-batch` queues the answers of all messages that are ready, and flushes once. With `--connect`
//! it is a client, which opens connections.

mod broadcast;
mod echo;
mod opener;

use std::{
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    process, thread,
};

use clap::{Parser, ValueEnum};
use tokio::{net::TcpSocket, runtime};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16 * 1024;

#[derive(Parser)]
struct Arguments {
    peer: Peer,
    /// Agrees to compress at this level, without context takeover, however short a message is.
    #[arg(long)]
    level: Option<u8>,
    /// Opens connections to this address, as many as each line of input says.
    #[arg(long)]
    connect: Option<SocketAddr>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Tungstenite,
    TungsteniteBatch,
    /// With the small buffers that its documentation advises for many connections.
    TungsteniteSmall,
    /// No echo: sends every message to all connections, each of which has a task and a channel.
    TungsteniteBroadcast,
    Fastwebsockets,
    TokioWebsockets,
    Yawc,
    /// With the large buffers of its own benchmarks, too.
    YawcBatch,
    Sockudo,
    SockudoBatch,
    Wtx,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(addr) = arguments.connect {
        return opener::run(arguments.peer, addr, &runtime);
    }
    thread::spawn(end_with_input);
    runtime.block_on(serve(&arguments))
}

/// Ends the process when whoever started it is gone.
fn end_with_input() {
    let _bytes = io::stdin().read_to_end(&mut Vec::new());
    process::exit(0);
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let listener = TcpSocket::new_v4()?;
    listener.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = listener.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?);
    let (peer, level) = (arguments.peer, arguments.level);
    let everybody = broadcast::Everybody::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match (peer, level) {
            (Peer::Tungstenite, None) => tokio::spawn(echo::tungstenite::each(stream)),
            (Peer::TungsteniteBatch, None) => tokio::spawn(echo::tungstenite::batch(stream)),
            (Peer::TungsteniteSmall, None) => tokio::spawn(echo::tungstenite::small(stream)),
            (Peer::TungsteniteBroadcast, None) => {
                tokio::spawn(broadcast::tungstenite(stream, everybody.clone()))
            }
            (Peer::Fastwebsockets, None) => tokio::spawn(echo::fastwebsockets::each(stream)),
            (Peer::TokioWebsockets, None) => tokio::spawn(echo::tokio_websockets::each(stream)),
            (Peer::Yawc, level) => tokio::spawn(echo::yawc::each(stream, level)),
            (Peer::YawcBatch, None) => tokio::spawn(echo::yawc::batch(stream)),
            (Peer::Sockudo, None) => tokio::spawn(echo::sockudo::each(stream)),
            (Peer::SockudoBatch, None) => tokio::spawn(echo::sockudo::batch(stream)),
            (Peer::Sockudo, Some(level)) => tokio::spawn(echo::sockudo::deflate(stream, level)),
            (Peer::Wtx, None) => tokio::spawn(async { Ok(echo::wtx::each(stream).await?) }),
            _ => anyhow::bail!("this one does not compress"),
        };
    }
}
