//! Compression contexts of idle connections.

use std::fmt::Write;

use bowsprit::{
    ConnectionConfig, Deflate, Server, WebSocket,
    deflate::{Backend, ContextTakeover},
};
use tokio::{io::AsyncWriteExt, io::DuplexStream, time::sleep};

use super::{
    peer::Peer,
    support::{PIPE_LEN, SECOND, paused},
};

/// What the tests compress with: `--features zlib` runs all of them with zlib.
#[cfg(not(feature = "zlib"))]
const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
const BACKEND: Backend = Backend::Zlib;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

async fn server_with_takeover() -> (WebSocket, Peer<DuplexStream>) {
    let deflate = Deflate::server().server_context_takeover(ContextTakeover::Allowed);
    let server = Server::builder()
        .deflate(deflate.backend(BACKEND))
        .config(ConnectionConfig::server().without_timeouts())
        .build();
    let (ours, mut theirs) = tokio::io::duplex(PIPE_LEN);
    theirs.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut peer = Peer::client(theirs);
    let (ws, head) = tokio::join!(server.accept(ours), peer.head());
    assert!(head.contains("permessage-deflate; client_no_context_takeover\r\n"), "{head}");
    (ws.unwrap(), peer)
}

/// Text that refers to nothing within itself.
fn text() -> String {
    let mut text = String::new();
    let mut state = 1_u32;
    for _ in 0..300 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        write!(text, "{state:08x}").unwrap();
    }
    text
}

async fn sent_len(ws: &mut WebSocket, peer: &mut Peer<DuplexStream>) -> usize {
    ws.send(text()).await.unwrap();
    ws.flush().await.unwrap();
    peer.frame().await.payload.len()
}

#[test]
fn an_idle_connection_drops_the_context_that_takeover_has_kept() {
    paused(async {
        let (mut ws, mut peer) = server_with_takeover().await;
        let first = sent_len(&mut ws, &mut peer).await;
        for _ in 0..5 {
            sleep(50 * SECOND).await;
            let again = sent_len(&mut ws, &mut peer).await;
            assert!(again * 10 < first, "{again} after {first}");
        }
        sleep(130 * SECOND).await;
        let fresh = sent_len(&mut ws, &mut peer).await;
        assert_eq!(fresh, first);
    });
}

/// Connections of one thread, whose contexts come from the same pools.
#[cfg(feature = "zlib")]
#[test]
fn connections_with_both_backends_share_a_thread() {
    use bowsprit::{Client, testing::pair_of};

    paused(async {
        let backends = [Backend::ZlibRs, Backend::Zlib];
        let mut connections = Vec::new();
        for (ours, theirs) in backends.into_iter().flat_map(|of| backends.map(|to| (of, to))) {
            let server = Server::builder().deflate(Deflate::server().backend(ours)).build();
            let client = Client::new().deflate(Deflate::client().backend(theirs));
            let pair = pair_of(&client, &server, "ws://localhost/").await.unwrap();
            connections.push((pair, server));
        }
        for i in 0..10 {
            for ((client, served), _) in &mut connections {
                let message = text().repeat(1 + i % 3);
                client.send(&*message).await.unwrap();
                let received = served.recv().await.unwrap().unwrap();
                assert_eq!(received, *message);
                served.send(received).await.unwrap();
                assert_eq!(client.recv().await.unwrap().unwrap(), *message);
            }
        }
        for (_, server) in &connections {
            let stats = server.stats();
            for traffic in [stats.received, stats.sent] {
                assert!(traffic.wire_bytes * 10 < traffic.payload_bytes * 9, "{traffic:?}");
            }
        }
    });
}
