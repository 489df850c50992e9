//! Opening handshakes, and connections that end at once.

use anyhow::{Result, ensure};
use bowsprit::{Client, Server};
use tokio::task::yield_now;

use crate::peer::{answer, open, pipe};

/// A server's. The connection is dropped as soon as it is open.
pub(crate) async fn accept(times: usize) -> Result<()> {
    let server = Server::builder().build();
    for _ in 0..times {
        drop(open(&server).await?);
        // Whatever the end of a connection leaves to other tasks is done here.
        yield_now().await;
    }
    Ok(())
}

/// A server's, which then reads and finds that the client has gone.
pub(crate) async fn accept_and_read(times: usize) -> Result<()> {
    let server = Server::builder().build();
    for _ in 0..times {
        let (mut ws, peer) = open(&server).await?;
        drop(peer);
        ensure!(ws.recv().await.is_err(), "a lost connection has to be an error");
        drop(ws);
        yield_now().await;
    }
    Ok(())
}

/// A client's. The connection is dropped as soon as it is open.
pub(crate) async fn connect(times: usize) -> Result<()> {
    let client = Client::new();
    for _ in 0..times {
        let (io, mut peer) = pipe();
        let connecting = Box::pin(client.connect_over("ws://localhost:8080/chat", io));
        let (connected, answered) = tokio::join!(connecting, answer(&mut peer));
        answered?;
        drop(connected?);
        yield_now().await;
    }
    Ok(())
}
