//! Connects standard input and output to a WebSocket, as bytes: input is sent, and what is received
//! is written to the output. It ends when the server closes, as it does after the end of the input.
//!
//! ```sh
//! ls | cargo run -p bowsprit-examples --bin standard-streams -- ws://127.0.0.1:8080/echo
//! ```

use std::process::exit;

use bowsprit::error::BoxError;
use tokio::io::{AsyncWriteExt, copy, split, stdin, stdout};

#[tokio::main]
async fn main() {
    let ended = join_standard_streams().await;
    if let Err(error) = &ended {
        eprintln!("{error}");
    }
    // Returning is not enough: the thread that reads a terminal waits for one more line.
    exit(i32::from(ended.is_err()))
}

async fn join_standard_streams() -> Result<(), BoxError> {
    let url = std::env::args().nth(1).ok_or("usage: standard-streams URL")?;
    let ws = bowsprit::connect(&url).await?;
    let (mut receive, mut send) = split(ws.into_io().text());
    let sending = tokio::spawn(async move {
        copy(&mut stdin(), &mut send).await?;
        // Sends a close frame. What the server sends before its own close frame is still received.
        send.shutdown().await
    });
    let mut stdout = stdout();
    copy(&mut receive, &mut stdout).await?;
    stdout.flush().await?;
    if sending.is_finished() {
        sending.await??;
    }
    Ok(())
}
