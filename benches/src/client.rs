//! The client that is measured: it echoes what a server sends.

use std::net::SocketAddr;

use bowsprit::Client;
use clap::Args;

use crate::server::{echo_owned, end_with_input};

#[derive(Args)]
pub(crate) struct Arguments {
    addr: SocketAddr,
    connections: usize,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    std::thread::spawn(end_with_input);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        println!("{}", arguments.addr);
        let client = Client::new();
        let url = format!("ws://{}/", arguments.addr);
        for _ in 0..arguments.connections {
            tokio::spawn(echo_owned(client.connect(&url).await?));
        }
        std::future::pending().await
    })
}
