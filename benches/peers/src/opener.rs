//! Clients that open connections and drop them.

use std::{
    io::{self, BufRead},
    net::SocketAddr,
};

use tokio::runtime::Runtime;
use tokio_tungstenite::connect_async;

use crate::Peer;

pub(crate) fn run(peer: Peer, addr: SocketAddr, runtime: &Runtime) -> anyhow::Result<()> {
    println!("{addr}");
    let url = format!("ws://{addr}/");
    for line in io::stdin().lock().lines() {
        let count = line?.parse()?;
        runtime.block_on(async {
            for _ in 0..count {
                match peer {
                    Peer::Tungstenite => drop(connect_async(&url).await?),
                    _ => anyhow::bail!("this one is no client"),
                }
            }
            Ok(())
        })?;
        println!("{count}");
    }
    Ok(())
}
