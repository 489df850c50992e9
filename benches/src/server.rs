//! The servers that are measured. All of them echo.

use std::{
    fmt,
    future::Future,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    process,
    str::FromStr,
    thread,
};

use bowsprit::{BoxError, ContextTakeover, Deflate, Event, Limits, Server, WebSocket, WindowBits};
use clap::{Args, ValueEnum};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};

use crate::{system, tcp, zlib};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16 * 1024;

const MAX_MESSAGE_LEN: u64 = 16 << 20;

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
    /// The processor to run on.
    #[arg(long)]
    pub(crate) cpu: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// No WebSocket: bytes in, bytes out.
    Tcp,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// `current_thread`
    Current,
    /// `multi_thread` with one worker
    Multi,
}

/// How a server compresses, always at level 1. Written as `window bits:memory level:takeover`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    pub(crate) window_bits: u8,
    pub(crate) mem_level: u8,
    /// With context takeover, both ways.
    pub(crate) takeover: bool,
}

impl Compression {
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
    }
}

impl FromStr for Compression {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let [window_bits, mem_level, takeover] = text.split(':').collect::<Vec<_>>()[..] else {
            anyhow::bail!("not window bits:memory level:takeover");
        };
        Ok(Self {
            window_bits: window_bits.parse()?,
            mem_level: mem_level.parse()?,
            takeover: takeover.parse()?,
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.window_bits, self.mem_level, self.takeover)
    }
}

impl Arguments {
    /// A server that does not compress.
    pub(crate) const fn new(kind: Kind, runtime: Runtime) -> Self {
        Self { kind, runtime, deflate: None, max_message_len: MAX_MESSAGE_LEN, cpu: None }
    }

    pub(crate) fn to_command_line(self) -> Vec<String> {
        let mut line = vec!["--kind".to_owned(), name(&self.kind)];
        line.extend(["--runtime".to_owned(), name(&self.runtime)]);
        line.extend(["--max-message-len".to_owned(), self.max_message_len.to_string()]);
        if let Some(deflate) = self.deflate {
            line.extend(["--deflate".to_owned(), deflate.to_string()]);
        }
        if let Some(cpu) = self.cpu {
            line.extend(["--cpu".to_owned(), cpu.to_string()]);
        }
        line
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", name(&self.kind), name(&self.runtime))
    }
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(cpu) = arguments.cpu {
        system::pin_to(cpu)?;
    }
    system::raise_file_limit()?;
    thread::spawn(end_with_input);
    let runtime = match arguments.runtime {
        Runtime::Current => runtime::Builder::new_current_thread().enable_all().build()?,
        Runtime::Multi => {
            runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?
        }
    };
    runtime.block_on(serve(arguments))
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
    let server = Server::builder()
        .limits(Limits::SERVER.max_message_len(arguments.max_message_len))
        .deflate(arguments.deflate.map(Compression::options));
    match arguments.kind {
        Kind::Tcp => tcp::serve(listener).await?,
        Kind::Zlib => zlib::serve(listener).await?,
        Kind::ServeOwned => server.listen_on(listener).serve(|ws, _| echo_owned(ws)).await?,
        Kind::ServeBorrowed => server.listen_on(listener).serve(|ws, _| echo_borrowed(ws)).await?,
        Kind::SpawnOwned => spawn(listener, server.build(), echo_owned).await?,
        Kind::SpawnBorrowed => spawn(listener, server.build(), echo_borrowed).await?,
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
