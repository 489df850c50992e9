//! A client: sends text and binary, and closes the connection properly.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin client -- ws://127.0.0.1:8080/echo
//! ```

use bowsprit::{CloseCode, Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: client URL")?;
    let mut ws = bowsprit::connect(&url).await?;
    ws.send("something").await?;
    ws.send(vec![1, 2, 3]).await?;
    for _ in 0..2 {
        match ws.recv().await? {
            Some(Message::Text(text)) => println!("text {text}"),
            Some(Message::Binary(bytes)) => println!("binary {bytes:?}"),
            None => break,
        }
    }
    ws.close(CloseCode::NORMAL).await?;
    Ok(())
}
