//! The client that Autobahn|Testsuite tests: asks for the number of cases, echoes in each, and has
//! the report written. Whether all went well stands in the report.

use std::env;

use anyhow::{Context, Result};
use bowsprit::{Client, Error, Event, WebSocket, config::Limits};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let server = env::args().nth(1).context("usage: conformance-client URL")?;
    let limits = Limits::CLIENT.max_message_len(64 << 20).max_fragments(1_000_000);
    let client = Client::new().limits(limits);
    for case in 1..=case_count(&client, &server).await? {
        let ws = client.connect(&format!("{server}/runCase?case={case}&agent=bowsprit")).await?;
        // Cases that break the protocol are to end in an error.
        if let Err(error) = echo(ws).await {
            eprintln!("case {case}: {error}");
        }
    }
    let reports = format!("{server}/updateReports?agent=bowsprit&shutdownOnComplete=true");
    // The server stops right after writing the reports, without a closing handshake and perhaps
    // without an opening one.
    if let Ok(ws) = client.connect(&reports).await {
        let _stopped = echo(ws).await;
    }
    Ok(())
}

async fn case_count(client: &Client, server: &str) -> Result<u32> {
    let mut ws = client.connect(&format!("{server}/getCaseCount")).await?;
    let count = ws.recv().await?.context("no number of cases")?;
    let _ended = ws.recv().await;
    Ok(count.as_text().context("the number of cases is no text")?.parse()?)
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    let (receive, send) = ws.split_mut();
    while let Some(event) = receive.next_event().await? {
        match event {
            Event::Text(text) => send.send(text).await?,
            Event::Binary(bytes) => send.send(bytes).await?,
            _ => {}
        }
    }
    Ok(())
}
