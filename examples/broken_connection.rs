//! Detects that a server is gone, if it normally sends a ping or a message at least every 30 s.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin broken-connection -- ws://127.0.0.1:8080/echo
//! ```

use std::time::Duration;

use bowsprit::{Client, ConnectionConfig, Error, error::TimeoutKind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: broken-connection URL [SECONDS]")?;
    let seconds = args.next().map_or(Ok(31.0), |seconds| seconds.parse())?;
    // The interval of the server's pings, plus a second for delays. For a server that sends none,
    // use `ConnectionConfig::heartbeat`, which sends pings itself.
    let config = ConnectionConfig::client().idle_timeout(Duration::from_secs_f64(seconds));
    let mut ws = Client::new().config(config).connect(&url).await?;
    loop {
        match ws.recv().await {
            Ok(Some(message)) => println!("{message:?}"),
            Ok(None) => break,
            Err(Error::TimedOut(TimeoutKind::Idle)) => {
                println!("the server is gone");
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
