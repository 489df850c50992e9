//! The tutorial, step 7: TLS, with the certificate in the current directory.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-7-tls
//! ```

// ANCHOR: all
mod chat;

use bowsprit::{error::BoxError, tls::TlsServerConfig};
use chat::{Rooms, chat};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8443".into());
    let tls = TlsServerConfig::from_pem_files("cert.pem", "key.pem")?;
    let listening = chat::server().tls(tls).bind(addr).await?;
    println!("listening on https://{}", listening.local_addr()?);
    // ANCHOR_END: all
    let rooms = Rooms::default();
    listening
        .serve(move |ws, request| {
            let (visitor, rooms) = (request.extensions().get().cloned(), rooms.clone());
            async move { chat(ws, visitor.ok_or("not authorized")?, rooms).await }
        })
        .await?;
    Ok(())
}
