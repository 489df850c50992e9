//! The tutorial, steps 5 and 6: newcomers see the last messages, and tests.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-5-history
//! cargo test -p bowsprit-examples --bin tutorial-5-history
//! ```

// ANCHOR: all
mod chat;

use bowsprit::error::BoxError;
use chat::{Rooms, chat};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listening = chat::server().bind(addr).await?;
    println!("listening on http://{}", listening.local_addr()?);
    let rooms = Rooms::default();
    listening
        .serve(move |ws, request| {
            let (visitor, rooms) = (request.extensions().get().cloned(), rooms.clone());
            async move { chat(ws, visitor.ok_or("not authorized")?, rooms).await }
        })
        .await?;
    Ok(())
}
// ANCHOR_END: all
