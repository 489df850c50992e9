//! Compression contexts of idle connections.

use std::fmt::Write;

use bowsprit::{ConnectionConfig, Deflate, Server, WebSocket, deflate::ContextTakeover};
use tokio::{io::AsyncWriteExt, io::DuplexStream, time::sleep};

use super::{
    peer::Peer,
    support::{PIPE_LEN, SECOND, paused},
};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

async fn server_with_takeover() -> (WebSocket, Peer<DuplexStream>) {
    let deflate = Deflate::server().server_context_takeover(ContextTakeover::Allowed);
    let server = Server::builder()
        .deflate(deflate)
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
