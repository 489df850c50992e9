//! Notices that a server is gone which sends a ping every 30 s, or messages.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin broken-connection -- ws://127.0.0.1:8080/echo
//! ```

use std::time::Duration;

use bowsprit::{Client, Error, Heartbeat, Options, Timer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: broken-connection URL [SECONDS]")?;
    let seconds = args.next().map_or(Ok(30.0), |seconds| seconds.parse())?;
    let mut options = Options::client();
    // Any byte counts as a sign of life. Only after silence is the server asked, by a ping.
    options.heartbeat =
        Some(Heartbeat::new(Duration::from_secs_f64(seconds), Duration::from_secs(1)));
    let mut ws = Client::new().options(options).connect(&url).await?;
    loop {
        match ws.recv().await {
            Ok(Some(message)) => println!("{message:?}"),
            Ok(None) => break,
            Err(Error::TimedOut(Timer::Heartbeat)) => {
                println!("the server is gone");
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
