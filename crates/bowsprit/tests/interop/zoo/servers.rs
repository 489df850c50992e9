//! The peers' servers, and our client.

use bowsprit::{Client, Error, WebSocket};

use super::{
    super::peers::in_time,
    checks::{Hello, compressed, play_deflate, play_plain},
    peer::{Peer, Process, Role},
    table::{self, Found},
};

async fn play(name: &str) {
    let peer = Peer::named(name);
    let Some(mut process) = peer.start(Role::Server, &[]) else { return };
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

    let refused = client.connect(&format!("{}/refused", hello.url)).await.unwrap_err();
    let Error::Refused(response) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), 403);
    Found { answer, deflate, refusal: response.status().as_u16().to_string(), hello }
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
