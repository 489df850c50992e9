//! Open connections, on a server's side.

use std::future::Future;

use anyhow::{Result, ensure};
use bowsprit::{Event, Server, Topics, WebSocket, error::BoxError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{peer::open, protocol::masked_frame};

const PAYLOAD: &[u8] = b"twenty bytes of data";

/// As a server sends it.
const FRAME: &[u8] = b"\x82\x14twenty bytes of data";

const TOPIC: &str = "news";

/// Messages there and back, so many at a time.
pub(crate) async fn echo<F>(echo: fn(WebSocket) -> F, depth: usize, times: usize) -> Result<()>
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (ws, mut peer) = open(&Server::builder().build()).await?;
    tokio::spawn(echo(ws));
    let (requests, expected) = (masked_frame(FRAME[0], PAYLOAD).repeat(depth), FRAME.repeat(depth));
    let mut replies = vec![0; expected.len()];
    for _ in 0..times / depth {
        peer.write_all(&requests).await?;
        peer.read_exact(&mut replies).await?;
        ensure!(replies == expected, "another message has come back");
    }
    Ok(())
}

pub(crate) async fn owned(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

pub(crate) async fn borrowed(mut ws: WebSocket) -> Result<(), BoxError> {
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

/// Publications, each to all members.
pub(crate) async fn publish(members: usize, times: usize) -> Result<()> {
    let (server, topics) = (Server::builder().build(), Topics::new());
    let mut peers = Vec::new();
    for _ in 0..members {
        let (ws, peer) = open(&server).await?;
        ensure!(topics.join(TOPIC, &ws.handle()), "it has joined before");
        tokio::spawn(owned(ws));
        peers.push(peer);
    }
    let mut received = [0; FRAME.len()];
    for _ in 0..times {
        topics.publish(TOPIC, PAYLOAD).await;
        for peer in &mut peers {
            peer.read_exact(&mut received).await?;
            ensure!(received == *FRAME, "another message was published");
        }
    }
    Ok(())
}

/// A connection joins a topic that has a member, and leaves it.
pub(crate) async fn join_and_leave(times: usize) -> Result<()> {
    let (server, topics) = (Server::builder().build(), Topics::new());
    let (other, _other_peer) = open(&server).await?;
    let (ws, _peer) = open(&server).await?;
    topics.join(TOPIC, &other.handle());
    let handle = ws.handle();
    for _ in 0..times {
        ensure!(topics.join(TOPIC, &handle), "it has joined before");
        ensure!(topics.leave(TOPIC, &handle), "it has not joined");
    }
    Ok(())
}

/// Messages to a connection that another task reads, so many before the peer takes them.
pub(crate) async fn send_by_handle(depth: usize, times: usize) -> Result<()> {
    let (ws, mut peer) = open(&Server::builder().build()).await?;
    let handle = ws.handle();
    tokio::spawn(owned(ws));
    let expected = FRAME.repeat(depth);
    let mut received = vec![0; expected.len()];
    for _ in 0..times / depth {
        for _ in 0..depth {
            handle.send(PAYLOAD).await?;
        }
        peer.read_exact(&mut received).await?;
        ensure!(received == expected, "another message was sent");
    }
    Ok(())
}
