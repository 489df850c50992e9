//! Measures the round-trip time: sends a timestamp, and compares it with the clock when it returns.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin round-trip-time -- ws://127.0.0.1:8080/echo 5
//! ```

use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: round-trip-time URL [COUNT]")?;
    let count = args.next().map_or(Ok(usize::MAX), |count| count.parse())?;
    let mut ws = bowsprit::connect(&url).await?;
    let begun = Instant::now();
    for _ in 0..count {
        ws.send(begun.elapsed().as_nanos().to_string()).await?;
        let Some(message) = ws.recv().await? else { break };
        let sent: u64 = message.as_text().ok_or("no text")?.parse()?;
        println!("round-trip time {:?}", begun.elapsed() - Duration::from_nanos(sent));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ws.close(bowsprit::CloseCode::NORMAL).await?;
    Ok(())
}
