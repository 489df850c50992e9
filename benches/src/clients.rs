//! Connections of clients that do little.

use std::{
    io::{self, BufRead},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use anyhow::{Context, ensure};
use bowsprit::transport::Transport;
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    runtime::{self, Runtime},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::{
    identity,
    idle::{SMALL_LEN, Scene},
    wire::{self, Exchange},
};

/// Opens connections in a process of its own. It says so; told to go on, it exchanges a message on
/// each of them and says so; then it ends with its input.
#[derive(Args)]
pub(crate) struct Arguments {
    addr: SocketAddr,
    /// Its own address, for a port is only good for one connection from there.
    source: Ipv4Addr,
    connections: usize,
    in_flight: usize,
}

pub(crate) struct Clients {
    scene: Scene,
    runtime: Runtime,
    streams: Vec<Box<dyn Transport>>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Arguments { addr, source, connections, in_flight } = *arguments;
    let scene = Scene::new(connections, in_flight);
    let mut clients = Clients::open(addr, &[source], scene, wire::UPGRADE)?;
    println!("opened");
    let mut lines = io::stdin().lock().lines();
    if lines.next().is_some() {
        clients.exchange(&Exchange::new(SMALL_LEN))?;
        println!("exchanged");
        lines.next();
    }
    Ok(())
}

impl Clients {
    /// Opens connections, from these addresses in turn; with an `upgrade` WebSocket ones.
    pub(crate) fn open(
        addr: SocketAddr,
        sources: &[Ipv4Addr],
        scene: Scene,
        upgrade: &[u8],
    ) -> anyhow::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let streams = runtime.block_on(
            stream::iter((0..scene.connections).zip(sources.iter().cycle()))
                .map(|(_, source)| open(addr, *source, upgrade, scene.encrypted))
                .map(|opening| timeout(wire::TIMEOUT, opening))
                .buffer_unordered(scene.in_flight)
                .map(|opened| opened.context("a handshake takes too long")?)
                .try_collect(),
        )?;
        Ok(Self { scene, runtime, streams })
    }

    /// Exchanges a message on each connection, as many at a time as were opened at a time.
    pub(crate) fn exchange(&mut self, exchange: &Exchange) -> anyhow::Result<()> {
        self.streams = self.runtime.block_on(
            stream::iter(std::mem::take(&mut self.streams))
                .map(|stream| timeout(wire::TIMEOUT, echo(stream, exchange)))
                .buffer_unordered(self.scene.in_flight)
                .map(|echoed| echoed.context("an echo takes too long")?)
                .try_collect(),
        )?;
        Ok(())
    }
}

async fn open(
    addr: SocketAddr,
    source: Ipv4Addr,
    upgrade: &[u8],
    encrypted: bool,
) -> anyhow::Result<Box<dyn Transport>> {
    let socket = TcpSocket::new_v4()?;
    // A bound port is taken whatever it is connected to, and takes long to find.
    if source != Ipv4Addr::LOCALHOST {
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
    }
    let mut stream: Box<dyn Transport> = Box::new(socket.connect(addr).await?);
    if encrypted {
        let connector = TlsConnector::from(identity::client()?);
        stream = Box::new(connector.connect(identity::name()?, stream).await?);
    }
    if upgrade.is_empty() {
        return Ok(stream);
    }
    stream.write_all(upgrade).await?;
    let mut head = Vec::new();
    while !wire::ends_head(&head) {
        ensure!(stream.read_buf(&mut head).await? > 0, "the server has hung up");
    }
    wire::check_head(&head)?;
    Ok(stream)
}

/// Sends a message and compares what comes back.
async fn echo(
    stream: Box<dyn Transport>,
    exchange: &Exchange,
) -> anyhow::Result<Box<dyn Transport>> {
    let mut reply = vec![0; exchange.reply.len()];
    let (mut read, mut write) = tokio::io::split(stream);
    let sending = async {
        write.write_all(&exchange.request).await?;
        write.flush().await
    };
    let (sent, received) = futures_util::future::join(sending, read.read_exact(&mut reply)).await;
    sent?;
    received?;
    let stream = read.unsplit(write);
    ensure!(exchange.is_reply(&reply), wire::wrong_echo());
    Ok(stream)
}
