//! Tests of a handler.

// ANCHOR: handler
use std::time::Duration;

use bowsprit::{CloseCode, WebSocket, error::BoxError};
use tokio::time::timeout;

/// Echoes messages, and closes when none has come for ten minutes.
async fn echo(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Ok(received) = timeout(Duration::from_secs(600), ws.recv()).await {
        let Some(message) = received? else { return Ok(()) };
        ws.send(message).await?;
    }
    ws.close((CloseCode::POLICY_VIOLATION, "idle")).await?;
    Ok(())
}
// ANCHOR_END: handler

// ANCHOR: tests
#[cfg(test)]
mod tests {
    use bowsprit::{Message, testing};

    use super::*;

    #[tokio::test]
    async fn messages_come_back() {
        let (mut client, server) = testing::pair().await;
        tokio::spawn(echo(server));
        client.send("hello").await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(Message::text("hello")));
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_sent_away_after_ten_minutes() {
        let (mut client, server) = testing::pair().await;
        tokio::spawn(echo(server));
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(client.peer_close().unwrap().reason, "idle");
    }
}
// ANCHOR_END: tests
