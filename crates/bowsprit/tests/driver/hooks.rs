//! What an application has a say in during the handshake, and what proxies tell.

use std::sync::{Arc, Mutex};

use bowsprit::{
    AcceptError, Bytes, Server,
    error::{HandshakeError, TimeoutKind},
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    server::{
        HostPolicy, OriginPolicy, PeerAddr, Rejection, RequestExt, ServerBuilder, TrustedProxies,
        ipnet::IpNet,
    },
};
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{
    peer::{Peer, REQUEST},
    support::{
        PIPE_LEN, SECOND, accept_request, accepted_request, paused, real, run_handler, sockets,
    },
};

fn request_with(fields: &str) -> String {
    REQUEST.replace("\r\n\r\n", &format!("\r\n{fields}\r\n\r\n"))
}

/// The status and head that a request is answered with, and what the server makes of it.
async fn ask(builder: ServerBuilder, request: &str) -> (u16, String, Option<AcceptError>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::client(theirs);
    peer.write(request).await;
    let accepting = tokio::spawn(async move { builder.build().accept(ours).await.err() });
    let head = peer.head().await;
    drop(peer);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), accepting.await.unwrap())
}

#[test]
fn a_function_chooses_the_subprotocol_and_sees_the_user() {
    paused(async {
        let server = Server::builder()
            .authorize(|_| async { Ok::<_, Rejection>("v2") })
            .choose_subprotocol(|request, offers| {
                let wanted = request.extensions().get::<&str>().unwrap();
                offers.iter().find(|offer| *offer == wanted).map(|&offer| offer.into())
            })
            .build();
        for (offered, chosen) in [("v1, v2", Some("v2")), ("v1", None)] {
            let request = request_with(&format!("Sec-WebSocket-Protocol: {offered}"));
            let (ws, _, _) = accept_request(&server, request).await;
            assert_eq!(ws.subprotocol(), chosen);
        }
    });
}

#[test]
fn a_subprotocol_that_was_not_offered_never_reaches_the_client() {
    paused(async {
        let builder = Server::builder().choose_subprotocol(|_, _| Some("evil\r\nX: y".into()));
        let request = request_with("Sec-WebSocket-Protocol: chat");
        let (status, head, error) = ask(builder, &request).await;
        assert_eq!(status, 500);
        assert!(!head.contains("x: y"), "{head}");
        assert!(matches!(
            error,
            Some(AcceptError::Handshake(HandshakeError::UnofferedSubprotocol(_)))
        ));
    });
}

#[test]
fn the_response_has_the_headers_that_the_application_adds() {
    paused(async {
        let builder = || {
            Server::builder().response_headers(|request, headers| {
                let name: HeaderName = request.query("name").unwrap().parse().unwrap();
                headers.insert(name, HeaderValue::from_static("a=1"));
            })
        };
        let request = |name| REQUEST.replace("/chat", &format!("/?name={name}"));
        let (status, head, _) = ask(builder(), &request("Set-Cookie")).await;
        assert_eq!(status, 101);
        assert!(head.contains("\r\nset-cookie: a=1\r\n"), "{head}");
        for reserved in ["Sec-WebSocket-Accept", "Connection", "Content-Length"] {
            assert_eq!(ask(builder(), &request(reserved)).await.0, 500, "{reserved}");
        }
    });
}

#[test]
fn should_handle_decides_what_a_path_is_for() {
    paused(async {
        let builder = || {
            Server::builder().should_handle(|request| request.query("v").as_deref() == Some("2"))
        };
        assert_eq!(ask(builder(), &REQUEST.replace("/chat", "/chat?v=2")).await.0, 101);
        assert_eq!(ask(builder(), REQUEST).await.0, 404);
    });
}

