//! Graceful shutdown: on Ctrl-C, or at the end of standard input, all clients get a close frame
//! with 1001 and have ten seconds to answer it.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin graceful-shutdown
//! ```

use std::time::Duration;

use bowsprit::{Server, WebSocket, error::BoxError, server::Shutdown};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = Server::builder().bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    // Spread the close frames over a second, so that clients do not all reconnect at once.
    let shutdown = Shutdown::within(Duration::from_secs(10)).jitter(Duration::from_secs(1));
    let summary = server.serve_until(echo, signal(), shutdown).await?;
    println!("{} clients have gone, {} were cut", summary.closed, summary.cut);
    // A read of standard input cannot be cancelled.
    std::process::exit(0)
}

async fn echo<R>(mut ws: WebSocket, _request: R) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn signal() {
    tokio::select! {
        _interrupted = tokio::signal::ctrl_c() => {}
        _ended = async { tokio::io::stdin().read_to_end(&mut Vec::new()).await } => {}
    }
}
