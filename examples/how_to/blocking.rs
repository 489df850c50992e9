//! Programs, and work, that block.

// ANCHOR: client
use std::time::Duration;

use bowsprit::{blocking, error::BoxError};

/// Needs neither `async` nor a runtime.
pub(crate) fn ask(url: &str, question: &str) -> Result<String, BoxError> {
    let mut ws = blocking::connect(url)?;
    ws.send(question)?;
    let answer = ws.recv_timeout(Duration::from_secs(5))?;
    ws.close(1000)?;
    Ok(answer.as_text().ok_or("the answer is binary")?.to_owned())
}
// ANCHOR_END: client

// ANCHOR: handler
use bowsprit::WebSocket;
use tokio::task::spawn_blocking;

/// Stands for work that occupies a thread.
fn compute(text: &str) -> String {
    text.to_uppercase()
}

/// Computes on threads that may block. Meanwhile the connection's pings are answered.
pub(crate) async fn answer(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        let text = message.into_text().ok_or("send text")?;
        let answer = spawn_blocking(move || compute(&text)).await?;
        ws.send(answer).await?;
    }
    Ok(())
}
// ANCHOR_END: handler
