//! Statistics: an echo server that prints its counters once a second, if they have changed.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin stats
//! ```

use std::time::Duration;

use bowsprit::{Deflate, Server, error::BoxError, stats::Stats};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listening = Server::builder().deflate(Deflate::server()).bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", listening.local_addr()?);
    tokio::spawn(report(listening.server()));
    listening
        .serve(|mut ws, _request| async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

// ANCHOR: report
async fn report(server: Server) {
    let mut before = Stats::default();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = server.stats();
        if now != before {
            println!("{now}");
        }
        before = now;
    }
}
// ANCHOR_END: report
