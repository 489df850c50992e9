//! Allocations of a server per message, once a connection is in its stride.
#![expect(clippy::unwrap_used, reason = "what fails fails the test")]

use std::{
    future::Future,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
};

use bowsprit::{Event, Server, WebSocket, error::BoxError};
use tokio::{runtime, sync::oneshot};

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The masking key is 0.
const REQUEST: &[u8] = b"\x82\x94\0\0\0\0twenty bytes of data";
const REPLY: &[u8] = b"\x82\x14twenty bytes of data";

/// Messages of the shorter of two runs, and how many more the longer one has.
const FEW: usize = 500;
const MORE: usize = 1000;

/// Of each length.
const TRIES: usize = 3;

/// Pools are swept from time to time, whatever is exchanged, and fill again: a few allocations per
/// second, where there are thousands of messages.
const SWEEPS: f64 = 0.01;

#[test]
fn a_loop_with_borrowed_events_allocates_nothing() {
    for depth in [1, 8] {
        let allocations = allocations_per_message(borrowed, depth);
        assert!(allocations <= SWEEPS, "{allocations}, {depth} at a time");
    }
}

#[test]
fn a_loop_with_owned_messages_allocates_at_most_once_for_each() {
    for depth in [1, 8] {
        let allocations = allocations_per_message(owned, depth);
        assert!(allocations <= 1.0 + SWEEPS, "{allocations}, {depth} at a time");
    }
}

async fn owned(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn borrowed(mut ws: WebSocket) -> Result<(), BoxError> {
    let (receive, send) = ws.split_mut();
    while let Some(event) = receive.next_event().await? {
        if let Event::Binary(bytes) = event {
            send.send(bytes).await?;
        }
    }
    Ok(())
}

/// What a longer run allocates beyond a shorter one, where `depth` messages arrive together.
fn allocations_per_message<F>(echo: fn(WebSocket) -> F, depth: usize) -> f64
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    // The least of some runs, as the first has what the process needs once.
    let least = |messages| (0..TRIES).map(|_| allocations(echo, messages, depth)).min();
    let [few, more] = [FEW, FEW + MORE].map(|messages| least(messages).unwrap_or(0));
    assert!(few > 0, "a connection takes something");
    more.saturating_sub(few) as f64 / MORE as f64
}

/// What a server under `serve` allocates; the client is on another thread, which does not count.
fn allocations<F>(echo: fn(WebSocket) -> F, messages: usize, depth: usize) -> u64
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let run = async {
        let server = Server::builder().bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = server.local_addr().unwrap();
        let serving = tokio::spawn(async move { server.serve(move |ws, _| echo(ws)).await });
        let (done, finished) = oneshot::channel();
        let client = thread::spawn(move || {
            exchange(addr, messages, depth);
            done.send(()).unwrap();
        });
        finished.await.unwrap();
        client.join().unwrap();
        serving.abort();
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    allocation_counter::measure(|| runtime.block_on(run)).count_total
}

fn exchange(addr: SocketAddr, messages: usize, depth: usize) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(UPGRADE).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let (requests, expected) = (REQUEST.repeat(depth), REPLY.repeat(depth));
    let mut replies = vec![0; expected.len()];
    for _ in 0..messages.div_ceil(depth) {
        stream.write_all(&requests).unwrap();
        stream.read_exact(&mut replies).unwrap();
        assert_eq!(replies, expected);
    }
}
