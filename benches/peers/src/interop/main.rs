//! Other WebSocket libraries in both roles, for the tests with foreign peers.
//!
//! `conformance/interop/zoo/peer.py` says what such a peer does.

mod fastwebsockets;
mod item;
mod sockudo;
mod tokio_websockets;
mod tungstenite;
mod yawc;

use std::future::Future;

use clap::{Parser, ValueEnum};
use hyper::Uri;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
};

use item::End;

/// As in `Cargo.lock`, which knows the versions.
const LOCK: &str = include_str!("../../Cargo.lock");

const OFFERED: &str = "chat.v9, chat.v1";
const SUPPORTED: &str = "chat.v1";

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[arg(value_enum)]
    peer: Peer,
    #[arg(value_enum)]
    role: Role,
    /// What a client connects to, one after the other.
    urls: Vec<Uri>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Fastwebsockets,
    SockudoWs,
    TokioTungstenite,
    TokioWebsockets,
    Yawc,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Client,
    Server,
}

impl Peer {
    /// The crate, and its version.
    fn name(self) -> anyhow::Result<String> {
        let value = self.to_possible_value().expect("none is hidden");
        let name = value.get_name();
        let package = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""));
        let version = package.and_then(|(_, rest)| rest.split('"').next());
        let version = version.ok_or_else(|| anyhow::anyhow!("{name} is not in Cargo.lock"))?;
        Ok(format!("{name} {version}"))
    }

    fn lacks(self, role: Role) -> &'static [&'static str] {
        match (self, role) {
            (Self::Fastwebsockets | Self::TokioTungstenite, _)
            | (Self::TokioWebsockets, Role::Client) => &["deflate"],
            // Nobody is asked before the request is accepted.
            (Self::TokioWebsockets, Role::Server) => &["deflate", "refusal"],
            (Self::SockudoWs, Role::Client) => &["status"],
            (Self::Yawc, Role::Client) => &["subprotocol"],
            (Self::SockudoWs | Self::Yawc, Role::Server) => &[],
        }
    }

    async fn connect(self, url: &Uri) -> anyhow::Result<End> {
        match self {
            Self::Fastwebsockets => fastwebsockets::connect(url).await,
            Self::SockudoWs => sockudo::connect(url).await,
            Self::TokioTungstenite => tungstenite::connect(url).await,
            Self::TokioWebsockets => tokio_websockets::connect(url).await,
            Self::Yawc => yawc::connect(url).await,
        }
    }

    async fn accept(self, stream: TcpStream) -> anyhow::Result<()> {
        match self {
            Self::Fastwebsockets => fastwebsockets::accept(stream).await,
            Self::SockudoWs => sockudo::accept(stream).await,
            Self::TokioTungstenite => tungstenite::accept(stream).await,
            Self::TokioWebsockets => tokio_websockets::accept(stream).await,
            Self::Yawc => yawc::accept(stream).await,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(play(&arguments))
}

async fn play(arguments: &Arguments) -> anyhow::Result<()> {
    let (peer, role) = (arguments.peer, arguments.role);
    let mut hello = json!({ "peer": peer.name()?, "lacks": peer.lacks(role) });
    if role == Role::Server {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        hello["url"] = Value::from(format!("ws://{}", listener.local_addr()?));
        println!("{hello}");
        return serve(peer, &listener).await;
    }
    println!("{hello}");
    for url in &arguments.urls {
        println!("{}", peer.connect(url).await?.to_json());
    }
    Ok(())
}

async fn serve(peer: Peer, listener: &TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(complain(peer.accept(stream)));
    }
}

async fn complain(connection: impl Future<Output = anyhow::Result<()>>) {
    if let Err(error) = connection.await {
        eprintln!("{error:#}");
    }
}

/// Connects to the host of a URL.
async fn dial(url: &Uri) -> anyhow::Result<TcpStream> {
    let authority = url.authority().ok_or_else(|| anyhow::anyhow!("no host in {url}"))?;
    Ok(TcpStream::connect(authority.as_str()).await?)
}

/// The subprotocol to agree on, if it is among those of the header.
fn supported(offered: Option<&str>) -> Option<&'static str> {
    let is_offered = offered?.split(',').any(|name| name.trim() == SUPPORTED);
    is_offered.then_some(SUPPORTED)
}
