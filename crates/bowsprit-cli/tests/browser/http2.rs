//! WebSockets over HTTP/2 (RFC 8441), as a browser opens them that has loaded its page that way.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    http::{Method, Version},
    response::{Html, Response},
    routing::{any, get},
    serve::Listener,
};
use bowsprit::{Deflate, Server, axum::WebSocketUpgrade};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer},
    server::TlsStream,
};

use super::chromium::Chromium;

/// By which requests the WebSockets were opened.
type Seen = Arc<Mutex<Vec<(Method, Version)>>>;

/// Accepts connections by TLS, for HTTP/2 if the client speaks that.
struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsListener {
    async fn bind() -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config =
            config.with_single_cert(vec![signed.cert.der().clone()], key.into()).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (tcp, addr) = self.tcp.accept().await.unwrap();
            if let Ok(tls) = self.acceptor.accept(tcp).await {
                return (tls, addr);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Serves a page and an echo until it is dropped.
async fn serve(seen: &Seen) -> (String, JoinSet<io::Result<()>>) {
    let seen = Arc::clone(seen);
    let echo = move |method: Method, version: Version, upgrade: WebSocketUpgrade| {
        seen.lock().unwrap().push((method, version));
        async move { echo(upgrade) }
    };
    let app = Router::new()
        .route("/", get(|| async { Html("<!doctype html>") }))
        .route("/echo", any(echo))
        .with_state(Server::builder().deflate(Deflate::server()).build());
    let listener = TlsListener::bind().await;
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(axum::serve(listener, app).into_future());
    (url, serving)
}

fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    })
}

#[tokio::test]
#[ignore = "needs scripts/setup-browser"]
async fn a_page_that_was_loaded_over_http_2_gets_its_messages_back() {
    let seen = Seen::default();
    let (url, _serving) = serve(&seen).await;
    let mut browser = Chromium::start_with(&["--ignore-certificate-errors"]).await;
    let mut page = browser.open(&url).await;
    let loaded_by = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(page.evaluate(loaded_by).await, "h2");
    let mut echoes = page.evaluate(include_str!("echoes.js")).await;
    let extensions = echoes["extensions"].take();
    assert!(extensions.as_str().unwrap().starts_with("permessage-deflate"), "{extensions}");
    let expected = json!({
        "extensions": null, "short text": true, "large text": true, "empty text": true,
        "bytes": true, "random bytes": true,
    });
    assert_eq!(echoes, expected);
    assert_eq!(*seen.lock().unwrap(), [(Method::CONNECT, Version::HTTP_2)]);
}
