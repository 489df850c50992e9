//! Who is in the zoo.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    super::peers::{installed, workspace},
    firefox,
};

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
    /// With the `WebSocket` that it has built in.
    NodeItself(&'static str),
    Deno(&'static str),
    Bun(&'static str),
    Java(&'static str),
    /// A program of benches/peers that has the libraries by name.
    Rust(&'static str),
    Firefox,
}

use Program::{Bun, Deno, Firefox, Java, Node, NodeItself, Python, Rust};

pub(super) const PEERS: &[Peer] = &[
    Peer::new("aiohttp", BOTH, Python("peer_aiohttp.py")),
    Peer::new("autobahn", BOTH, Python("peer_autobahn.py")),
    Peer::new("Bun", BOTH, Bun("peer_bun.mjs")),
    Peer::new("curl_cffi", CLIENT, Python("peer_libcurl.py")),
    Peer::new("Deno", BOTH, Deno("peer_deno.mjs")),
    Peer::new("fastwebsockets", BOTH, Rust("fastwebsockets")),
    Peer::new("faye-websocket", BOTH, Node("peer_faye.mjs")),
    Peer::new("Firefox", CLIENT, Firefox),
    Peer::new("JDK", CLIENT, Java("Peer.java")),
    Peer::new("Node.js", CLIENT, NodeItself("peer_node.mjs")),
    Peer::new("picows", BOTH, Python("peer_picows.py")),
    Peer::new("sockudo-ws", BOTH, Rust("sockudo-ws")),
    Peer::new("tokio-tungstenite", BOTH, Rust("tokio-tungstenite")),
    Peer::new("tokio-websockets", BOTH, Rust("tokio-websockets")),
    Peer::new("tornado", BOTH, Python("peer_tornado.py")),
    Peer::new("trio-websocket", BOTH, Python("peer_trio_websocket.py")),
    Peer::new("undici", CLIENT, Node("peer_undici.mjs")),
    Peer::new("websocket", BOTH, Node("peer_websocket_node.mjs")),
    Peer::new("websocket-client", CLIENT, Python("peer_websocket_client.py")),
    Peer::new("websockets", BOTH, Python("peer_websockets.py")),
    Peer::new("ws", BOTH, Node("peer_ws.mjs")),
    Peer::new("yawc", BOTH, Rust("yawc")),
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
        matches!(self.program, NodeItself(_) | Java(_) | Firefox)
    }

    /// What runs it in a role, if that is there.
    ///
    /// # Panics
    ///
    /// If it has to be there.
    pub(super) fn command(&self, role: Role) -> Option<Command> {
        let Some((program, args)) = self.program().filter(|(program, _)| runs(program.as_ref()))
        else {
            self.leave_out();
            return None;
        };
        let mut command = Command::new(program);
        command.args(args).arg(role.name()).env("INTEROP_NODE", installed().join("node"));
        Some(command)
    }

    fn program(&self) -> Option<(PathBuf, Vec<PathBuf>)> {
        let modules = installed().join("node/node_modules");
        let file = |name| workspace().join("conformance/interop/zoo").join(name);
        Some(match self.program {
            Python(name) => (installed().join("python/bin/python"), vec![file(name)]),
            Node(name) => ("node".into(), vec![file(name)]),
            // Version 20 still asks for the flag, later ones take it.
            NodeItself(name) => {
                ("node".into(), vec!["--experimental-websocket".into(), file(name)])
            }
            Deno(name) => {
                let args = ["run", "--quiet", "--no-config", "--allow-net"].map(Into::into);
                (first_of(&modules.join("@deno"), "deno")?, [&args[..], &[file(name)]].concat())
            }
            Bun(name) => (first_of(&modules.join("@oven"), "bin/bun")?, vec![file(name)]),
            // Without the compiler, it does not run sources.
            Java(_) if !runs("javac".as_ref()) => return None,
            Java(name) => ("java".into(), vec![file(name)]),
            Rust(name) => (workspace().join("target/peers/release/interop"), vec![name.into()]),
            Firefox => return None,
        })
    }

    /// The browser, if this is one and it is there.
    pub(super) fn browser(&self) -> Option<&'static str> {
        let found = firefox::find();
        if found.is_none() {
            self.leave_out();
        }
        found
    }

    pub(super) fn is_browser(&self) -> bool {
        self.program == Firefox
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
fn first_of(folder: &Path, program: &str) -> Option<PathBuf> {
    let packages = folder.read_dir().ok()?.filter_map(Result::ok);
    packages.map(|package| package.path().join(program)).find(|path| path.exists())
}

/// Whether there is such a program, and not just a distribution's placeholder.
pub(super) fn runs(program: &OsStr) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
