//! The servers that are compared: ours, those of benches/peers, and bare TCP.

use std::{env, net::SocketAddr, path::Path, process::Command};

use crate::{
    process::Process,
    server::{self, Compression, Kind, Runtime},
    system,
};

const PEERS: &str = "target/peers/release/bowsprit-peers";
const NODE_MODULES: &str = "target/peers/node";
const UWEBSOCKETS: &str = "target/peers/uwebsockets/echo";

/// What others are compared with.
pub(crate) const LIMIT: Subject = Subject::own("bare TCP on tokio", Kind::Tcp);

pub(crate) const OWNED: Subject = Subject::own("bowsprit, recv/send", Kind::ServeOwned);
pub(crate) const BORROWED: Subject = Subject::own("bowsprit, borrowed", Kind::ServeBorrowed);
pub(crate) const ATTACHED: Subject = Subject::own("bowsprit, attached to hyper", Kind::HyperOwned);
pub(crate) const TUNGSTENITE: Subject = Subject::peer("tokio-tungstenite", "tungstenite");
pub(crate) const FASTWEBSOCKETS: Subject = Subject::peer("fastwebsockets", "fastwebsockets");
pub(crate) const TOKIO_WEBSOCKETS: Subject = Subject::peer("tokio-websockets", "tokio-websockets");
pub(crate) const YAWC: Subject = Subject::peer("yawc", "yawc");
pub(crate) const SOCKUDO: Subject = Subject::peer("sockudo-ws", "sockudo");
pub(crate) const WTX: Subject = Subject::peer("wtx", "wtx");
pub(crate) const UWEBSOCKETS_CPP: Subject =
    Subject { name: "uWebSockets (C++)", program: Program::UWebSockets };
pub(crate) const NPM_WS: Subject =
    Subject { name: "npm ws", program: Program::Node { bufferutil: true } };

/// What broadcasts are compared with.
pub(crate) const FAN_OUT: Subject = Subject::own("bare writes on epoll", Kind::FanOut);

pub(crate) const BROADCAST: Subject = Subject::own("bowsprit, broadcast", Kind::Broadcast);
pub(crate) const TOPIC: Subject = Subject::own("bowsprit, topic", Kind::Topic);
pub(crate) const TUNGSTENITE_BROADCAST: Subject =
    Subject::peer("tokio-tungstenite, channels", "tungstenite-broadcast");

/// All that echo; [`LIMIT`] is the first.
pub(crate) const ALL: [Subject; 18] = [
    LIMIT,
    Subject::own("bare TCP on epoll", Kind::TcpEpoll),
    OWNED,
    BORROWED,
    ATTACHED,
    UWEBSOCKETS_CPP,
    TUNGSTENITE,
    Subject::peer("tokio-tungstenite, batch", "tungstenite-batch"),
    FASTWEBSOCKETS,
    TOKIO_WEBSOCKETS,
    YAWC,
    Subject::peer("yawc, batch", "yawc-batch"),
    SOCKUDO,
    Subject::peer("sockudo-ws, batch", "sockudo-batch"),
    WTX,
    NPM_WS,
    Subject { name: "npm ws without bufferutil", program: Program::Node { bufferutil: false } },
    Subject::peer("tokio-tungstenite, small buffers", "tungstenite-small"),
];

/// Those that compress; ours are not in it.
pub(crate) const DEFLATE_PEERS: [Subject; 4] = [UWEBSOCKETS_CPP, YAWC, SOCKUDO, NPM_WS];

/// A server and its name in tables.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    program: Program,
}

#[derive(Clone, Copy)]
enum Program {
    Own(Kind),
    /// Of benches/peers.
    Peer(&'static str),
    Node {
        bufferutil: bool,
    },
    UWebSockets,
}

impl Subject {
    const fn own(name: &'static str, kind: Kind) -> Self {
        Self { name, program: Program::Own(kind) }
    }

    const fn peer(name: &'static str, argument: &'static str) -> Self {
        Self { name, program: Program::Peer(argument) }
    }

    pub(crate) const fn is_ours(&self) -> bool {
        matches!(self.program, Program::Own(_))
    }

    pub(crate) const fn is_rust_peer(&self) -> bool {
        matches!(self.program, Program::Peer(_))
    }

    pub(crate) const fn is_websocket(&self) -> bool {
        !matches!(self.program, Program::Own(Kind::Tcp | Kind::TcpEpoll | Kind::FanOut))
    }

    /// Whether scripts/setup-peers has made it.
    pub(crate) fn is_there(&self) -> bool {
        let needed = match self.program {
            Program::Own(_) => return true,
            Program::Peer(_) => PEERS,
            Program::Node { .. } => NODE_MODULES,
            Program::UWebSockets => UWEBSOCKETS,
        };
        Path::new(needed).exists()
    }

    /// What it can compress with; uWebSockets has one level only.
    pub(crate) fn compresses_at(&self, level: u8) -> bool {
        level == 6 || !matches!(self.program, Program::UWebSockets)
    }

    /// Starts a client that opens connections to `addr`, so many for each number that it is told.
    pub(crate) fn start_opener(&self, addr: SocketAddr) -> anyhow::Result<Process> {
        let mut command = match self.program {
            Program::Peer(argument) => {
                let mut command = Command::new(PEERS);
                command.args([argument, "--connect"]);
                command
            }
            _ => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("opener");
                command
            }
        };
        command.arg(addr.to_string());
        system::spawn_pinned(|| Process::start_command(command))
    }

    /// Starts the server, on the servers' processor if it is to be `pinned`; with a `level` it
    /// agrees to compress.
    pub(crate) fn start(&self, level: Option<u8>, pinned: bool) -> anyhow::Result<Process> {
        let start = || Process::start_command(self.command(level)?);
        if pinned { system::spawn_pinned(start) } else { start() }
    }

    fn command(&self, level: Option<u8>) -> anyhow::Result<Command> {
        let mut command = match self.program {
            Program::Own(kind) => {
                let deflate = level.map(Compression::at_level);
                let server = server::Arguments::new(kind, Runtime::Current);
                return Process::command(&server::Arguments { deflate, ..server });
            }
            Program::Peer(argument) => {
                let mut command = Command::new(PEERS);
                command.arg(argument);
                command
            }
            Program::Node { bufferutil } => {
                let mut command = Command::new("node");
                let modules = env::current_dir()?.join(NODE_MODULES);
                command.arg("benches/peers/node/echo.mjs").arg(modules);
                if !bufferutil {
                    command.env("WS_NO_BUFFER_UTIL", "1");
                }
                command
            }
            Program::UWebSockets => Command::new(UWEBSOCKETS),
        };
        if let Some(level) = level {
            command.args(["--level", &level.to_string()]);
        }
        Ok(command)
    }
}

/// Those that are there; says loudly which are not.
pub(crate) fn there(subjects: &[Subject]) -> Vec<Subject> {
    let (there, missing): (Vec<_>, Vec<_>) = subjects.iter().copied().partition(Subject::is_there);
    for subject in missing {
        eprintln!("{} IS LEFT OUT: run scripts/setup-peers", subject.name);
    }
    there
}
