//! Broadcast: each message goes to all other clients; a shouted one also goes to its sender.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin broadcast
//! ```

use bowsprit::{Server, WebSocket, error::BoxError, topics::SlowConsumerPolicy};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listening = Server::builder().bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", listening.local_addr()?);
    let server = listening.server();
    listening.serve(move |ws, _request| relay(ws, server.clone())).await?;
    Ok(())
}

async fn relay(mut ws: WebSocket, server: Server) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        let shouted = message.as_text().is_some_and(|text| text.ends_with('!'));
        let broadcast = server.broadcast(message);
        if shouted {
            broadcast.await;
        } else {
            // A client that does not keep up misses the oldest messages.
            broadcast.except(&ws.handle()).slow_consumers(SlowConsumerPolicy::DropOldest).await;
        }
    }
    Ok(())
}
