//! Messages of any length, sent back piece by piece and never held in memory as a whole.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin large-messages
//! ```

use bowsprit::{Server, message::Fragment};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(|mut ws, _request| async move {
            let (receive, send) = ws.split_mut();
            while let Some(chunk) = receive.next_chunk().await? {
                let fragment =
                    Fragment { kind: chunk.kind, payload: chunk.payload, fin: chunk.last };
                send.send_fragment(fragment).await?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}
