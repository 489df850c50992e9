//! A simple server: sends every message back unchanged.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin echo-server
//! ```

use bowsprit::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(|mut ws, _request| async move {
            while let Some(message) = ws.recv().await? {
                ws.send(message).await?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}
