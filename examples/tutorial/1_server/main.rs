//! The tutorial, step 1: what one client sends goes to all.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-1-server
//! ```

// ANCHOR: all
use bowsprit::{Server, WebSocket, error::BoxError};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listening = Server::builder().bind(addr).await?;
    println!("listening on ws://{}", listening.local_addr()?);
    let server = listening.server();
    listening.serve(move |ws, _request| chat(ws, server.clone())).await?;
    Ok(())
}

async fn chat(mut ws: WebSocket, server: Server) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        server.broadcast(message).await;
    }
    Ok(())
}
// ANCHOR_END: all
