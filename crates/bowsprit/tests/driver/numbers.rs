//! How many connections and handshakes there may be at a time.

use std::future::pending;

use bowsprit::{AcceptError, Error, Server, http::StatusCode, server::Rejection};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    peer::{Peer, REQUEST},
    support::{SECOND, accept_request, accepted_request, dial, paused, real, run_handler},
};

async fn status(addr: std::net::SocketAddr) -> u16 {
    let mut peer = Peer::client(TcpStream::connect(addr).await.unwrap());
    peer.write(REQUEST).await;
    peer.head().await.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn connections_beyond_the_limit_are_answered_503_until_one_ends() {
    real(async {
        for builder in
            [Server::builder().max_connections(2), Server::builder().max_connections_per_address(2)]
        {
            let (handles, mut handle) = mpsc::unbounded_channel();
            let (addr, _server) = run_handler(builder, move |mut ws, _| {
                handles.send(ws.handle()).unwrap();
                async move {
                    while ws.recv().await?.is_some() {}
                    Ok(())
                }
            })
            .await;
            let (_one, mut two) = (dial(addr).await, dial(addr).await);
            let handles = [handle.recv().await.unwrap(), handle.recv().await.unwrap()];
            assert_eq!(status(addr).await, 503);
            two.send_close(1000, "").await;
            two.expect_close(1000).await;
            two.expect_end().await;
            drop(two);
            // The place is free although somebody holds on to a handle of the connection.
            while status(addr).await != 101 {
                sleep(SECOND / 100).await;
            }
            drop(handles);
        }
    });
}

#[test]
fn a_connection_that_its_handler_moves_elsewhere_keeps_its_place() {
    paused(async {
        let server = Server::builder().max_connections(1).build();
        let (ws, _, _peer) = accept_request(&server, REQUEST).await;
        let refused = server.upgrade(&accepted_request()).unwrap_err();
        assert_eq!(refused.response().status(), StatusCode::SERVICE_UNAVAILABLE);
        let elsewhere = tokio::spawn(async move { drop(ws) });
        elsewhere.await.unwrap();
        drop(server.upgrade(&accepted_request()).unwrap());
        drop(server.upgrade(&accepted_request()).unwrap());
    });
}

#[test]
fn a_refused_request_leaves_its_place() {
    paused(async {
        let server = Server::builder()
            .max_connections(1)
            .authorize(|_| async { Err::<(), _>(Rejection::new(StatusCode::FORBIDDEN)) })
            .build();
        for _ in 0..2 {
            let refused = server.upgrade_async(&mut accepted_request()).await.unwrap_err();
            assert_eq!(refused.response().status(), 403);
        }
    });
}

#[test]
fn handshakes_beyond_the_limit_wait_their_turn() {
    real(async {
        let builder = Server::builder().max_pending_handshakes(2).handshake_timeout(SECOND / 2);
        let (addr, _server) = run_handler(builder, |_, _| pending()).await;
        let mut begun = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(b"G").await.unwrap();
            begun.push(stream);
        }
        sleep(SECOND / 20).await;
        let waiting = tokio::spawn(async move { dial(addr).await });
        tokio::pin!(waiting);
        assert!(timeout(SECOND / 10, &mut waiting).await.is_err(), "it has not waited");
        timeout(2 * SECOND, waiting).await.expect("it waits for ever").unwrap();
        drop(begun);
        // Those that are open do not count.
        let mut open = Vec::new();
        for _ in 0..5 {
            open.push(dial(addr).await);
        }
    });
}

/// What is refused is drained for two seconds after the answer.
#[test]
fn a_refused_client_leaves_its_permit_with_the_answer() {
    real(async {
        let builder = Server::builder().path("/only").max_pending_handshakes(1);
        let (addr, _server) = run_handler(builder, |_, _| pending()).await;
        let mut stay = Vec::new();
        let plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (request, status) in [(REQUEST, "404"), (plain, "404"), ("\0", "400")] {
            let mut peer = Peer::client(TcpStream::connect(addr).await.unwrap());
            peer.write(request).await;
            let head = timeout(SECOND, peer.head()).await.expect("it waits");
            assert_eq!(head.split(' ').nth(1), Some(status));
            stay.push(peer);
        }
    });
}

/// Only those who have sent nothing are cut to make room.
#[test]
fn slow_clients_do_not_count_as_silent() {
    real(async {
        let builder = Server::builder().max_silent_connections(4);
        let (addr, _server) = run_handler(builder, |_, _| pending()).await;
        let mut silent = TcpStream::connect(addr).await.unwrap();
        sleep(SECOND / 50).await;
        let mut slow = Vec::new();
        for _ in 0..8 {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            sleep(SECOND / 50).await;
            stream.write_all(b"GET").await.unwrap();
            sleep(SECOND / 50).await;
            slow.push(stream);
        }
        let mut byte = [0];
        let cut = timeout(SECOND / 10, silent.read(&mut byte)).await;
        assert!(cut.is_err(), "{cut:?}");
    });
}

#[test]
fn without_limits_there_are_none() {
    paused(async {
        let server = Server::builder().max_connections(None).build();
        let mut open = Vec::new();
        for _ in 0..100 {
            open.push(server.upgrade(&accepted_request()).unwrap());
        }
        let error = Error::from(Rejection::new(StatusCode::SERVICE_UNAVAILABLE));
        assert!(matches!(error, Error::Accept(AcceptError::Rejected(_))));
    });
}
