//! Connects through a proxy.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin proxy -- socks5h://127.0.0.1:1080 ws://chat.example/
//! ```
//!
//! Without `Client::proxy`, proxies are taken from the environment, as in curl.

use bowsprit::{Client, CloseCode, ConnectError, client::Proxy, error::ProxyError};

// ANCHOR: main
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(proxy), Some(url)) = (args.next(), args.next()) else {
        return Err("usage: proxy PROXY URL".into());
    };
    let client = Client::new().proxy(proxy.parse::<Proxy>()?);
    let mut ws = match client.connect(&url).await {
        Err(ConnectError::Proxy { proxy, error: ProxyError::Rejected(response) }) => {
            println!("{proxy} answers {}", response.status());
            return Ok(());
        }
        connected => connected?,
    };
    ws.send("hello").await?;
    println!("{:?}", ws.recv().await?);
    ws.close(CloseCode::NORMAL).await?;
    Ok(())
}
// ANCHOR_END: main