#[test]
fn a_hook_sees_every_refused_request_and_may_change_the_answer() {
    paused(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let builder = || {
            let seen = Arc::clone(&seen);
            Server::builder()
                .path("/chat")
                .allowed_hosts(HostPolicy::List(vec!["example.com".into()]))
                .authorize(|request| async move {
                    match request.query("forbidden") {
                        Some(_) => Err(Rejection::new(StatusCode::FORBIDDEN)),
                        None => Ok(()),
                    }
                })
                .on_reject(move |request, refusal| {
                    let status = refusal.response().status().as_u16();
                    let by_rule = refusal.error().is_some();
                    seen.lock().unwrap().push((request.uri().path().to_owned(), status, by_rule));
                    if status == 404 {
                        return Rejection::new(StatusCode::GONE);
                    }
                    refusal.header(header::RETRY_AFTER, HeaderValue::from_static("1"))
                })
        };
        let plain = "GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n";
        for (request, status, by_rule) in [
            (REQUEST.replace("GET", "POST"), 405, true),
            (REQUEST.replace("Version: 13", "Version: 7"), 426, true),
            (REQUEST.replace("example.com", "evil.example"), 421, true),
            (REQUEST.replace("/chat", "/chat?forbidden"), 403, false),
            (plain.to_owned(), 426, true),
        ] {
            let (answered, head, error) = ask(builder(), &request).await;
            assert_eq!(answered, status, "{request}");
            assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
            assert!(error.is_some());
            assert_eq!(seen.lock().unwrap().pop(), Some(("/chat".into(), status, by_rule)));
        }
        let (answered, ..) = ask(builder(), &REQUEST.replace("/chat", "/other")).await;
        assert_eq!(answered, 410);
        assert_eq!(seen.lock().unwrap().pop(), Some(("/other".into(), 404, false)));
        assert_eq!(ask(builder(), REQUEST).await.0, 101);
        assert_eq!(*seen.lock().unwrap(), []);
    });
}

#[test]
fn a_hook_that_panics_is_answered_500() {
    fn panicking<T>() -> T {
        panic!("as asked")
    }
    paused(async {
        let builder = Server::builder;
        let forbid = |_| async { Err::<(), _>(Rejection::new(StatusCode::FORBIDDEN)) };
        let plain = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned();
        let subprotocol = request_with("Sec-WebSocket-Protocol: chat");
        let origin = request_with("Origin: http://example.org");
        for (name, builder, request) in [
            ("should_handle", builder().should_handle(|_| panicking()), REQUEST.to_owned()),
            ("subprotocol", builder().choose_subprotocol(|_, _| panicking()), subprotocol),
            ("origins", builder().allowed_origins(OriginPolicy::matching(|_| panicking())), origin),
            ("headers", builder().response_headers(|_, _| panicking()), REQUEST.to_owned()),
            (
                "on_reject",
                builder().authorize(forbid).on_reject(|_, _| panicking()),
                REQUEST.to_owned(),
            ),
            ("fallback", builder().fallback(|_| panicking()), plain),
        ] {
            let (status, _, error) = ask(builder, &request).await;
            assert_eq!(status, 500, "{name}");
            assert!(matches!(error, Some(AcceptError::Rejected(_))), "{name}: {error:?}");
        }
        // Nobody is to be answered here.
        let (_, _, error) =
            ask(builder().on_handshake_error(|_| panicking()), "no HTTP\r\n\r\n").await;
        assert!(matches!(error, Some(AcceptError::Http(_))), "{error:?}");
    });
}

#[test]
fn a_hook_that_panics_is_answered_500_by_another_http_server() {
    paused(async {
        let server = Server::builder().should_handle(|_| panic!("as asked")).build();
        let mut request = accepted_request();
        assert_eq!(server.upgrade(&request).unwrap_err().response().status(), 500);
        assert_eq!(server.upgrade_async(&mut request).await.unwrap_err().response().status(), 500);
    });
}

#[test]
fn a_hook_sees_what_did_not_become_a_request() {
    paused(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        let server =
            Server::builder().handshake_timeout(3 * SECOND).on_handshake_error(move |error| {
                noted.lock().unwrap().push(error.to_string());
            });
        let server = server.build();
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        server.accept(ours).await.unwrap_err();
        drop(theirs);
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let mut peer = Peer::client(theirs);
        peer.write("\x16\x03\x01 this is TLS\r\n\r\n").await;
        let (ended, ()) = tokio::join!(server.accept(ours), async { drop(peer) });
        ended.unwrap_err();
        let seen = seen.lock().unwrap().clone();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_eq!(seen[0], AcceptError::TimedOut(TimeoutKind::Handshake).to_string());
    });
}

