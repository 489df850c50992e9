//! The servers that are measured. Most of them echo.

use std::{
    fmt,
    future::Future,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    process,
    str::FromStr,
    sync::Arc,
    thread,
    time::Duration,
};

use bowsprit::{
    ConnectionConfig, Deflate, Event, Server, Topics, WebSocket,
    config::{Heartbeat, Limits},
    deflate::{Backend, ContextTakeover, WindowBits},
    error::BoxError,
    server::Shutdown,
    tls::TlsServerConfig,
};
use clap::{Args, ValueEnum};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};

use crate::{fan_out, identity, system, tcp, tcp_epoll, zlib};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16 * 1024;

/// More than sending everybody away takes.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

const MAX_MESSAGE_LEN: u64 = 16 << 20;

/// As is the default of servers.
const HEARTBEAT: u64 = 20;

#[derive(Args, Clone, Copy)]
pub(crate) struct Arguments {
    #[arg(long)]
    pub(crate) kind: Kind,
    #[arg(long)]
    pub(crate) runtime: Runtime,
    /// Agree to compress.
    #[arg(long)]
    pub(crate) deflate: Option<Compression>,
    #[arg(long, default_value_t = MAX_MESSAGE_LEN)]
    pub(crate) max_message_len: u64,
    /// Encrypt.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Seconds of silence before a ping, and before the end after that.
    #[arg(long, default_value_t = HEARTBEAT)]
    pub(crate) heartbeat: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// No WebSocket: bytes in, bytes out, on tokio.
    Tcp,
    /// The same on bare epoll.
    TcpEpoll,
    /// No WebSocket: decompresses and compresses again what comes.
    Zlib,
    /// `recv` and `send` under `serve`.
    ServeOwned,
    /// `next_event` and `send` under `serve`.
    ServeBorrowed,
    /// `recv` and `send` in a task of the application's.
    SpawnOwned,
    /// `next_event` and `send` in a task of the application's.
    SpawnBorrowed,
    /// `recv` and `send` on what a hyper server has upgraded.
    HyperOwned,
    /// No echo: keeps every message.
    Keep,
    /// No echo: sends every message to all connections.
    Broadcast,
    /// The same by a topic.
    Topic,
    /// The same without WebSocket, on bare epoll.
    FanOut,
    /// `recv` and `send` under `serve_until`, which the first line of input ends.
    ShutDown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// `current_thread`
    Current,
    /// `multi_thread` with one worker
    Multi,
}

/// What bowsprit compresses with: zlib with `--features zlib`.
#[cfg(not(feature = "zlib"))]
const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
const BACKEND: Backend = Backend::Zlib;

/// How a server compresses. Written as `window bits:memory level:level:takeover:threshold`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    pub(crate) window_bits: u8,
    pub(crate) mem_level: u8,
    pub(crate) level: u8,
    /// With context takeover, both ways.
    pub(crate) takeover: bool,
    /// Shorter messages are not compressed.
    pub(crate) threshold: usize,
}

impl Compression {
    /// Whatever the length, without context takeover.
    pub(crate) const fn at_level(level: u8) -> Self {
        Self { window_bits: 15, mem_level: 8, level, takeover: false, threshold: 0 }
    }

    fn options(self) -> Deflate {
        let takeover =
            if self.takeover { ContextTakeover::Allowed } else { ContextTakeover::Never };
        let bits = match self.window_bits {
            15 => WindowBits::Any,
            bits => WindowBits::AtMost(bits),
        };
        Deflate::server()
            .server_context_takeover(takeover)
            .client_context_takeover(takeover)
            .server_max_window_bits(bits)
            .client_max_window_bits(bits)
            .mem_level(self.mem_level)
            .level(self.level)
            .threshold(self.threshold)
            .backend(BACKEND)
    }
}

impl FromStr for Compression {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let [window_bits, mem_level, level, takeover, threshold] =
            text.split(':').collect::<Vec<_>>()[..]
        else {
            anyhow::bail!("not window bits:memory level:level:takeover:threshold");
        };
        Ok(Self {
            window_bits: window_bits.parse()?,
            mem_level: mem_level.parse()?,
            level: level.parse()?,
            takeover: takeover.parse()?,
            threshold: threshold.parse()?,
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window_bits, mem_level, level, takeover, threshold } = self;
        write!(f, "{window_bits}:{mem_level}:{level}:{takeover}:{threshold}")
    }
}

impl Arguments {
    /// A server that does not compress.
    pub(crate) const fn new(kind: Kind, runtime: Runtime) -> Self {
        Self {
            kind,
            runtime,
            deflate: None,
            tls: false,
            max_message_len: MAX_MESSAGE_LEN,
            heartbeat: HEARTBEAT,
        }
    }

    /// The same with TLS.
    pub(crate) const fn encrypted(self) -> Self {
        Self { tls: true, ..self }
    }

    pub(crate) fn to_command_line(self) -> Vec<String> {
        let mut line = vec!["--kind".to_owned(), name(&self.kind)];
        line.extend(["--runtime".to_owned(), name(&self.runtime)]);
        line.extend(["--max-message-len".to_owned(), self.max_message_len.to_string()]);
        line.extend(["--heartbeat".to_owned(), self.heartbeat.to_string()]);
        if self.tls {
            line.push("--tls".to_owned());
        }
        if let Some(deflate) = self.deflate {
            line.extend(["--deflate".to_owned(), deflate.to_string()]);
        }
        line
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", name(&self.kind), name(&self.runtime))?;
        if self.tls { f.write_str(", TLS") } else { Ok(()) }
    }
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    system::raise_file_limit()?;
    if arguments.kind != Kind::ShutDown {
        thread::spawn(end_with_input);
    }
    let runtime = match arguments.runtime {
        Runtime::Current => runtime::Builder::new_current_thread().enable_all().build()?,
        Runtime::Multi => {
            runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?
        }
    };
    runtime.block_on(serve(arguments))
}

