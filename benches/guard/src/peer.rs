//! The other end of a connection: bytes, so that it costs little and always the same.

use anyhow::{Context, Result, ensure};
use bowsprit::{Server, WebSocket};
use bowsprit_proto::handshake::accept_for;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// More than is ever under way.
const PIPE_LEN: usize = 64 * 1024;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const KEY: &[u8] = b"Sec-WebSocket-Key: ";

/// The two ends of a transport.
pub(crate) fn pipe() -> (DuplexStream, DuplexStream) {
    duplex(PIPE_LEN)
}

/// A connection that a server has accepted, and its client's end.
pub(crate) async fn open(server: &Server) -> Result<(WebSocket, DuplexStream)> {
    let (io, mut peer) = pipe();
    peer.write_all(REQUEST).await?;
    let ws = Box::pin(server.accept(io)).await?;
    let head = read_head(&mut peer).await?;
    ensure!(head.starts_with(b"HTTP/1.1 101 "), "the request was refused");
    Ok((ws, peer))
}

/// Answers a client's request.
pub(crate) async fn answer(peer: &mut DuplexStream) -> Result<()> {
    let request = read_head(peer).await?;
    let key = request.split(|byte| *byte == b'\n').find_map(key).context("there is no key")?;
    let accept = accept_for(str::from_utf8(key)?);
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(peer.write_all(response.as_bytes()).await?)
}

/// The key, if this is its line.
fn key(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = line.split_at_checked(KEY.len())?;
    name.eq_ignore_ascii_case(KEY).then(|| value.trim_ascii_end())
}

async fn read_head(peer: &mut DuplexStream) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(peer.read_buf(&mut head).await? > 0, "the head is cut short");
    }
    Ok(head)
}
