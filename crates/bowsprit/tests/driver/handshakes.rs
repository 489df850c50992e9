//! However a handshake ends, it is counted once.

use std::{future::pending, time::Duration};

use bowsprit::{
    Bytes, Server,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header},
    server::{HostPolicy, OriginPolicy, Rejection, ServerBuilder},
    stats::Handshakes,
};
use tokio::{
    io::DuplexStream,
    time::{sleep, timeout},
};

use super::{
    peer::{Peer, REQUEST},
    support::{PIPE_LEN, SECOND, accepted_request, paused},
};

/// What a handshake is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Accepted,
    Refused(u16),
    Failed,
    TimedOut,
    Plain,
}
use Counted::{Accepted, Failed, Plain, Refused, TimedOut};

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// Expects so many handshakes, all of which have come to the same.
#[track_caller]
fn assert_counted(name: &str, server: &Server, count: u64, expected: Counted) {
    let all = server.stats().handshakes;
    let kinds = [all.accepted, all.refused, all.failed, all.timed_out, all.plain];
    let place = match expected {
        Accepted => 0,
        Refused(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(all.refused_with(status), count, "{name}: {all:?}");
            1
        }
        Failed => 2,
        TimedOut => 3,
        Plain => 4,
    };
    let mut wanted = [0; 5];
    wanted[place] = count;
    assert_eq!(kinds, wanted, "{name}: {all:?}");
}

fn builder() -> ServerBuilder {
    Server::builder().handshake_timeout(SECOND)
}

/// A server and a client that does this meanwhile, and is there until it has been answered.
async fn meet(server: &Server, pipe_len: usize, client: impl AsyncFnOnce(&mut Peer<DuplexStream>)) {
    let (ours, theirs) = tokio::io::duplex(pipe_len);
    let mut peer = Peer::client(theirs);
    let (accepted, ()) = tokio::join!(server.accept(ours), client(&mut peer));
    drop(accepted);
}

/// A server that is sent this, whatever it answers.
async fn answer(server: &Server, request: &str) {
    meet(server, PIPE_LEN, async |peer| {
        peer.write(request).await;
    })
    .await;
}

fn request_with(field: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"))
}

fn panicking<T>() -> T {
    panic!("as asked")
}

async fn forbid(_: Request<()>) -> Result<(), Rejection> {
    Err(Rejection::new(StatusCode::FORBIDDEN))
}

#[test]
fn by_the_rules() {
    paused(async {
        let localhost = || HostPolicy::List(vec!["localhost".into()]);
        let evil = request_with("Origin: http://evil.example");
        let reserved = |_: &_, headers: &mut HeaderMap| {
            headers.insert(header::CONNECTION, HeaderValue::from_static("x"));
        };
        for (name, builder, request, expected) in [
            ("all well", builder(), REQUEST.into(), Accepted),
            ("method", builder(), REQUEST.replace("GET", "POST"), Refused(405)),
            ("version", builder(), REQUEST.replace("Version: 13", "Version: 7"), Refused(426)),
            ("key", builder(), REQUEST.replace("dGhl", ""), Refused(400)),
            ("host", builder().allowed_hosts(localhost()), REQUEST.into(), Refused(421)),
            ("origin", builder(), evil, Refused(403)),
            ("path", builder().path("/other"), REQUEST.into(), Refused(404)),
            ("no place", builder().max_connections(0), REQUEST.into(), Refused(503)),
            ("should_handle", builder().should_handle(|_| false), REQUEST.into(), Refused(404)),
            ("authorize", builder().authorize(forbid), REQUEST.into(), Refused(403)),
            ("a mistake", builder().response_headers(reserved), REQUEST.into(), Refused(500)),
            ("no WebSocket", builder(), PLAIN.into(), Refused(426)),
            ("plain path", builder().path("/other"), PLAIN.into(), Refused(404)),
            ("not HTTP", builder(), "SSH-2.0-OpenSSH\r\n\r\n".into(), Failed),
            ("a long head", builder().max_head_len(64), REQUEST.into(), Failed),
            ("half a head", builder(), "GET /chat HT".into(), TimedOut),
            ("nothing", builder(), String::new(), TimedOut),
        ] {
            let server = builder.build();
            answer(&server, &request).await;
            assert_counted(name, &server, 1, expected);
        }
        let server = builder().fallback(|_| Some(Response::new(Bytes::new()))).build();
        answer(&server, PLAIN).await;
        assert_counted("fallback", &server, 1, Plain);
    });
}