#[test]
fn a_page_with_a_rebound_name_is_refused_plain_or_not() {
    paused(async {
        let builder = || {
            Server::builder()
                .allowed_hosts(HostPolicy::Loopback)
                .allowed_origins(OriginPolicy::Same)
                .fallback(|_| {
                    Some(Response::new(Bytes::from_static(b"what only this machine may see")))
                })
        };
        let rebound = request_with("Origin: http://evil.example")
            .replace("example.com", "evil.example:8080")
            .replace("Origin: http://evil.example", "Origin: http://evil.example:8080");
        let (status, _, error) = ask(builder(), &rebound).await;
        assert_eq!(status, 421);
        assert!(
            matches!(error, Some(AcceptError::Handshake(HandshakeError::Host(_)))),
            "{error:?}"
        );
        let plain = "GET / HTTP/1.1\r\nHost: evil.example:8080\r\n\r\n";
        assert_eq!(ask(builder(), plain).await.0, 421);
        assert_eq!(ask(builder(), &plain.replace("evil.example", "localhost")).await.0, 200);
        // An absolute target takes the place of `Host`.
        let absolute = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert_eq!(ask(builder(), absolute).await.0, 421);
        let absolute = REQUEST.replace("/chat", "http://evil.example/chat");
        let absolute = absolute.replace("Host: example.com", "Host: localhost");
        assert_eq!(ask(builder(), &absolute).await.0, 421);
        assert_eq!(ask(builder(), &absolute.replace("evil.example", "localhost")).await.0, 101);
        assert_eq!(ask(builder(), &REQUEST.replace("example.com", "127.0.0.1:8080")).await.0, 101);
    });
}

fn loopback() -> [IpNet; 1] {
    ["127.0.0.0/8".parse().unwrap()]
}

#[test]
fn an_origin_is_compared_with_the_host_that_a_trusted_proxy_tells() {
    let request = request_with("Origin: https://example.com\r\nX-Forwarded-Host: example.com")
        .replace("\r\nHost: example.com", "\r\nHost: backend.internal");
    real(async move {
        let proxies = [None, Some(TrustedProxies::x_forwarded(loopback()))];
        for (proxies, status) in proxies.into_iter().zip([403, 101]) {
            let mut builder = Server::builder();
            if let Some(proxies) = proxies {
                builder = builder.trusted_proxies(proxies);
            }
            let (near, far) = sockets().await;
            let accepting = tokio::spawn(async move { builder.build().accept(near).await });
            let mut peer = Peer::client(far);
            peer.write(&request).await;
            let head = peer.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            drop(peer);
            drop(accepting.await.unwrap());
        }
    });
}

#[test]
fn handlers_know_peer_and_client() {
    real(async {
        let builder = Server::builder().trusted_proxies(TrustedProxies::x_forwarded(loopback()));
        let (addr, _server) = run_handler(builder, |mut ws, request| async move {
            assert_eq!(ws.peer_addr(), request.peer_addr());
            let (peer, client) = (request.peer_addr().unwrap(), request.client_addr().unwrap());
            Ok(ws.send(format!("{peer} {client}")).await?)
        })
        .await;
        let stream = TcpStream::connect(addr).await.unwrap();
        let near = stream.local_addr().unwrap();
        let client = bowsprit::Client::new().header("x-forwarded-for", "6.6.6.6, 192.0.2.1");
        let mut ws = client.connect_over(&format!("ws://{addr}/"), stream).await.unwrap();
        let told = ws.recv().await.unwrap().unwrap();
        assert_eq!(told.as_text(), Some(&*format!("{near} 192.0.2.1")));
    });
}

#[test]
fn an_external_http_server_can_tell_the_peer() {
    paused(async {
        let server =
            Server::builder().trusted_proxies(TrustedProxies::forwarded(loopback())).build();
        let mut request = accepted_request();
        let fields = HeaderValue::from_static("for=192.0.2.1");
        request.headers_mut().insert(header::FORWARDED, fields);
        request.extensions_mut().insert(PeerAddr("127.0.0.1:5".parse().unwrap()));
        let (_, upgrade) = server.upgrade_async(&mut request).await.unwrap();
        assert_eq!(request.client_addr(), Some("192.0.2.1".parse().unwrap()));
        let (near, mut far) = tokio::io::duplex(PIPE_LEN);
        let ws = upgrade.into_websocket(near);
        assert_eq!(ws.peer_addr(), Some("127.0.0.1:5".parse().unwrap()));
        drop(ws);
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    });
}
