//! Runs what the pages of docs/how-to show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

#[path = "../how_to/axum_app.rs"]
mod axum_app;
#[path = "../how_to/background.rs"]
mod background;
#[path = "../how_to/basic.rs"]
mod basic;
#[path = "../how_to/binary.rs"]
mod binary;
#[path = "../how_to/blocking.rs"]
mod blocking;
#[path = "../how_to/compression.rs"]
mod compression;
#[path = "../how_to/files.rs"]
mod files;
#[path = "../how_to/https.rs"]
mod https;
#[path = "../how_to/json.rs"]
mod json;
#[path = "../how_to/latest.rs"]
mod latest;
#[path = "../how_to/logging.rs"]
mod logging;
#[path = "../how_to/memory.rs"]
mod memory;
#[path = "../how_to/origins.rs"]
mod origins;
#[path = "../how_to/own_ca.rs"]
mod own_ca;
#[path = "../how_to/resubscribe.rs"]
mod resubscribe;
#[path = "../how_to/testing.rs"]
mod testing;

use std::time::Duration;

use bowsprit::{
    Client, CloseCode, Server, WebSocket, error::BoxError, server::BoundServer, testing::pair_of,
    tls::TlsServerConfig,
};
use support::{Dir, ask, recv, refusal};
use tokio::{net::TcpListener, time::timeout};

async fn text(ws: &mut WebSocket) -> String {
    recv(ws).await.into_text().unwrap().to_string()
}

/// The client's end of a connection whose other end is served.
async fn served<F>(handler: impl FnOnce(WebSocket) -> F) -> WebSocket
where
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let (client, server) = bowsprit::testing::pair().await;
    tokio::spawn(handler(server));
    client
}

/// The URL of a server on this machine.
fn url(server: &BoundServer) -> String {
    format!("ws://{}", server.local_addr().unwrap())
}

