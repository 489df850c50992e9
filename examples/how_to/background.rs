//! A task that sends to all clients.

// ANCHOR: all
use std::time::Duration;

use bowsprit::{Error, Server, WebSocket, error::BoxError, server::BoundServer};
use tokio::time::interval;

/// Tells all clients how many of them there are.
async fn count(server: Server) {
    let mut ticks = interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        server.broadcast(format!("{} clients", server.connections())).await;
    }
}

/// For clients that only listen.
async fn listen(mut ws: WebSocket) -> Result<(), BoxError> {
    ws.discard_incoming();
    ws.closed().await?;
    Ok(())
}

pub(crate) async fn serve(listening: BoundServer) -> Result<(), Error> {
    let counting = tokio::spawn(count(listening.server()));
    let served = listening.serve(|ws, _request| listen(ws)).await;
    counting.abort();
    served
}
// ANCHOR_END: all
