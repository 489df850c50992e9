//! The peers' clients, and our server.

use serde_json::{Value, json};

use super::{
    super::peers::in_time,
    checks::{Hello, compressed, play_deflate, play_deflate_in_vain, play_plain},
    peer::{Peer, Role},
    process::Process,
    server::ZooServer,
    table::{self, Found},
};

/// Of our server, in the order in which a client connects to them.
const PATHS: [&str; 4] = ["/plain", "/takeover", "/deflate", "/refused"];

async fn play(name: &str) {
    let peer = Peer::named(name);
    let mut server = ZooServer::start().await;
    let Some(mut process) = start(peer, &mut server) else { return };
    let found = in_time(play_process(&mut server, &mut process)).await;
    table::compare(peer, Role::Client, &found);
}

fn start(peer: &Peer, server: &mut ZooServer) -> Option<Process> {
    if peer.is_browser() {
        let authority = server.url.replace("ws://", "");
        let page = format!("http://{authority}/page.html?{}", PATHS.join(","));
        return Some(Process::open(peer.browser()?, &page, server.reports.take()?));
    }
    let urls = PATHS.map(|path| format!("{}{path}", server.url));
    Some(Process::start(peer.command(Role::Client)?.args(urls)))
}

async fn play_process(server: &mut ZooServer, process: &mut Process) -> Found {
    let hello = Hello::new(&process.line().await);
    let answer = play_plain(server.accept(process).await, &hello).await;
    assert_eq!(process.line().await, hello.closed(4001, "bye"));

    let ws = server.accept(process).await;
    let before = server.server.stats();
    play_deflate(ws, &hello).await;
    let mut deflate = compressed(&before, &server.server.stats()).to_owned();
    check_end(process, &hello).await;

    let ws = server.accept(process).await;
    if hello.has("no_context_takeover") {
        play_deflate(ws, &hello).await;
    } else {
        play_deflate_in_vain(ws, &hello).await;
        deflate += ", not without context takeover";
    }
    check_end(process, &hello).await;
    Found { answer, deflate, refusal: check_refusal(process, &hello).await.to_owned(), hello }
}

/// Clients differ in what they say of a close of their own.
async fn check_end(process: &mut Process, hello: &Hello) {
    assert_eq!(process.line().await["subprotocol"], json!(hello.subprotocol()));
}

async fn check_refusal(process: &mut Process, hello: &Hello) -> &'static str {
    let tells = hello.has("status");
    let status = if tells { json!(403) } else { Value::Null };
    assert_eq!(process.line().await, json!({ "refused": status }));
    if tells { "403" } else { "no status" }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn aiohttp_connects_to_our_server() {
    play("aiohttp").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn autobahn_connects_to_our_server() {
    play("autobahn").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn bun_connects_to_our_server() {
    play("Bun").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn libcurl_connects_to_our_server() {
    play("curl_cffi").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn deno_connects_to_our_server() {
    play("Deno").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn fastwebsockets_connects_to_our_server() {
    play("fastwebsockets").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn faye_websocket_connects_to_our_server() {
    play("faye-websocket").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn firefox_connects_to_our_server() {
    play("Firefox").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn the_jdk_connects_to_our_server() {
    play("JDK").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn node_connects_to_our_server() {
    play("Node.js").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn picows_connects_to_our_server() {
    play("picows").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn sockudo_ws_connects_to_our_server() {
    play("sockudo-ws").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn tokio_tungstenite_connects_to_our_server() {
    play("tokio-tungstenite").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn tokio_websockets_connects_to_our_server() {
    play("tokio-websockets").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn tornado_connects_to_our_server() {
    play("tornado").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn trio_websocket_connects_to_our_server() {
    play("trio-websocket").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn undici_connects_to_our_server() {
    play("undici").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn npm_websocket_connects_to_our_server() {
    play("websocket").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn websocket_client_connects_to_our_server() {
    play("websocket-client").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn python_websockets_connects_to_our_server() {
    play("websockets").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn npm_ws_connects_to_our_server() {
    play("ws").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn yawc_connects_to_our_server() {
    play("yawc").await;
}
