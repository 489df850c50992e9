//! The extractor in an application of axum.

use std::net::SocketAddr;

use axum::{
    Router, body::Body, extract::connect_info::MockConnectInfo, response::Response, routing::any,
};
use bowsprit::{
    Server,
    axum::WebSocketUpgrade,
    http::{HeaderMap, HeaderValue, Request},
    server::{PeerAddr, Rejection, RequestExt, ServerBuilder, TrustedProxies, UnixPeer},
    tower::WebSocketLayer,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::ServiceExt;

use super::{
    peer::{Peer, REQUEST},
    support::{accepted_request, paused, real},
};

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    })
}

/// The same by the extractor and by the layer.
pub(super) fn apps(builder: fn() -> ServerBuilder) -> [Router; 2] {
    let with_extractor = Router::new().route("/chat", any(echo)).with_state(builder().build());
    let layer = WebSocketLayer::new(builder().build()).handler(|mut ws, _| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    });
    [with_extractor, Router::new().fallback(|| async { "behind" }).layer(layer)]
}

fn limited() -> ServerBuilder {
    Server::builder().max_connections_per_address(1)
}

fn proxied() -> ServerBuilder {
    Server::builder().trusted_proxies(TrustedProxies::x_forwarded([]))
}

/// Serves an application; says to peers where they connect from if it is to.
pub(super) async fn serve(app: Router, with_addrs: bool) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        if with_addrs {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, app).await.unwrap();
        } else {
            axum::serve(listener, app).await.unwrap();
        }
    });
    (addr, serving)
}

/// Asks for a WebSocket; the status, and the connection.
async fn ask(addr: SocketAddr) -> (String, Peer<TcpStream>) {
    let mut peer = Peer::client(TcpStream::connect(addr).await.unwrap());
    peer.write(REQUEST).await;
    let head = peer.head().await;
    (head.split(' ').nth(1).unwrap().to_owned(), peer)
}

#[test]
fn connections_are_limited_for_an_address_that_axum_knows() {
    real(async {
        for app in apps(limited) {
            let (addr, _serving) = serve(app, true).await;
            let (status, one) = ask(addr).await;
            assert_eq!(status, "101");
            assert_eq!(ask(addr).await.0, "503");
            drop(one);
            while ask(addr).await.0 != "101" {}
        }
    });
}

#[test]
fn a_limit_that_cannot_be_applied_lets_nobody_in() {
    real(async {
        for app in apps(limited).into_iter().chain(apps(proxied)) {
            let (addr, _serving) = serve(app, false).await;
            assert_eq!(ask(addr).await.0, "500");
        }
    });
}

#[test]
fn a_limit_that_cannot_be_applied_is_an_error_of_upgrade_and_admit() {
    // A request without an address may be anybody's, unless it is said to be local.
    let local = TrustedProxies::x_forwarded([]).and_unix_sockets();
    let local = limited().trusted_proxies(local);
    paused(async {
        for builder in [limited(), proxied(), local] {
            let server = builder.build();
            let mut request = accepted_request();
            assert_eq!(status(server.upgrade(&request).map(drop)), 500);
            assert_eq!(status(server.upgrade_async(&mut request).await.map(drop)), 500);
            request.extensions_mut().insert(UnixPeer);
            assert_eq!(status(server.upgrade(&request).map(drop)), 101);
            let mut request = accepted_request();
            request.extensions_mut().insert(PeerAddr("192.0.2.1:5".parse().unwrap()));
            assert_eq!(status(server.upgrade_async(&mut request).await.map(drop)), 101);
        }
    });
}

fn status(judged: Result<(), Rejection>) -> u16 {
    judged.map_or_else(|refusal| refusal.response().status().as_u16(), |()| 101)
}

#[test]
fn what_axum_knows_of_the_peer_is_what_proxies_are_trusted_by() {
    let server = Server::builder()
        .trusted_proxies(TrustedProxies::x_forwarded(["127.0.0.0/8".parse().unwrap()]))
        .response_headers(|request: &Request<()>, headers: &mut HeaderMap| {
            let client = request.client_addr().unwrap().to_string();
            headers.insert("x-client", HeaderValue::from_str(&client).unwrap());
        });
    real(async {
        let app = Router::new().route("/chat", any(echo)).with_state(server.build());
        let (addr, _serving) = serve(app, true).await;
        let forwarded = REQUEST.replace("\r\n\r\n", "\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n");
        let mut peer = Peer::client(TcpStream::connect(addr).await.unwrap());
        peer.write(forwarded).await;
        let head = peer.head().await;
        assert!(head.contains("\r\nx-client: 192.0.2.7\r\n"), "{head}");
    });
}

#[test]
fn a_test_of_an_application_may_make_up_the_peer() {
    paused(async {
        let [app, _] = apps(|| Server::builder().max_connections_per_address(0));
        let request = || {
            let mut request = accepted_request().map(|()| Body::empty());
            *request.uri_mut() = "/chat".parse().unwrap();
            request
        };
        let unknown = app.clone().oneshot(request()).await.unwrap();
        assert_eq!(unknown.status(), 500);
        let app = app.layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5))));
        assert_eq!(app.oneshot(request()).await.unwrap().status(), 503);
    });
}

#[test]
fn a_handler_may_answer_what_does_not_ask_for_a_websocket() {
    let either = |upgrade: Option<WebSocketUpgrade>| async {
        match upgrade {
            Some(upgrade) => echo(upgrade).await,
            None => Response::new("a page".into()),
        }
    };
    real(async move {
        let app = Router::new().route("/chat", any(either)).with_state(Server::builder().build());
        let (addr, _serving) = serve(app, false).await;
        assert_eq!(ask(addr).await.0, "101");
        for request in [REQUEST.replace("websocket", "h2c"), REQUEST.replace("GET", "POST")] {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            let request = request.replace("Connection: Upgrade", "Connection: close, Upgrade");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("a page"), "{answer}");
        }
        let wrong = REQUEST.replace("Version: 13", "Version: 7");
        let mut peer = Peer::client(TcpStream::connect(addr).await.unwrap());
        peer.write(wrong).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 426 "));
    });
}
