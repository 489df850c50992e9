//! Probes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bowsprit::{
    Server,
    server::{Health, HostPolicy, ServerBuilder, Shutdown},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpStream,
    sync::oneshot,
    time::Instant,
};

use super::{
    peer::Peer,
    shutdown::leave,
    support::{PIPE_LEN, SECOND, paused, real},
};

/// A server at this address, until the test ends.
async fn serve(builder: ServerBuilder) -> SocketAddr {
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(|_, _| async { Ok(()) }));
    addr
}

/// The response to this head.
async fn ask(addr: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

/// The status and the body of the response to a probe.
async fn probe(addr: SocketAddr, path: &str) -> (u16, String) {
    let response = ask(addr, &format!("GET {path} HTTP/1.1\r\nHost: 10.0.0.7:8080")).await;
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn ok() -> (u16, String) {
    (200, "ok\n".to_owned())
}

fn unready(reason: &str) -> (u16, String) {
    (503, format!("{reason}\n"))
}

#[test]
fn probes_are_answered_whatever_the_host() {
    real(async {
        let health = Health::new();
        let addr =
            serve(Server::builder().allowed_hosts(HostPolicy::Loopback).health(health)).await;
        for path in ["/livez", "/readyz", "/readyz?verbose"] {
            assert_eq!(probe(addr, path).await, ok());
            let response = ask(addr, &format!("GET {path} HTTP/1.0")).await.to_lowercase();
            assert!(response.starts_with("http/1.0 200 "), "{response}");
            assert!(response.contains("content-type: text/plain; charset=utf-8\r\n"), "{response}");
            assert!(response.contains("cache-control: no-store\r\n"), "{response}");
        }
        assert_eq!(probe(addr, "/").await.0, 421);
        let head = ask(addr, "HEAD /livez HTTP/1.1\r\nHost: a").await.to_lowercase();
        assert!(head.starts_with("http/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains("content-length: 3\r\n"), "{head}");
        let post = ask(addr, "POST /readyz HTTP/1.1\r\nHost: a").await.to_lowercase();
        assert!(
            post.starts_with("http/1.1 405 ") && post.contains("allow: get, head\r\n"),
            "{post}"
        );
    });
}

#[test]
fn without_health_these_paths_are_like_others() {
    real(async {
        let addr = serve(Server::builder().path("/chat")).await;
        assert_eq!(probe(addr, "/livez").await.0, 404);
    });
}

#[test]
fn a_failed_check_is_named_and_does_not_kill() {
    real(async {
        let is_connected = Arc::new(AtomicBool::new(false));
        let checked = Arc::clone(&is_connected);
        let health = Health::new()
            .check("config", || true)
            .check("database", move || checked.load(Ordering::Relaxed));
        let addr = serve(Server::builder().health(health.clone())).await;
        assert_eq!(probe(addr, "/readyz").await, unready("not ready: database"));
        assert_eq!(probe(addr, "/livez").await, ok());
        assert!(!health.is_ready());
        is_connected.store(true, Ordering::Relaxed);
        assert_eq!(probe(addr, "/readyz").await, ok());
        assert!(health.is_ready());
        let panicking = Health::new().check("cache", || panic!("a check of the test"));
        let addr = serve(Server::builder().health(panicking)).await;
        assert_eq!(probe(addr, "/readyz").await, unready("not ready: cache"));
    });
}

#[test]
fn the_listeners_stay_open_for_the_delay() {
    real(async {
        let health = Health::new();
        let other = serve(Server::builder().health(health.clone())).await;
        let server = Server::builder().health(health).bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or_default() };
        let shutdown = Shutdown::default().drain_delay(Duration::MAX);
        tokio::spawn(server.serve_until(|_, _| async { Ok(()) }, stopped, shutdown));
        for addr in [addr, other] {
            assert_eq!(probe(addr, "/readyz").await, ok());
        }
        stop.send(()).unwrap();
        while probe(addr, "/readyz").await == ok() {}
        for addr in [addr, other] {
            assert_eq!(probe(addr, "/readyz").await, unready("shutting down"));
            assert_eq!(probe(addr, "/livez").await, ok());
        }
        Peer::connect(TcpStream::connect(addr).await.unwrap()).await;
    });
}

#[test]
fn after_the_delay_the_listeners_close() {
    real(async {
        let health = Health::new();
        let other = serve(Server::builder().health(health.clone())).await;
        let server = Server::builder().health(health).bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let shutdown = Shutdown::default().drain_delay(Duration::from_millis(1));
        let (handler, signal) = (|_, _| async { Ok(()) }, async {});
        server.serve_until(handler, signal, shutdown).await.unwrap();
        TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(probe(other, "/readyz").await, unready("shutting down"));
    });
}

#[test]
fn connections_are_closed_after_the_delay() {
    paused(async {
        let health = Health::new();
        let server = Server::builder().health(health.clone()).build();
        let begun = Instant::now();
        let leaving = leave(&server, Shutdown::default().drain_delay(3 * SECOND));
        let (ours, theirs) = duplex(PIPE_LEN);
        let (ws, mut peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
        let mut ws = ws.unwrap();
        tokio::spawn(async move { ws.recv().await });
        assert!(!health.is_ready());
        peer.expect_close(1001).await;
        assert_eq!(begun.elapsed(), 3 * SECOND);
        peer.send_close(1001, "").await;
        assert_eq!(leaving.await.unwrap().closed, 1);
    });
}
