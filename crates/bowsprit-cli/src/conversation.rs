//! Lines out, messages in, until there is nothing more to wait for.

use std::{
    io::{self, IsTerminal},
    pin::pin,
    time::Duration,
};

use anyhow::Context;
use bowsprit::{CloseCode, Message, ReceiveHalf, SendHalf, WebSocket};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Stdin},
    time::timeout,
};

use crate::{
    args::Connect,
    outcome::Outcome,
    signal::Signals,
    terminal::{escaped, note},
    wait::{Activity, Wait},
};

/// How long the peer has to answer the close frame.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends lines and prints messages until the connection ends.
pub(crate) async fn converse(
    ws: WebSocket,
    options: &Connect,
    signals: &mut Signals,
) -> anyhow::Result<Outcome> {
    let handle = ws.handle();
    let (mut receive, send) = ws.split();
    let activity = Activity::new();
    let wait = options.wait.unwrap_or_else(|| Wait::default_for(&io::stdin()));
    let mut receiving = pin!(print_messages(&mut receive, options.count, &activity));
    let result = tokio::select! {
        result = &mut receiving => return result,
        Err(error) = send_lines(send, options.binary, &activity) => Err(error),
        () = activity.quiet_for(wait) => {
            if !matches!(wait, Wait::For(Duration::ZERO)) {
                note(&format!("nothing came for {wait} (see --wait); closing"));
            }
            Ok(Outcome::Done)
        }
        signal = signals.next() => {
            note("closing; the next signal waits for nothing");
            Ok(signal.into())
        }
    };
    let _ended = handle.start_close(CloseCode::NORMAL);
    tokio::select! {
        // What comes until the peer has answered is printed.
        _late = timeout(PATIENCE, receiving) => result,
        signal = signals.next() => Ok(signal.into()),
    }
}

/// Prints messages until the connection ends, so many have come, or nobody reads them.
async fn print_messages(
    receive: &mut ReceiveHalf,
    count: Option<u64>,
    activity: &Activity,
) -> anyhow::Result<Outcome> {
    let terminal = io::stdout().is_terminal();
    let mut printed = 0;
    while let Some(message) = receive.recv().await? {
        if let Err(error) = print(&message, terminal).await {
            let outcome = leave(receive).await;
            // Whoever read has enough.
            let quietly = error.kind() == io::ErrorKind::BrokenPipe;
            return if quietly {
                Ok(outcome)
            } else {
                Err(error).context("cannot write to stdout")
            };
        }
        activity.note_message();
        printed += 1;
        if count == Some(printed) {
            return Ok(leave(receive).await);
        }
    }
    Ok(note_close(receive))
}

/// Closes from this side. Whatever the peer makes of that, the outcome is as asked.
async fn leave(receive: &mut ReceiveHalf) -> Outcome {
    let _ended = timeout(PATIENCE, receive.close(CloseCode::NORMAL)).await;
    note_close(receive);
    Outcome::Done
}

fn note_close(receive: &ReceiveHalf) -> Outcome {
    let Some(close) = receive.peer_close() else { return Outcome::Done };
    note(&format!("closed: {}", escaped(&close.to_string())));
    (&close).into()
}

async fn print(message: &Message, terminal: bool) -> io::Result<()> {
    let mut line = if terminal {
        escaped(&String::from_utf8_lossy(message.as_bytes())).into_bytes()
    } else {
        message.as_bytes().to_vec()
    };
    line.push(b'\n');
    let mut stdout = tokio::io::stdout();
    stdout.write_all(&line).await?;
    stdout.flush().await
}

/// Sends the lines of standard input.
async fn send_lines(mut send: SendHalf, binary: bool, activity: &Activity) -> anyhow::Result<()> {
    let mut stdin = BufReader::new(tokio::io::stdin());
    while let Some(line) = next_line(&mut stdin).await? {
        let sent = if binary {
            send.send(line).await
        } else {
            let text = String::from_utf8(line).context("stdin is not UTF-8; try --binary")?;
            send.send(text).await
        };
        if sent.is_err() {
            break;
        }
    }
    // If that fails the connection has ended, and the receiving half tells why.
    let _ended = send.flush().await;
    activity.note_end_of_input();
    Ok(())
}

async fn next_line(stdin: &mut BufReader<Stdin>) -> anyhow::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let len = stdin.read_until(b'\n', &mut line).await.context("cannot read stdin")?;
    if line.ends_with(b"\n") {
        line.pop();
    }
    Ok((len > 0).then_some(line))
}
