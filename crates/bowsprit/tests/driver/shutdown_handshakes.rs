//! Opening handshakes that are under way when a server shuts down.

use std::{future::pending, time::Duration};

use bowsprit::{
    AcceptError, Server, WebSocket,
    http::StatusCode,
    server::{Rejection, Shutdown, ShutdownSummary},
};
use tokio::{
    io::{AsyncReadExt, DuplexStream},
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Instant, sleep},
};

use super::{
    peer::{Peer, REQUEST},
    shutdown::leave,
    support::{PIPE_LEN, SECOND, accepted_request, paused, real},
};

/// A server that is asked this and decides after ten seconds, and its client.
async fn decide(request: &str, decision: Result<(), StatusCode>) -> (Server, Peer<DuplexStream>) {
    let server = Server::builder().authorize(move |_| async move {
        sleep(10 * SECOND).await;
        decision.map_err(Rejection::from)
    });
    let server = server.build();
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::client(theirs);
    peer.write(request).await;
    let accepting = server.clone();
    tokio::spawn(async move { accepting.accept(ours).await.unwrap_err() });
    sleep(SECOND).await;
    (server, peer)
}

#[test]
fn a_decision_that_is_under_way_has_its_time_but_lets_nobody_in() {
    paused(async {
        let refused = StatusCode::UNAUTHORIZED;
        for (decision, status) in [(Ok(()), 503), (Err(refused), 401)] {
            let (server, mut peer) = decide(REQUEST, decision).await;
            let begun = Instant::now();
            let leaving = leave(&server, Shutdown::within(60 * SECOND));
            let head = peer.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert_eq!(begun.elapsed(), 9 * SECOND);
            drop(peer);
            assert_eq!(leaving.await.unwrap(), ShutdownSummary::default());
            assert_eq!(begun.elapsed(), 9 * SECOND);
        }
    });
}

#[test]
fn at_the_deadline_a_decision_is_given_up_and_answered_503() {
    paused(async {
        let (server, mut peer) = decide(REQUEST, Ok(())).await;
        let begun = Instant::now();
        let leaving = leave(&server, Shutdown::within(3 * SECOND));
        let head = peer.head().await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        // The client need not go for the server to end.
        let departed = leaving.await.unwrap();
        assert_eq!((departed.closed, departed.cut), (0, 1));
        assert_eq!(begun.elapsed(), 3 * SECOND);
        assert_eq!(server.stats().handshakes.refused, 1);
    });
}

#[test]
fn a_request_that_has_begun_is_answered_503_when_it_is_whole_or_at_the_deadline() {
    paused(async {
        let (begun, rest) = REQUEST.split_at(20);
        let (server, mut peer) = decide(begun, Ok(())).await;
        let leaving = leave(&server, Shutdown::within(5 * SECOND));
        sleep(SECOND).await;
        peer.write(rest).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
        drop(peer);
        assert_eq!(leaving.await.unwrap(), ShutdownSummary::default());
        let (server, mut peer) = decide(begun, Ok(())).await;
        let leaving = leave(&server, Shutdown::within(5 * SECOND));
        assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
        assert_eq!(leaving.await.unwrap().cut, 1);
        assert_eq!(server.stats().handshakes.refused, 1);
    });
}

#[test]
fn where_no_request_has_begun_the_connection_is_closed_at_once() {
    paused(async {
        let (server, mut peer) = decide("", Ok(())).await;
        let begun = Instant::now();
        let departed = server.shutdown(Shutdown::default()).await;
        assert_eq!((departed, begun.elapsed()), (ShutdownSummary::default(), Duration::ZERO));
        peer.expect_end().await;
        assert_eq!(server.stats().handshakes.failed, 1);
    });
}

#[test]
fn a_client_that_takes_no_answer_is_cut_at_the_deadline() {
    paused(async {
        let server = Server::builder().build();
        let (ours, theirs) = tokio::io::duplex(100);
        let mut peer = Peer::client(theirs);
        let accepting = server.clone();
        let accepting = tokio::spawn(async move { accepting.accept(ours).await });
        peer.write(REQUEST).await;
        let begun = Instant::now();
        let departed = leave(&server, Shutdown::within(3 * SECOND)).await.unwrap();
        assert_eq!((departed.cut, begun.elapsed()), (1, 3 * SECOND));
        let ended = accepting.await.unwrap();
        assert!(matches!(ended, Err(AcceptError::ShuttingDown)), "{ended:?}");
    });
}

#[test]
fn another_http_server_is_told_503_for_a_decision_at_the_deadline() {
    paused(async {
        let never = |_| pending::<Result<(), Rejection>>();
        let server = Server::builder().authorize(never).build();
        let mut request = accepted_request();
        let (refused, departed) = tokio::join!(
            server.upgrade_async(&mut request),
            server.shutdown(Shutdown::within(3 * SECOND))
        );
        assert_eq!(refused.unwrap_err().response().status(), 503);
        assert_eq!(departed.cut, 1);
    });
}

#[test]
fn what_ends_with_its_server_gets_an_answer_over_sockets() {
    real(async {
        let (tell, mut told) = mpsc::unbounded_channel();
        let never = move |_| {
            tell.send(()).unwrap();
            pending::<Result<(), Rejection>>()
        };
        let bound = Server::builder().authorize(never).bind("127.0.0.1:0").await.unwrap();
        let addr = bound.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let signal = async move { stopped.await.unwrap() };
        let shutdown = Shutdown::within(SECOND / 5);
        let handler = |_: WebSocket, _| async {};
        let serving = tokio::spawn(bound.serve_until(handler, signal, shutdown));
        let mut silent = TcpStream::connect(addr).await.unwrap();
        let mut peer = Peer::client(TcpStream::connect(addr).await.unwrap());
        peer.write(REQUEST).await;
        told.recv().await.unwrap();
        stop.send(()).unwrap();
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(serving.await.unwrap().unwrap().cut, 1);
        assert!(peer.head().await.starts_with("HTTP/1.1 503 "));
    });
}
