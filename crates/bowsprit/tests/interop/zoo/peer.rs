//! Who is in the zoo, and the process of one of them.

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::Stdio,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use super::super::peers::{installed, workspace};

/// An implementation that is not ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// As in the table.
    pub(super) name: &'static str,
    pub(super) roles: &'static [Role],
    program: Program,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

const BOTH: &[Role] = &[Role::Client, Role::Server];
const CLIENT: &[Role] = &[Role::Client];

/// What runs a peer, and the file that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Python(&'static str),
    Node(&'static str),
    Deno(&'static str),
    Bun(&'static str),
    Java(&'static str),
}

use Program::{Bun, Deno, Java, Node, Python};

pub(super) const PEERS: &[Peer] = &[
    Peer::new("aiohttp", BOTH, Python("peer_aiohttp.py")),
    Peer::new("autobahn", BOTH, Python("peer_autobahn.py")),
    Peer::new("Bun", BOTH, Bun("peer_bun.mjs")),
    Peer::new("curl_cffi", CLIENT, Python("peer_libcurl.py")),
    Peer::new("Deno", BOTH, Deno("peer_deno.mjs")),
    Peer::new("faye-websocket", BOTH, Node("peer_faye.mjs")),
    Peer::new("JDK", CLIENT, Java("Peer.java")),
    Peer::new("picows", BOTH, Python("peer_picows.py")),
    Peer::new("tornado", BOTH, Python("peer_tornado.py")),
    Peer::new("trio-websocket", BOTH, Python("peer_trio_websocket.py")),
    Peer::new("undici", CLIENT, Node("peer_undici.mjs")),
    Peer::new("websocket", BOTH, Node("peer_websocket_node.mjs")),
    Peer::new("websocket-client", CLIENT, Python("peer_websocket_client.py")),
    Peer::new("websockets", BOTH, Python("peer_websockets.py")),
    Peer::new("ws", BOTH, Node("peer_ws.mjs")),
];

impl Peer {
    const fn new(name: &'static str, roles: &'static [Role], program: Program) -> Self {
        Self { name, roles, program }
    }

    /// # Panics
    ///
    /// If there is none of this name.
    pub(super) fn named(name: &str) -> &'static Self {
        PEERS.iter().find(|peer| peer.name == name).expect("no such peer in the zoo")
    }

    /// Whether this machine decides on the version, and on whether there is one at all.
    pub(super) const fn is_of_system(&self) -> bool {
        matches!(self.program, Java(_))
    }

    /// What runs it, if that is there.
    fn command(&self) -> Option<Command> {
        let modules = installed().join("node/node_modules");
        let (program, args, file) = match self.program {
            Python(file) => (installed().join("python/bin/python"), &[][..], file),
            Node(file) => ("node".into(), &[][..], file),
            Deno(file) => {
                let program = first_of(&modules.join("@deno"), "deno")?;
                (program, &["run", "--quiet", "--no-config", "--allow-net"][..], file)
            }
            Bun(file) => (first_of(&modules.join("@oven"), "bin/bun")?, &[][..], file),
            Java(file) => ("java".into(), &[][..], file),
        };
        let runs = std::process::Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let mut command = Command::new(program);
        let file = workspace().join("conformance/interop/zoo").join(file);
        command.args(args).arg(file).env("INTEROP_NODE", installed().join("node"));
        runs.is_ok_and(|status| status.success()).then_some(command)
    }

    /// Starts it in a role; `None` if this machine cannot.
    pub(super) fn start(&self, role: Role, args: &[String]) -> Option<Process> {
        let Some(mut command) = self.command() else {
            self.leave_out();
            return None;
        };
        command.arg(role.name()).args(args);
        Some(Process::start(command))
    }

    /// # Panics
    ///
    /// If everything but what belongs to the system has to be there.
    fn leave_out(&self) {
        let all = env::var_os("BOWSPRIT_TEST_ALL").is_some_and(|all| all != "0");
        assert!(self.is_of_system() || !all, "{} is missing: scripts/setup-interop", self.name);
        // What macros print is shown of tests that fail only.
        let line = format!("interop: {} IS LEFT OUT: it is not installed\n", self.name);
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// The program in one of the packages in `folder`, of which there is one for each kind of machine.
fn first_of(folder: &Path, program: &str) -> Option<std::path::PathBuf> {
    let packages = folder.read_dir().ok()?.filter_map(Result::ok);
    packages.map(|package| package.path().join(program)).find(|path| path.exists())
}

/// Shows what a peer complains of, if the test fails.
async fn complain(stderr: ChildStderr) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{line}");
    }
}

/// A running peer, until it is dropped.
pub(super) struct Process {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Process {
    fn start(mut command: Command) -> Self {
        command.kill_on_drop(true).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        tokio::spawn(complain(child.stderr.take().unwrap()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { lines, _child: child }
    }

    /// The next thing it says.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if this is dropped.
    pub(super) async fn line(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().expect("the peer has ended");
        serde_json::from_str(&line).expect(&line)
    }
}