/// Ends the process when whoever started it is gone.
pub(crate) fn end_with_input() {
    let _bytes = io::stdin().read_to_end(&mut Vec::new());
    process::exit(0);
}

/// Waits for a line of input. From then on the process ends with it.
async fn first_line() {
    let line = tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new()));
    if !matches!(line.await, Ok(Ok(1..))) {
        process::exit(0);
    }
    thread::spawn(end_with_input);
}

async fn serve(arguments: &Arguments) -> anyhow::Result<()> {
    let listener = TcpSocket::new_v4()?;
    listener.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = listener.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?);
    let heartbeat = Duration::from_secs(arguments.heartbeat);
    let mut config = ConnectionConfig::server();
    config.heartbeat = Some(Heartbeat::new(heartbeat, heartbeat));
    let tls = arguments.tls.then(identity::server).transpose()?;
    let mut server = Server::builder()
        .config(config)
        .limits(Limits::SERVER.max_message_len(arguments.max_message_len))
        .deflate(arguments.deflate.map(Compression::options));
    if let Some(tls) = &tls {
        server = server.tls(TlsServerConfig::from(Arc::clone(tls)));
    }
    match arguments.kind {
        Kind::Tcp => tcp::serve(listener, tls).await?,
        Kind::TcpEpoll => tcp_epoll::serve(listener.into_std()?)?,
        Kind::Zlib => {
            zlib::serve(listener, arguments.deflate.map_or(1, |deflate| deflate.level)).await?;
        }
        Kind::ServeOwned => server.listen_on(listener).serve(|ws, _| echo_owned(ws)).await?,
        Kind::ServeBorrowed => server.listen_on(listener).serve(|ws, _| echo_borrowed(ws)).await?,
        Kind::SpawnOwned => spawn(listener, server.build(), echo_owned).await?,
        Kind::SpawnBorrowed => spawn(listener, server.build(), echo_borrowed).await?,
        Kind::HyperOwned => attach(listener, server.build()).await?,
        Kind::Keep => server.listen_on(listener).serve(|ws, _| keep(ws)).await?,
        Kind::Broadcast => {
            let bound = server.listen_on(listener);
            let all = bound.server();
            bound.serve(move |ws, _| broadcast(ws, all.clone())).await?;
        }
        Kind::Topic => {
            let topics = Topics::new();
            server.listen_on(listener).serve(move |ws, _| publish(ws, topics.clone())).await?;
        }
        Kind::ShutDown => {
            let bound = server.listen_on(listener);
            let shutdown = Shutdown::within(SHUTDOWN_TIMEOUT);
            let summary = bound.serve_until(|ws, _| echo_owned(ws), first_line(), shutdown).await?;
            println!("{} {}", summary.closed, summary.cut);
            std::future::pending().await
        }
        Kind::FanOut => fan_out::serve(listener.into_std()?)?,
    }
    Ok(())
}

/// Accepts connections without `serve`, as an application with a listener of its own does.
async fn spawn<F>(
    listener: TcpListener,
    server: Server,
    echo: impl Fn(WebSocket) -> F + Copy + Send + 'static,
) -> io::Result<()>
where
    F: Future<Output = Result<(), BoxError>> + Send,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        tokio::spawn(async move {
            let ws = Box::pin(server.accept(stream)).await?;
            echo(ws).await
        });
    }
}

/// Leaves HTTP to hyper.
async fn attach(listener: TcpListener, server: Server) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let server = server.clone();
        let service = service_fn(move |mut request| {
            let response = match server.upgrade(&request) {
                Ok((response, upgrade)) => {
                    let upgraded = hyper::upgrade::on(&mut request);
                    tokio::spawn(async move {
                        echo_owned(upgrade.into_websocket(TokioIo::new(upgraded.await?))).await
                    });
                    response.map(|()| Full::default())
                }
                Err(refusal) => refusal.into_response().map(Full::new),
            };
            async { Ok::<_, BoxError>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

/// Never lets go of a message while the connection is open.
async fn keep(mut ws: WebSocket) -> Result<(), BoxError> {
    let mut kept = Vec::new();
    while let Some(message) = ws.recv().await? {
        kept.push(message);
    }
    Ok(())
}

/// Sends messages to all.
async fn broadcast(mut ws: WebSocket, all: Server) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        all.broadcast(message).await;
    }
    Ok(())
}

/// Sends messages to all who have joined, as everybody does.
async fn publish(mut ws: WebSocket, topics: Topics) -> Result<(), BoxError> {
    const TOPIC: &str = "news";
    topics.join(TOPIC, &ws.handle());
    while let Some(message) = ws.recv().await? {
        topics.publish(TOPIC, message).await;
    }
    Ok(())
}

/// Echoes messages.
pub(crate) async fn echo_owned(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Echoes messages without owning them.
pub(crate) async fn echo_borrowed(mut ws: WebSocket) -> Result<(), BoxError> {
    let (receive, send) = ws.split_mut();
    while let Some(event) = receive.next_event().await? {
        match event {
            Event::Text(text) => send.send(text).await?,
            Event::Binary(bytes) => send.send(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}
