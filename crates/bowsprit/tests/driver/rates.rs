//! Peers that send more in a time than they may.

use std::fmt::Debug;

use bowsprit::{Client, ConnectionConfig, Error, WebSocket, error::ProtocolError};
use tokio::{io::DuplexStream, time::sleep};

use super::{
    peer::{BINARY, CLOSE, Frame, PING, PONG, Peer, TEXT},
    support::{SECOND, client_with, paused, server_opts},
};

/// So many may come in a second.
const MAX: usize = 10;

fn limited(mut config: ConnectionConfig) -> ConnectionConfig {
    config.max_messages_per_second = Some(10);
    config.max_pings_per_second = Some(10);
    config
}

async fn server() -> (WebSocket, Peer<DuplexStream>) {
    server_opts(limited(ConnectionConfig::server())).await
}

/// Expects the end, and that the peer is told why.
async fn expect_end<T: Debug>(
    received: Result<T, Error>,
    expected: ProtocolError,
    ws: &mut WebSocket,
    peer: &mut Peer<DuplexStream>,
) {
    let Err(Error::Protocol(error)) = received else { panic!("{received:?}") };
    assert_eq!(error, expected);
    let close = loop {
        let frame = peer.frame().await;
        if frame.opcode != PONG {
            break frame;
        }
    };
    assert_eq!((close.opcode, &close.payload[..2]), (CLOSE, &1008_u16.to_be_bytes()[..]));
    assert!(ws.recv().await.unwrap().is_none());
}

/// Receives to the end, while the peer closes its side.
async fn receive_all(ws: &mut WebSocket) -> (usize, Result<(), Error>) {
    let mut count = 0;
    loop {
        match ws.recv().await {
            Ok(Some(_)) => count += 1,
            Ok(None) => return (count, Ok(())),
            Err(error) => return (count, Err(error)),
        }
    }
}

#[test]
fn more_messages_than_allowed_end_the_connection_with_1008() {
    paused(async {
        for payload in ["", "x"] {
            let (mut ws, mut peer) = server().await;
            peer.write(peer.encode(TEXT, payload).repeat(MAX + 1)).await;
            peer.shut_down().await;
            let (count, ended) = receive_all(&mut ws).await;
            assert_eq!(count, MAX);
            expect_end(ended, ProtocolError::TooManyMessages, &mut ws, &mut peer).await;
        }
    });
}

#[test]
fn a_client_limits_its_server_as_well() {
    paused(async {
        let client = Client::new().config(limited(ConnectionConfig::client()));
        let (mut ws, mut peer) = client_with(client).await;
        peer.write(peer.encode(BINARY, "x").repeat(MAX + 1)).await;
        peer.shut_down().await;
        let (count, ended) = receive_all(&mut ws).await;
        assert_eq!(count, MAX);
        expect_end(ended, ProtocolError::TooManyMessages, &mut ws, &mut peer).await;
    });
}

#[test]
fn whoever_keeps_to_the_rate_may_go_on_for_ever() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let sending = tokio::spawn(async move {
            for _ in 0..30 {
                peer.write(peer.encode(TEXT, "x").repeat(MAX)).await;
                peer.write(peer.encode(PING, "x").repeat(MAX)).await;
                sleep(SECOND + SECOND / 100).await;
            }
            peer.send_close(1000, "").await;
            peer.shut_down().await;
            peer
        });
        let (count, ended) = receive_all(&mut ws).await;
        ended.unwrap();
        assert_eq!(count, 30 * MAX);
        drop(sending.await.unwrap());
    });
}

/// The peer keeps to the rate all the time; it is the application that is slow.
#[test]
fn an_application_that_is_slow_is_not_the_peer_s_fault() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        peer.send(TEXT, "takes long").await;
        let sending = tokio::spawn(async move {
            for _ in 0..6 {
                peer.write(peer.encode(TEXT, "x").repeat(MAX)).await;
                sleep(SECOND).await;
            }
            peer.write(peer.encode(TEXT, "x").repeat(6 * MAX)).await;
            peer
        });
        ws.recv().await.unwrap();
        sleep(5 * SECOND + SECOND / 2).await;
        for _ in 0..6 * MAX {
            ws.recv().await.unwrap();
        }
        // Now it does not.
        let (count, ended) = receive_all(&mut ws).await;
        assert!(count <= 2 * MAX, "{count}");
        let mut peer = sending.await.unwrap();
        expect_end(ended, ProtocolError::TooManyMessages, &mut ws, &mut peer).await;
    });
}

#[test]
fn the_frames_of_a_message_count_whether_it_ends_or_not() {
    paused(async {
        for fin in [true, false] {
            let (mut ws, mut peer) = server().await;
            let mut frame = Frame { fin: false, opcode: BINARY, payload: Vec::new() };
            let mut bytes = frame.encode(true);
            frame.opcode = 0;
            bytes.extend(frame.encode(true).repeat(MAX));
            frame.fin = fin;
            bytes.extend(frame.encode(true));
            peer.write(bytes).await;
            let received = ws.recv().await;
            expect_end(received, ProtocolError::TooManyMessages, &mut ws, &mut peer).await;
        }
    });
}

#[test]
fn frames_count_the_same_for_those_who_read_in_chunks() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        // One frame, however many pieces it comes in, is one.
        let long = peer.encode(BINARY, [0; 1000]);
        let (received, ()) = tokio::join!(
            async {
                while !ws.next_chunk().await?.is_some_and(|chunk| chunk.last) {}
                Ok::<(), Error>(())
            },
            async {
                for byte in long.chunks(10) {
                    peer.write(byte).await;
                    tokio::task::yield_now().await;
                }
            }
        );
        received.unwrap();
        // Empty ones, which make no chunks.
        let mut frame = Frame { fin: false, opcode: BINARY, payload: Vec::new() };
        peer.write(frame.encode(true)).await;
        frame.opcode = 0;
        peer.write(frame.encode(true).repeat(MAX + 1)).await;
        let received = ws.next_chunk().await.map(|_| ());
        expect_end(received, ProtocolError::TooManyMessages, &mut ws, &mut peer).await;
    });
}

#[test]
fn pings_and_pongs_have_a_rate_of_their_own() {
    paused(async {
        for opcode in [PING, PONG] {
            let (mut ws, mut peer) = server().await;
            peer.write(peer.encode(TEXT, "x").repeat(MAX)).await;
            peer.write(peer.encode(opcode, "").repeat(MAX + 1)).await;
            peer.shut_down().await;
            let (count, ended) = receive_all(&mut ws).await;
            assert_eq!(count, MAX);
            expect_end(ended, ProtocolError::TooManyPings, &mut ws, &mut peer).await;
        }
    });
}

#[test]
fn a_close_frame_is_always_allowed() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        peer.write(peer.encode(PING, "").repeat(MAX)).await;
        peer.write(peer.encode(TEXT, "").repeat(MAX)).await;
        peer.send_close(1000, "").await;
        peer.shut_down().await;
        let (count, ended) = receive_all(&mut ws).await;
        assert_eq!(count, MAX);
        ended.unwrap();
    });
}
