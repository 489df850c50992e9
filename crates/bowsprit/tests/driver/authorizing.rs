//! The application's decision before the 101.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use bowsprit::{
    AcceptError, Bytes, Server,
    error::TimeoutKind,
    http::{HeaderValue, Request, Response, StatusCode, header},
    server::{Basic, Bearer, Rejection, RequestExt, Route, ServerBuilder, constant_time_eq},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{PIPE_LEN, SECOND, accept_request, paused, real, run},
};

#[derive(Clone, Debug, PartialEq, Eq)]
struct User(String);

async fn by_header(request: Request<()>) -> Result<User, Rejection> {
    let user = request.headers().get("x-user").ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(User(user.to_str().unwrap().into()))
}

fn request_with(fields: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{fields}\r\n\r\n"))
}

type Accepting = JoinHandle<Result<bowsprit::WebSocket, AcceptError>>;

/// A server that has got a request, and its client.
async fn asked(builder: ServerBuilder, request: String) -> (Accepting, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let accepting = tokio::spawn(async move { builder.build().accept(ours).await });
    let mut peer = Peer::client(theirs);
    peer.write(request).await;
    (accepting, peer)
}

/// What a client is answered with that is not let in, and what the server makes of it.
async fn refused(builder: ServerBuilder, request: String) -> (String, AcceptError) {
    let (accepting, mut peer) = asked(builder, request).await;
    let mut answer = String::new();
    peer.io.read_to_string(&mut answer).await.unwrap();
    drop(peer);
    (answer, accepting.await.unwrap().unwrap_err())
}

#[test]
fn the_user_that_a_decision_came_to_is_in_the_handlers_request() {
    paused(async {
        let server = Server::builder().authorize(by_header).build();
        let (_, request, _) = accept_request(&server, request_with("X-User: alice")).await;
        assert_eq!(request.extensions().get(), Some(&User("alice".into())));
    });
}

#[test]
fn a_refusal_is_answered_with_its_status_headers_and_body() {
    paused(async {
        let teapot = |_| async {
            let name = header::HeaderName::from_static("x-why");
            let refusal = Rejection::new(StatusCode::IM_A_TEAPOT).body("short and stout\n");
            Err::<(), _>(refusal.header(name, HeaderValue::from_static("tea")))
        };
        let (answer, error) = refused(Server::builder().authorize(teapot), REQUEST.into()).await;
        assert!(answer.starts_with("HTTP/1.1 418 I'm a teapot\r\n"), "{answer}");
        let lower = answer.to_lowercase();
        assert!(lower.contains("\r\nx-why: tea\r\n"), "{answer}");
        assert!(lower.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nshort and stout\n"), "{answer}");
        let AcceptError::Rejected(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), 418);
    });
}

#[test]
fn a_refusal_never_looks_like_success() {
    for status in [100, 101, 200, 299] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(Rejection::new(status).response().status(), 500);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        assert_eq!(Rejection::from(response).response().status(), 500);
    }
    assert_eq!(Rejection::new(StatusCode::FOUND).response().status(), 302);
}

#[test]
fn a_decision_may_take_longer_than_the_handshake() {
    paused(async {
        let slow = |_| async {
            sleep(25 * SECOND).await;
            Ok::<_, Rejection>(())
        };
        let (accepting, mut peer) = asked(Server::builder().authorize(slow), REQUEST.into()).await;
        let begun = Instant::now();
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        assert_eq!(begun.elapsed(), 25 * SECOND);
        let mut ws = accepting.await.unwrap().unwrap();
        peer.send(TEXT, "hello").await;
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("hello"));
    });
}

#[test]
fn a_decision_that_takes_too_long_is_answered_503() {
    let never = |_| pending::<Result<(), Rejection>>();
    paused(async move {
        for (set, expected) in [(None, 30 * SECOND), (Some(3 * SECOND), 3 * SECOND)] {
            let mut builder = Server::builder().authorize(never);
            if let Some(time) = set {
                builder = builder.authorize_timeout(time);
            }
            let begun = Instant::now();
            let (answer, _) = refused(builder, REQUEST.into()).await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert_eq!(begun.elapsed(), expected);
        }
    });
}

