//! Files that are larger than memory.

// ANCHOR: send
use std::path::Path;

use bowsprit::{
    WebSocket,
    error::BoxError,
    message::{Fragment, MessageKind},
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
};

/// Sends a file as one message, in fragments of 64 KiB.
pub(crate) async fn send_file(ws: &mut WebSocket, path: &Path) -> Result<(), BoxError> {
    let mut file = File::open(path).await?;
    let mut block = vec![0; 64 << 10];
    loop {
        let len = file.read(&mut block).await?;
        let fragment =
            Fragment { kind: MessageKind::Binary, payload: &block[..len], fin: len == 0 };
        ws.send_fragment(fragment).await?;
        if len == 0 {
            return Ok(());
        }
    }
}
// ANCHOR_END: send

// ANCHOR: receive
/// Writes one message to a file, of at most `max_len` bytes.
pub(crate) async fn receive_file(
    ws: &mut WebSocket,
    path: &Path,
    max_len: usize,
) -> Result<usize, BoxError> {
    let mut file = File::create(path).await?;
    let mut len = 0;
    while let Some(chunk) = ws.next_chunk().await? {
        len += chunk.payload.len();
        if len > max_len {
            return Err(format!("the file has more than {max_len} bytes").into());
        }
        file.write_all(chunk.payload).await?;
        if chunk.last {
            file.flush().await?;
            return Ok(len);
        }
    }
    Err("the connection was closed before a file came".into())
}
// ANCHOR_END: receive
