//! The programs on the other side.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use bowsprit::{
    Server, WebSocket,
    config::Limits,
    error::BoxError,
    server::{ServerBuilder, SubprotocolPolicy},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::{Duration, timeout},
};

/// Longer than the peers give themselves.
const TOO_LONG: Duration = Duration::from_secs(60);

/// An implementation that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    Ws,
    Websockets,
    /// Node's own HTTP/2 with the frames of npm ws. Only a client.
    #[cfg(feature = "axum")]
    Http2,
}

impl Peer {
    /// Those that speak over HTTP/1.1 in both roles.
    pub(super) const ALL: [Self; 2] = [Self::Ws, Self::Websockets];

    fn command(self, role: &str) -> Command {
        let installed = installed();
        let (program, script) = match self {
            Self::Ws => (PathBuf::from("node"), format!("ws-{role}.mjs")),
            #[cfg(feature = "axum")]
            Self::Http2 => (PathBuf::from("node"), format!("http2-{role}.mjs")),
            Self::Websockets => {
                (installed.join("python/bin/python"), format!("websockets-{role}.py"))
            }
        };
        let mut command = Command::new(program);
        command
            .arg(workspace().join("conformance/interop").join(script))
            .env("INTEROP_NODE", installed.join("node"))
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        command
    }
}

pub(super) fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.unwrap().to_owned()
}

/// Where `scripts/setup-interop` has put the peers.
pub(super) fn installed() -> PathBuf {
    let home = env::var_os("INTEROP_DIR").map(PathBuf::from);
    let home = home.unwrap_or_else(|| workspace().join("target/interop"));
    assert!(
        home.join("installed").exists(),
        "the peers are not installed in {}: run scripts/setup-interop, or set INTEROP_DIR",
        home.display()
    );
    home
}

/// A foreign server that runs until it is dropped.
pub(super) struct PeerServer {
    url: String,
    _process: Child,
}

impl PeerServer {
    pub(super) async fn start(peer: Peer) -> Self {
        Self::start_with(peer, &[]).await
    }

    pub(super) async fn start_with(peer: Peer, args: &[&str]) -> Self {
        let mut process = peer.command("server").args(args).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = timeout(TOO_LONG, lines.next_line()).await.expect("the peer does not start");
        let line = line.unwrap().expect("the peer has ended");
        let url = line.strip_prefix("listening on ").expect(&line).to_owned();
        Self { url, _process: process }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(super) fn authority(&self) -> &str {
        self.url.strip_prefix("ws://").unwrap()
    }
}

/// Our server, which echoes until it is dropped. It speaks at `/` only.
pub(super) struct OurServer {
    authority: String,
    serving: JoinHandle<Result<(), bowsprit::Error>>,
}

impl OurServer {
    pub(super) async fn start() -> Self {
        Self::start_with(Self::builder(), echo).await
    }

    pub(super) fn builder() -> ServerBuilder {
        Server::builder()
            .path("/")
            .accept_version_8()
            .limits(Limits::SERVER.max_message_len(2 << 20))
            .subprotocols(SubprotocolPolicy::Supported(vec!["chat.v1".into(), "chat.v2".into()]))
    }

    pub(super) async fn start_with<F>(builder: ServerBuilder, handler: fn(WebSocket) -> F) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let server = builder.bind("127.0.0.1:0").await.unwrap();
        let authority = server.local_addr().unwrap().to_string();
        Self { authority, serving: tokio::spawn(server.serve(move |ws, _| handler(ws))) }
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }
}

impl Drop for OurServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

/// Runs a program to its end; returns what it prints.
pub(super) async fn output(mut command: Command) -> Output {
    command.kill_on_drop(true).stdin(Stdio::null());
    timeout(TOO_LONG, command.output()).await.expect("not done in time").unwrap()
}

/// Lets a foreign client play a scenario with a server; returns the lines it prints but the last,
/// which has to be `ok`.
pub(super) async fn play(peer: Peer, authority: &str, path: &str, args: &[&str]) -> Vec<String> {
    let mut command = peer.command("client");
    command.arg(format!("ws://{authority}{path}")).args(args);
    let output = output(command).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(Into::into).collect();
    let last = lines.pop();
    assert_eq!(last.as_deref(), Some("ok"), "{peer:?} {args:?}: {text}");
    assert!(output.status.success());
    lines
}

/// Fails a test that hangs.
pub(super) async fn in_time<T>(test: impl Future<Output = T>) -> T {
    timeout(TOO_LONG, test).await.expect("not done in time")
}