#[test]
fn a_client_that_takes_no_answer_has_ten_seconds_for_it() {
    paused(async {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let refuse = |_| async {
            Err::<(), _>(Rejection::new(StatusCode::FORBIDDEN).body("x".repeat(5000)))
        };
        let server = Server::builder().authorize(refuse).build();
        let begun = Instant::now();
        theirs.write_all(REQUEST.as_bytes()).await.unwrap();
        let ended = server.accept(ours).await;
        assert!(matches!(ended, Err(AcceptError::TimedOut(TimeoutKind::Handshake))), "{ended:?}");
        assert_eq!(begun.elapsed(), 10 * SECOND);
    });
}

#[test]
fn a_decision_that_panics_is_answered_500() {
    async fn late(_: Request<()>) -> Result<(), Rejection> {
        tokio::task::yield_now().await;
        panic!("as asked");
    }
    paused(async {
        let early = |_| -> std::future::Ready<Result<(), Rejection>> { panic!("as asked") };
        for builder in [Server::builder().authorize(early), Server::builder().authorize(late)] {
            let (answer, _) = refused(builder, REQUEST.into()).await;
            assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        }
    });
}

#[test]
fn nothing_is_left_of_a_client_that_goes_away_during_the_decision() {
    struct Noted(Arc<Mutex<Vec<Instant>>>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(Instant::now());
        }
    }
    paused(async {
        let dropped = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&dropped);
        let builder = Server::builder().authorize(move |_| {
            let noted = Noted(Arc::clone(&noted));
            async move {
                pending::<()>().await;
                drop(noted);
                Ok::<_, Rejection>(())
            }
        });
        let (accepting, peer) = asked(builder, REQUEST.into()).await;
        sleep(SECOND).await;
        assert_eq!(dropped.lock().unwrap().len(), 0);
        let left = Instant::now();
        drop(peer);
        let ended = accepting.await.unwrap();
        assert!(matches!(ended, Err(AcceptError::Http(_))), "{ended:?}");
        assert_eq!(*dropped.lock().unwrap(), [left]);
    });
}

