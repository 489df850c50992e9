//! The tutorial, step 8: behind nginx, and stopping without losing anybody.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-8-nginx
//! ```

// ANCHOR: all
mod chat;

use std::{io, time::Duration};

use bowsprit::{
    error::BoxError,
    http::Request,
    server::{RequestExt, Shutdown, TrustedProxies},
};
use chat::{Rooms, chat};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let nginx = TrustedProxies::x_forwarded(["127.0.0.1/32".parse()?]);
    let server = chat::server().trusted_proxies(nginx).max_connections_per_address(20);
    let listening = server.bind(addr).await?;
    println!("listening on http://{}", listening.local_addr()?);
    let rooms = Rooms::default();
    let handler = move |ws, request: Request<()>| {
        if let Some(addr) = request.client_addr() {
            println!("{addr} has connected");
        }
        let (visitor, rooms) = (request.extensions().get().cloned(), rooms.clone());
        async move { chat(ws, visitor.ok_or("not authorized")?, rooms).await }
    };
    let shutdown = Shutdown::within(Duration::from_secs(10));
    let summary = listening.serve_until(handler, told_to_stop()?, shutdown).await?;
    println!("{} clients have gone, {} were cut", summary.closed, summary.cut);
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
// ANCHOR_END: all
