//! WebSockets over HTTP/2 (RFC 8441), as hyper's client asks axum's server for them.

use std::net::SocketAddr;

use axum::body::Body;
use bowsprit::{
    Deflate, Server,
    http::{
        HeaderValue, Version,
        header::{CONNECTION, UPGRADE},
    },
    server::{ServerBuilder, SubprotocolPolicy},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::Incoming,
    client::conn::http2::{self, SendRequest},
    ext::Protocol,
    server::conn::http2 as server_http2,
    service::service_fn,
    upgrade::Upgraded,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::{
    axum::{apps, serve},
    peer::{PONG, Peer, TEXT},
    support::{real, sockets},
};

/// A connection over which requests go, and that of HTTP/2 was agreed on.
async fn connect(addr: SocketAddr) -> SendRequest<Empty<Bytes>> {
    begin(TcpStream::connect(addr).await.unwrap()).await
}

async fn begin(stream: TcpStream) -> SendRequest<Empty<Bytes>> {
    let connection = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut send, connection) = connection.unwrap();
    tokio::spawn(connection);
    // Only after the server's settings a client may send an extended CONNECT.
    let answer = send.send_request(Request::get("http://a/other").body(Empty::new()).unwrap());
    answer.await.unwrap().into_body().collect().await.unwrap();
    send
}

fn request(authority: &str, protocol: &'static str) -> Request<Empty<Bytes>> {
    Request::connect(format!("http://{authority}/chat"))
        .extension(Protocol::from_static(protocol))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "v2, v1")
        .header("sec-websocket-extensions", "permessage-deflate")
        .body(Empty::new())
        .unwrap()
}

async fn speak(response: Response<Incoming>) -> Peer<TokioIo<Upgraded>> {
    Peer::client(TokioIo::new(hyper::upgrade::on(response).await.unwrap()))
}

async fn expect_echo(peer: &mut Peer<TokioIo<Upgraded>>, text: &str) {
    peer.send(TEXT, text).await;
    peer.expect(TEXT, text).await;
}

fn builder() -> ServerBuilder {
    Server::builder().subprotocols(SubprotocolPolicy::First).max_connections_per_address(2)
}

#[test]
fn many_websockets_share_a_connection() {
    real(async {
        for app in apps(builder) {
            let (addr, _serving) = serve(app, true).await;
            let mut send = connect(addr).await;
            let mut peers = Vec::new();
            for _ in 0..2 {
                let response = send.send_request(request("a", "websocket")).await.unwrap();
                assert_eq!(response.status(), 200);
                let headers = response.headers();
                assert_eq!(headers["sec-websocket-protocol"], "v2");
                for absent in ["upgrade", "connection", "sec-websocket-accept"] {
                    assert!(!headers.contains_key(absent), "{headers:?}");
                }
                assert!(!headers.contains_key("sec-websocket-extensions"), "{headers:?}");
                peers.push(speak(response).await);
            }
            let third = send.send_request(request("a", "websocket")).await.unwrap();
            assert_eq!(third.status(), 503, "each counts");
            for text in ["hello", "once more"] {
                for peer in &mut peers {
                    expect_echo(peer, text).await;
                }
            }
            expect_echo(&mut peers[0], &"long".repeat(100_000)).await;
            peers[1].send(9, "ping").await;
            peers[1].expect(PONG, "ping").await;
            for mut peer in peers {
                peer.send_close(1000, "").await;
                peer.expect_close(1000).await;
                peer.expect_end().await;
            }
            let again = send.send_request(request("a", "websocket")).await.unwrap();
            assert_eq!(again.status(), 200);
        }
    });
}

#[test]
fn a_stream_that_is_reset_ends_its_websocket_alone() {
    real(async {
        let [app, _] = apps(|| Server::builder().max_connections_per_address(2));
        let (addr, _serving) = serve(app, true).await;
        let mut send = connect(addr).await;
        let mut one = speak(send.send_request(request("a", "websocket")).await.unwrap()).await;
        let other = speak(send.send_request(request("a", "websocket")).await.unwrap()).await;
        drop(other);
        while send.send_request(request("a", "websocket")).await.unwrap().status() != 200 {}
        expect_echo(&mut one, "still here").await;
    });
}

#[test]
fn what_is_refused_says_nothing_of_the_connection() {
    real(async {
        for (app, by_layer) in apps(Server::builder).into_iter().zip([false, true]) {
            let (addr, _serving) = serve(app, true).await;
            let mut send = connect(addr).await;
            let get = Request::get("http://a/chat").body(Empty::new()).unwrap();
            let mut old = request("a", "websocket");
            old.headers_mut().insert("sec-websocket-version", "7".parse().unwrap());
            let mut foreign = request("a", "websocket");
            foreign.headers_mut().insert("origin", "http://evil.example".parse().unwrap());
            // The layer hands on what does not ask for a WebSocket.
            for (request, status, behind) in [
                (get, 405, by_layer),
                (old, 400, false),
                (foreign, 403, false),
                (request("a", "connect-udp"), 501, by_layer),
            ] {
                let response = send.send_request(request).await.unwrap();
                let expected = if behind { 200 } else { status };
                assert_eq!(response.status(), expected, "{response:?}");
                assert!(!response.headers().contains_key("connection"), "{response:?}");
            }
        }
    });
}

/// hyper would leave the fields out, with a warning.
#[test]
fn a_refusal_for_another_http_server_has_no_fields_that_http_2_has_not() {
    let server = Server::builder()
        .path("/other")
        .on_reject(|_, refusal| refusal.header(UPGRADE, HeaderValue::from_static("websocket")))
        .build();
    let mut request = request("a", "websocket");
    for (version, present) in [(Version::HTTP_2, false), (Version::HTTP_11, true)] {
        *request.version_mut() = version;
        let refusal = server.upgrade(&request).unwrap_err();
        assert_eq!(refusal.response().status(), 404);
        for name in [CONNECTION, UPGRADE] {
            let headers = refusal.response().headers();
            assert_eq!(headers.contains_key(&name), present, "{headers:?}");
        }
    }
}

#[test]
fn an_upgrade_for_hypers_server_may_be_an_extended_connect() {
    real(async {
        let (near, far) = sockets().await;
        let server = Server::builder().deflate(Deflate::server()).build();
        let service = service_fn(move |request: Request<Incoming>| {
            let judged = server.upgrade(&request);
            async move {
                let (response, upgrade) = match judged {
                    Ok(accepted) => accepted,
                    Err(refusal) => return Ok(refusal.into_response().map(Body::from)),
                };
                tokio::spawn(async move {
                    let io = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
                    let mut ws = upgrade.into_websocket(io);
                    while let Some(message) = ws.recv().await.unwrap() {
                        ws.send(message).await.unwrap();
                    }
                });
                Ok::<_, std::convert::Infallible>(response.map(|()| Body::empty()))
            }
        });
        tokio::spawn(
            server_http2::Builder::new(TokioExecutor::new())
                .enable_connect_protocol()
                .serve_connection(TokioIo::new(near), service),
        );
        let mut send = begin(far).await;
        let response = send.send_request(request("a", "websocket")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.headers().contains_key("sec-websocket-extensions"));
        expect_echo(&mut speak(response).await, "hello").await;
    });
}
