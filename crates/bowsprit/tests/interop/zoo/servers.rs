//! The peers' servers, and our client.

use bowsprit::{Client, ConnectError, WebSocket};

use super::{
    super::peers::in_time,
    checks::{Hello, compressed, play_deflate, play_plain},
    peer::{Peer, Role},
    process::Process,
    table::{self, Found},
};

async fn play(name: &str) {
    let peer = Peer::named(name);
    let Some(mut command) = peer.command(Role::Server) else { return };
    let mut process = Process::start(&mut command);
    let found = in_time(play_process(&mut process)).await;
    table::compare(peer, Role::Server, &found);
}

async fn play_process(process: &mut Process) -> Found {
    let hello = Hello::new(&process.line().await);
    let ws = connect(&client().deflate(None), &hello, "/plain").await;
    let answer = play_plain(ws, &hello).await;

    let client = client();
    let ws = connect(&client, &hello, "/deflate").await;
    let before = client.stats();
    play_deflate(ws, &hello).await;
    let deflate = compressed(&before, &client.stats()).to_owned();

    let refusal = if hello.has("refusal") { refusal(&client, &hello).await } else { "–".into() };
    Found { answer, deflate, refusal, hello }
}

async fn refusal(client: &Client, hello: &Hello) -> String {
    let refused = client.connect(&format!("{}/refused", hello.url)).await.unwrap_err();
    let ConnectError::Rejected(response) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 403);
    response.status().as_u16().to_string()
}

fn client() -> Client {
    Client::new().subprotocol("chat.v9").subprotocol("chat.v1").subprotocol_optional()
}

async fn connect(client: &Client, hello: &Hello, path: &str) -> WebSocket {
    client.connect(&format!("{}{path}", hello.url)).await.unwrap()
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_aiohttp() {
    play("aiohttp").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_autobahn() {
    play("autobahn").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_bun() {
    play("Bun").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_deno() {
    play("Deno").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_fastwebsockets() {
    play("fastwebsockets").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_faye_websocket() {
    play("faye-websocket").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_picows() {
    play("picows").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_sockudo_ws() {
    play("sockudo-ws").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_tokio_tungstenite() {
    play("tokio-tungstenite").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_tokio_websockets() {
    play("tokio-websockets").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_tornado() {
    play("tornado").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_trio_websocket() {
    play("trio-websocket").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_npm_websocket() {
    play("websocket").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_python_websockets() {
    play("websockets").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_npm_ws() {
    play("ws").await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn our_client_connects_to_yawc() {
    play("yawc").await;
}
