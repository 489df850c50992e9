//! Messages as JSON.

// ANCHOR: all
use bowsprit::{WebSocket, error::BoxError};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Command {
    Add { a: i64, b: i64 },
    Ping,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Answer {
    Sum { value: i64 },
    Pong,
    Error { message: String },
}

pub(crate) async fn answer(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        let answer = match message.json() {
            Ok(Command::Add { a, b }) => Answer::Sum { value: a.saturating_add(b) },
            Ok(Command::Ping) => Answer::Pong,
            Err(error) => Answer::Error { message: error.to_string() },
        };
        ws.send_json(&answer).await?;
    }
    Ok(())
}
// ANCHOR_END: all
