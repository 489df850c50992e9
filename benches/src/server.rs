//! The servers that are measured. All of them echo.

use std::{
    fmt,
    future::Future,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    process, thread,
};

use bowsprit::{BoxError, Event, Limits, Server, WebSocket};
use clap::{Args, ValueEnum};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime,
};

use crate::{system, tcp};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16 * 1024;

const MAX_MESSAGE_LEN: u64 = 16 << 20;

#[derive(Args, Clone, Copy)]
pub(crate) struct Arguments {
    #[arg(long)]
    pub(crate) kind: Kind,
    #[arg(long)]
    pub(crate) runtime: Runtime,
    /// The processor to run on.
    #[arg(long)]
    pub(crate) cpu: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// No WebSocket: bytes in, bytes out.
    Tcp,
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

impl Arguments {
    pub(crate) fn to_command_line(self) -> Vec<String> {
        let mut line = vec!["--kind".to_owned(), name(&self.kind)];
        line.extend(["--runtime".to_owned(), name(&self.runtime)]);
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
    runtime.block_on(serve(arguments.kind))
}

/// Ends the process when whoever started it is gone.
fn end_with_input() {
    let _bytes = io::stdin().read_to_end(&mut Vec::new());
    process::exit(0);
}

async fn serve(kind: Kind) -> anyhow::Result<()> {
    let listener = TcpSocket::new_v4()?;
    listener.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let listener = listener.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?);
    let server = Server::builder().limits(Limits::SERVER.max_message_len(MAX_MESSAGE_LEN));
    match kind {
        Kind::Tcp => tcp::serve(listener).await?,
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
