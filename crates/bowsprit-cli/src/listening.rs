//! The sockets that `bowsprit serve` listens on.

use anyhow::Context;
use bowsprit::server::{BoundServer, HostPolicy, Listener, ServerBuilder};

/// What stands for the sockets of a `.socket` unit.
const SYSTEMD: &str = "systemd";

/// Sockets, at least one.
pub(crate) struct Listening {
    first: Listener,
    others: Vec<Listener>,
}

impl Listening {
    pub(crate) async fn on(listen: &str) -> anyhow::Result<Self> {
        if listen == SYSTEMD {
            return from_systemd();
        }
        Ok(Self { first: Listener::bind(listen).await?, others: Vec::new() })
    }

    /// Which hosts to answer to. What is served to this machine alone is worth protecting from
    /// pages that give their own name its address.
    pub(crate) fn hosts(&self, names: Vec<String>) -> HostPolicy {
        let is_own = |socket: &Listener| {
            socket.local_addr().is_ok_and(|addr| addr.ip().to_canonical().is_loopback())
        };
        if !names.is_empty() {
            HostPolicy::List(names)
        } else if is_own(&self.first) && self.others.iter().all(is_own) {
            HostPolicy::Loopback
        } else {
            HostPolicy::Any
        }
    }

    pub(crate) fn serve(self, builder: ServerBuilder) -> BoundServer {
        self.others.into_iter().fold(builder.listen_on(self.first), BoundServer::add_listener)
    }
}

/// A line for each socket.
pub(crate) fn describe(server: &BoundServer, scheme: &str) -> String {
    let lines = server.listeners().iter().map(|socket| match socket.local_addr() {
        Ok(addr) => format!("listening on {scheme}://{addr}\n"),
        Err(_) => "listening on a Unix socket\n".to_owned(),
    });
    lines.collect()
}

#[cfg(target_os = "linux")]
fn from_systemd() -> anyhow::Result<Listening> {
    let mut sockets = Listener::all_from_systemd()?.into_iter().map(|(_, socket)| socket);
    let first = sockets.next().context("there is no socket")?;
    Ok(Listening { first, others: sockets.collect() })
}

#[cfg(not(target_os = "linux"))]
fn from_systemd() -> anyhow::Result<Listening> {
    anyhow::bail!("systemd is there on Linux only")
}
