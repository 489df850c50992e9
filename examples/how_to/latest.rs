//! Values of which only the newest matters.

// ANCHOR: watch
use bowsprit::{WebSocket, error::BoxError};
use tokio::sync::watch;

/// Sends the current price, and then each change that the client is fast enough for.
pub(crate) async fn follow(
    mut ws: WebSocket,
    mut price: watch::Receiver<u64>,
) -> Result<(), BoxError> {
    ws.discard_incoming();
    loop {
        let current = price.borrow_and_update().to_string();
        ws.send(current).await?;
        // Until the connection has taken it, newer prices replace each other in the channel.
        ws.flush().await?;
        tokio::select! {
            changed = price.changed() => changed?,
            _ = ws.closed() => return Ok(()),
        }
    }
}
// ANCHOR_END: watch

// ANCHOR: topics
use bowsprit::{Topics, topics::SlowConsumerPolicy};

/// Topics in which a slow client gets the newest message of each, and none of the older ones.
pub(crate) fn prices() -> Topics {
    Topics::new().slow_consumers(SlowConsumerPolicy::KeepLatest)
}
// ANCHOR_END: topics
