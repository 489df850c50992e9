//! Stays connected: subscribes again on each new connection, and prints every event.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin reconnect -- ws://127.0.0.1:8080/echo
//! ```

use bowsprit::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: reconnect URL")?;
    let mut ws = Client::new()
        .reconnect(&url)?
        .on_open(|handle| async move { Ok(handle.send("subscribe").await?) })
        .on_event(|event| println!("{event}"))
        .websocket();
    let handle = ws.handle();
    handle.try_send("kept until there is a connection")?;
    while let Some(message) = ws.recv().await? {
        println!("{}", message.as_text().unwrap_or("bytes"));
        if message.as_text() == Some("kept until there is a connection") {
            handle.start_close();
        }
    }
    Ok(())
}