#[tokio::test]
async fn json_is_answered_with_json() {
    let mut ws = served(json::answer).await;
    for (command, answer) in [
        (r#"{"type":"add","a":2,"b":3}"#, r#"{"type":"sum","value":5}"#),
        (r#"{"type":"ping"}"#, r#"{"type":"pong"}"#),
    ] {
        ws.send(command).await.unwrap();
        assert_eq!(text(&mut ws).await, answer);
    }
    ws.send(r#"{"type":"divide"}"#).await.unwrap();
    let error = text(&mut ws).await;
    assert!(error.starts_with(r#"{"type":"error","message":"unknown variant `divide`"#), "{error}");
}

#[tokio::test]
async fn binary_messages_are_floats() {
    let mut ws = served(binary::halve).await;
    ws.send(binary::encode(&[1.0, -3.0])).await.unwrap();
    let halves = recv(&mut ws).await;
    assert_eq!(binary::decode(halves.as_bytes()).unwrap(), [0.5, -1.5]);
    assert_eq!(halves.as_bytes()[..], [0, 0, 0, 0x3F, 0, 0, 0xC0, 0xBF]);
    ws.send(vec![1, 2, 3]).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(ws.peer_close().unwrap().code, CloseCode::UNSUPPORTED_DATA);
}

#[tokio::test]
async fn a_password_lets_in() {
    let server = basic::server().bind("127.0.0.1:0").await.unwrap();
    let url = url(&server);
    tokio::spawn(server.serve(|mut ws, request| async move {
        let basic::User(name) = request.extensions().get().ok_or("nobody")?;
        Ok(ws.send(format!("hello, {name}")).await?)
    }));
    let mut ws = basic::client("correct horse").connect(&url).await.unwrap();
    assert_eq!(text(&mut ws).await, "hello, alice");
    assert_eq!(refusal(&basic::client("wrong"), &url).await, 401);
    assert_eq!(refusal(&Client::new(), &url).await, 401);
}

/// Skips a few messages before this one.
async fn wait_for(ws: &mut WebSocket, expected: &str) {
    for _ in 0..10 {
        if text(ws).await == expected {
            return;
        }
    }
    panic!("no message `{expected}`");
}

#[tokio::test]
async fn a_background_task_reaches_all() {
    let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
    let url = url(&server);
    tokio::spawn(background::serve(server));
    let mut one = bowsprit::connect(&url).await.unwrap();
    let mut two = bowsprit::connect(&url).await.unwrap();
    wait_for(&mut one, "2 clients").await;
    wait_for(&mut two, "2 clients").await;
    two.close(CloseCode::NORMAL).await.unwrap();
    wait_for(&mut one, "1 clients").await;
}

#[tokio::test]
async fn a_slow_client_gets_the_latest_price() {
    let (sender, receiver) = tokio::sync::watch::channel(0);
    let mut ws = served(|ws| latest::follow(ws, receiver)).await;
    assert_eq!(text(&mut ws).await, "0");
    // Each of them in one go, so that nobody can send those between.
    for price in 1..=1000 {
        sender.send(price).unwrap();
    }
    assert_eq!(text(&mut ws).await, "1000");
}

#[tokio::test]
async fn a_slow_member_gets_the_latest_publication() {
    let topics = latest::prices();
    let (mut client, server) = bowsprit::testing::pair().await;
    topics.join("gold", &server.handle());
    let padding = " ".repeat(1024);
    for price in 1..=1000 {
        topics.publish("gold", format!("{price}{padding}")).await;
    }
    let mut received = 0;
    while text(&mut client).await.trim() != "1000" {
        received += 1;
    }
    assert!(received < 500, "{received}");
}

/// Sends what is received to the test, until the test has the connection dropped.
async fn report(
    mut ws: WebSocket,
    lines: tokio::sync::mpsc::UnboundedSender<String>,
    mut drop: tokio::sync::watch::Receiver<u32>,
) -> Result<(), BoxError> {
    drop.mark_unchanged();
    loop {
        tokio::select! {
            message = ws.recv() => {
                let line = message?.ok_or("closed")?.into_text().ok_or("binary")?;
                lines.send(line.to_string())?;
            }
            _ = drop.changed() => return Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_restored_as_they_are_now() {
    let (lines, mut received) = tokio::sync::mpsc::unbounded_channel();
    let (drop_all, dropped) = tokio::sync::watch::channel(0);
    let client = Client::new().connector(move |_| {
        let (near, far) = tokio::io::duplex(4096);
        let (lines, dropped) = (lines.clone(), dropped.clone());
        tokio::spawn(async move {
            report(Server::builder().build().accept(far).await?, lines, dropped).await
        });
        async move { Ok(near) }
    });
    let (subscriptions, mut ws) = resubscribe::connect(&client, "ws://localhost/").unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
    for topic in ["sea", "sky", "land"] {
        subscriptions.join(topic).unwrap();
    }
    subscriptions.leave("sky").unwrap();
    // The last of them is sent only once.
    while received.recv().await.unwrap() != "leave sky" {}
    drop_all.send(1).unwrap();
    assert_eq!(received.recv().await.unwrap(), "join land");
    assert_eq!(received.recv().await.unwrap(), "join sea");
    subscriptions.join("moon").unwrap();
    assert_eq!(received.recv().await.unwrap(), "join moon");
}

#[tokio::test]
async fn an_axum_application_knows_addresses_and_stops_gracefully() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(axum_app::serve(listener, async move { drop(stopped.await) }));
    let proxied = Client::new().header("x-forwarded-for", "203.0.113.7");
    let mut ws = proxied.connect(&format!("{url}/rooms/blue")).await.unwrap();
    assert_eq!(text(&mut ws).await, "welcome, 203.0.113.7");
    ws.send("hello").await.unwrap();
    assert_eq!(text(&mut ws).await, "hello");
    let page = ask(&url, "GET /", "Connection: close").await;
    assert!(page.ends_with("\r\n\r\na page of axum's\n"), "{page}");
    stop.send(()).unwrap();
    let ended = timeout(Duration::from_secs(10), ws.recv()).await.expect("no close in time");
    assert_eq!(ended.unwrap(), None);
    assert_eq!(ws.peer_close().unwrap().code, CloseCode::GOING_AWAY);
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_https_server_hands_websockets_over_to_clients_that_know_its_authority() {
    let dir = Dir::new();
    let tls = support::Authority::new(&dir).server_config("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let websockets = Server::builder().max_connections_per_address(2).build();
    tokio::spawn(https::serve(listener, tls, websockets));
    let ca = dir.path("ca.pem");
    let url = format!("wss://localhost:{port}/chat");
    let mut ws = own_ca::connect(&url, &ca).await.unwrap();
    ws.send("through TLS").await.unwrap();
    assert_eq!(text(&mut ws).await, "through TLS");
    // Not without the authority, not another path.
    bowsprit::connect(&url).await.unwrap_err();
    own_ca::connect(&format!("wss://localhost:{port}/other"), &ca).await.unwrap_err();
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn an_authority_made_by_openssl_is_trusted() {
    let dir = Dir::new();
    dir.run_first_block(include_str!("../../docs/how-to/own-ca.md"));
    let tls = TlsServerConfig::from_pem_files(dir.path("cert.pem"), dir.path("key.pem")).unwrap();
    let server = Server::builder().tls(tls).bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://localhost:{}/", server.local_addr().unwrap().port());
    tokio::spawn(server.serve(|mut ws, _| async move { Ok(ws.send("trusted").await?) }));
    let mut ws = own_ca::connect(&url, &dir.path("ca.pem")).await.unwrap();
    assert_eq!(text(&mut ws).await, "trusted");
}

#[tokio::test]
async fn files_are_sent_and_received_in_pieces() {
    let dir = Dir::new();
    let (from, to) = (dir.0.join("from"), dir.0.join("to"));
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&from, &content).unwrap();
    let (mut client, mut server) = bowsprit::testing::pair().await;
    let sending = tokio::spawn(async move { files::send_file(&mut client, &from).await });
    let len = files::receive_file(&mut server, &to, 100_000_000).await.unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(len, content.len());
    assert!(std::fs::read(&to).unwrap() == content);
    let (mut client, mut server) = bowsprit::testing::pair().await;
    client.send(vec![0; 1001]).await.unwrap();
    files::receive_file(&mut server, &to, 1000).await.unwrap_err();
}

#[tokio::test]
async fn the_memory_that_a_client_can_take_is_limited() {
    let server = memory::server().build();
    let (mut client, mut ws) = pair_of(&Client::new(), &server, "ws://localhost/").await.unwrap();
    client.send(vec![0; 20_000]).await.unwrap();
    ws.recv().await.unwrap_err();
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(client.peer_close().unwrap().code, CloseCode::TOO_BIG);
}

#[tokio::test]
async fn compression_is_negotiated() {
    let long = compression::long_messages().build();
    let short = compression::short_messages().build();
    let url = "ws://localhost/";
    let (mut client, ws) = pair_of(&Client::new(), &long, url).await.unwrap();
    assert!(ws.extensions().contains("server_no_context_takeover"), "{}", ws.extensions());
    compression::send_secret(&mut client, "a secret ".repeat(1000)).await.unwrap();
    let (_client, ws) = pair_of(&Client::new(), &short, url).await.unwrap();
    assert_eq!(ws.extensions(), "permessage-deflate");
    let (_client, ws) = pair_of(&compression::uncompressed(), &short, url).await.unwrap();
    assert_eq!(ws.extensions(), "");
}

/// Whether a server accepts a page of this origin.
async fn accepts(server: &Server, origin: &str) -> bool {
    pair_of(&Client::new().origin(origin), server, "ws://localhost:8080/").await.is_ok()
}

#[tokio::test]
async fn origins_are_compared() {
    let front_end = origins::with_front_end().build();
    assert!(accepts(&front_end, "http://localhost:5173").await);
    assert!(accepts(&front_end, "http://localhost:8080").await);
    assert!(!accepts(&front_end, "http://localhost:3000").await);
    let subdomains = origins::with_subdomains().build();
    assert!(accepts(&subdomains, "https://www.example.com").await);
    assert!(!accepts(&subdomains, "https://www.notexample.com").await);
    assert!(!accepts(&subdomains, "http://example.com").await);
}

#[tokio::test]
async fn blocking_programs_ask_a_server_that_computes() {
    let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
    let url = url(&server);
    tokio::spawn(server.serve(|ws, _| blocking::answer(ws)));
    let answer = tokio::task::spawn_blocking(move || blocking::ask(&url, "loud?").unwrap());
    assert_eq!(answer.await.unwrap(), "LOUD?");
}

#[test]
fn events_are_logged_from_level_info_on() {
    logging::init();
    assert!(tracing::enabled!(tracing::Level::INFO));
    assert!(!tracing::enabled!(tracing::Level::DEBUG));
}
