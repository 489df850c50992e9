//! The address of a client, also behind a proxy: sends each client its own address.
//!
//! Any client can send `X-Forwarded-For`, so only the values of trusted proxies are used.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin client-address
//! ```

use bowsprit::{
    Server,
    server::{RequestExt, TrustedProxies},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let nginx = TrustedProxies::x_forwarded(["127.0.0.1/32".parse()?]);
    let server = Server::builder().trusted_proxies(nginx).bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(|mut ws, request| async move {
            let addr = request.client_addr();
            let addr = addr.map_or_else(|| "nobody knows".to_owned(), |addr| addr.to_string());
            ws.send(addr).await?;
            Ok(())
        })
        .await?;
    Ok(())
}