#[test]
fn by_a_hook_that_panics() {
    paused(async {
        let subprotocol = request_with("Sec-WebSocket-Protocol: chat");
        let origin = request_with("Origin: http://example.org");
        let asked = |_| -> std::future::Ready<Result<(), Rejection>> { panicking() };
        let plain = PLAIN.to_owned();
        for (name, builder, request) in [
            ("should_handle", builder().should_handle(|_| panicking()), REQUEST.into()),
            ("subprotocol", builder().choose_subprotocol(|_, _| panicking()), subprotocol),
            ("origins", builder().allowed_origins(OriginPolicy::matching(|_| panicking())), origin),
            ("headers", builder().response_headers(|_, _| panicking()), REQUEST.into()),
            ("authorize", builder().authorize(asked), REQUEST.into()),
            (
                "on_reject",
                builder().authorize(forbid).on_reject(|_, _| panicking()),
                REQUEST.into(),
            ),
            ("fallback", builder().fallback(|_| panicking()), plain),
        ] {
            let server = builder.build();
            answer(&server, &request).await;
            assert_counted(name, &server, 1, Refused(500));
        }
        let server = builder().on_handshake_error(|_| panicking()).build();
        answer(&server, "not HTTP\r\n\r\n").await;
        assert_counted("on_handshake_error", &server, 1, Failed);
    });
}

#[test]
fn by_a_client_that_goes_away() {
    paused(async {
        let late = |_| async {
            sleep(SECOND / 2).await;
            Err::<(), _>(Rejection::from(StatusCode::FORBIDDEN))
        };
        for (name, builder, request, expected) in [
            ("at once", builder(), "", Failed),
            ("in the head", builder(), "GET /chat HT", Failed),
            ("before a decision", builder().authorize(late), REQUEST, Failed),
        ] {
            let server = builder.build();
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            let mut peer = Peer::client(theirs);
            peer.write(request).await;
            drop(peer);
            server.accept(ours).await.unwrap_err();
            assert_counted(name, &server, 1, expected);
        }
        let server = builder().build();
        meet(&server, PIPE_LEN, async |peer| {
            peer.write(REQUEST).await;
            peer.head().await;
        })
        .await;
        assert_counted("after the answer", &server, 1, Accepted);
    });
}

#[test]
fn by_a_client_that_takes_no_answer() {
    paused(async {
        let long = |_| async {
            Err::<(), _>(Rejection::new(StatusCode::FORBIDDEN).body("x".repeat(5000)))
        };
        for (name, builder) in [("a refusal", builder().authorize(long)), ("an upgrade", builder())]
        {
            let server = builder.build();
            meet(&server, 100, async |peer| {
                peer.write(REQUEST).await;
            })
            .await;
            assert_counted(name, &server, 1, TimedOut);
        }
        // It goes while it is answered.
        let server = builder().authorize(long).build();
        let (ours, theirs) = tokio::io::duplex(100);
        let leaving = async {
            let mut peer = Peer::client(theirs);
            peer.write(REQUEST).await;
            peer.head().await;
        };
        let (refused, ()) = tokio::join!(server.accept(ours), leaving);
        refused.unwrap_err();
        assert_counted("gone", &server, 1, Failed);
    });
}

#[test]
fn by_a_caller_that_gives_up() {
    paused(async {
        let never = |_| pending::<Result<(), Rejection>>();
        let server = builder().authorize(never).build();
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let mut peer = Peer::client(theirs);
        peer.write(REQUEST).await;
        timeout(SECOND / 2, server.accept(ours)).await.unwrap_err();
        assert_counted("accept", &server, 1, Failed);
        timeout(SECOND / 2, server.upgrade_async(&mut accepted_request())).await.unwrap_err();
        assert_counted("upgrade_async", &server, 2, Failed);
    });
}

#[test]
fn by_a_decision_that_takes_too_long() {
    paused(async {
        let never = |_| pending::<Result<(), Rejection>>();
        let server = builder().authorize(never).authorize_timeout(Duration::from_millis(5)).build();
        answer(&server, REQUEST).await;
        assert_counted("authorize_timeout", &server, 1, Refused(503));
    });
}

#[test]
fn of_another_http_server() {
    paused(async {
        let server = builder().build();
        let (_, upgrade) = server.upgrade(&accepted_request()).unwrap();
        assert_eq!(server.stats().handshakes, Handshakes::default());
        drop(upgrade);
        assert_counted("given up", &server, 1, Failed);
        let server = builder().build();
        let (_, upgrade) = server.upgrade_async(&mut accepted_request()).await.unwrap();
        let (ours, _theirs) = tokio::io::duplex(PIPE_LEN);
        drop(upgrade.into_websocket(ours));
        assert_counted("attached", &server, 1, Accepted);
        let server = builder().authorize(forbid).build();
        server.upgrade_async(&mut accepted_request()).await.unwrap_err();
        assert_counted("refused", &server, 1, Refused(403));
        let server = builder().should_handle(|_| panicking()).build();
        server.upgrade(&accepted_request()).unwrap_err();
        assert_counted("panic", &server, 1, Refused(500));
    });
}