/// RFC: 4.2.2-1
#[test]
fn requests_that_break_the_rules_are_not_decided_about() {
    paused(async {
        let unasked = |_| -> std::future::Ready<Result<(), Rejection>> { panic!("asked") };
        for (request, status) in [
            (REQUEST.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400),
            (request_with("Origin: http://evil.example"), 403),
            (REQUEST.replace("/chat", "/other"), 404),
        ] {
            let builder = Server::builder().path("/chat").authorize(unasked);
            let (answer, _) = refused(builder, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
    });
}

#[test]
fn a_route_decides_for_itself() {
    real(async {
        let open = Route::new(|_, _| async { Ok(()) })
            .authorize(|_| async { Ok::<_, Rejection>(User("nobody".into())) });
        let shut = Route::new(|mut ws, request| async move {
            let user = request.extensions().get::<User>().ok_or("no user")?;
            Ok(ws.send(user.0.as_str()).await?)
        });
        let builder = Server::builder().authorize(by_header);
        let (addr, _server) = run(builder.route("/open", open).route("/shut", shut)).await;
        bowsprit::connect(&format!("ws://{addr}/open")).await.unwrap();
        bowsprit::connect(&format!("ws://{addr}/shut")).await.unwrap_err();
        let client = bowsprit::Client::new().header("x-user", "bob");
        let mut ws = client.connect(&format!("ws://{addr}/shut")).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("bob"));
    });
}

#[test]
fn a_decision_is_never_skipped_for_another_http_server() {
    paused(async {
        let server = Server::builder().authorize(by_header).build();
        let mut request = Request::builder().uri("/chat");
        for line in REQUEST.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let mut request = request.body("a body of another type").unwrap();
        assert_eq!(server.upgrade(&request).unwrap_err().response().status(), 500);
        assert_eq!(server.upgrade_async(&mut request).await.unwrap_err().response().status(), 401);
        request.headers_mut().insert("x-user", HeaderValue::from_static("carol"));
        let (response, _) = server.upgrade_async(&mut request).await.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(request.extensions().get(), Some(&User("carol".into())));
    });
}

fn with_header(name: &'static str, value: &str) -> Request<()> {
    Request::builder().header(name, value).body(()).unwrap()
}

#[test]
fn credentials_are_read_as_their_rfcs_write_them() {
    // RFC 7617 §2.
    let aladdin = with_header("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let basic = aladdin.basic().unwrap();
    assert_eq!((basic.user(), basic.password()), ("Aladdin", "open sesame"));
    assert!(basic.matches("Aladdin", "open sesame"));
    assert!(!basic.matches("Aladdin", "open sesam") && !basic.matches("aladdin", "open sesame"));
    // A password may have colons; RFC 7617 §2.1: UTF-8.
    let colons = with_header("authorization", "bAsIc w6Q6Yjpj");
    assert!(colons.basic().unwrap().matches("ä", "b:c"));
    // RFC 6750 §2.1.
    let bearer = with_header("authorization", "Bearer mF_9.B5f-4.1JqM");
    assert!(bearer.bearer().unwrap().matches("mF_9.B5f-4.1JqM"));
    assert!(!bearer.bearer().unwrap().matches("mF_9.B5f-4.1JqN"));
    assert!(bearer.basic().is_none() && aladdin.bearer().is_none());
    for malformed in ["Basic", "Basic !!!", "Basic YWJj", "Basic /zo6", "Digest x", "Bearer "] {
        let request = with_header("authorization", malformed);
        assert!(request.basic().is_none() && request.bearer().is_none(), "{malformed}");
    }
    let mut twice = with_header("authorization", "Bearer a");
    twice.headers_mut().append("authorization", HeaderValue::from_static("Bearer b"));
    assert!(twice.bearer().is_none());
}

#[test]
fn secrets_are_not_shown() {
    let basic = with_header("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==").basic();
    assert!(!format!("{basic:?}").contains("sesame"));
    assert!(
        !format!("{:?}", with_header("authorization", "Bearer sesame").bearer()).contains("sesame")
    );
}

#[test]
fn a_challenge_cannot_be_broken_out_of() {
    let challenge = Basic::challenge("a\"b\\c\r\nX-Evil: 1");
    let value = &challenge.response().headers()[header::WWW_AUTHENTICATE];
    assert_eq!(value, "Basic realm=\"a\\\"b\\\\c  X-Evil: 1\", charset=\"UTF-8\"");
    assert_eq!(challenge.response().status(), 401);
    let challenge = Bearer::challenge("chat");
    assert_eq!(challenge.response().headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"chat\"");
}

#[test]
fn queries_and_cookies_are_found_by_name() {
    let mut request = with_header("cookie", "a=1; session=x=y;b=2");
    request.headers_mut().append("cookie", HeaderValue::from_static("c=3"));
    for (name, value) in [
        ("a", Some("1")),
        ("session", Some("x=y")),
        ("b", Some("2")),
        ("c", Some("3")),
        ("d", None),
    ] {
        assert_eq!(request.cookie(name), value);
    }
    *request.uri_mut() = "/?room=a+b%26&room=c&empty=".parse().unwrap();
    assert_eq!(request.query("room").as_deref(), Some("a b&"));
    assert_eq!(request.query("empty").as_deref(), Some(""));
    assert_eq!(request.query("none"), None);
    assert_eq!(Request::new(()).query("room"), None);
}

/// Not a proof, but a comparison that stops at the first difference fails it by far.
#[test]
fn comparing_secrets_takes_as_long_wherever_they_differ() {
    let secret = vec![b'x'; 1 << 20];
    let (mut early, mut late) = (secret.clone(), secret.clone());
    early[0] = b'y';
    late[(1 << 20) - 1] = b'y';
    let time = |other: &[u8]| {
        let rounds = (0..5).map(|_| {
            let begun = std::time::Instant::now();
            assert!(!constant_time_eq(&secret, other));
            begun.elapsed()
        });
        rounds.min().unwrap_or(Duration::MAX)
    };
    let (early, late) = (time(&early), time(&late));
    assert!(early * 3 > late, "{early:?} {late:?}");
}
