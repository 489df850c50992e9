//! Our server against foreign clients.

use std::time::Duration;

use bowsprit::{CloseCode, WebSocket, error::BoxError};
use tokio::time::sleep;

use super::peers::{OurServer, Peer, in_time, play};

/// Plays a scenario with both foreign clients; none of them has anything to remark.
async fn play_with_each(args: &[&str]) {
    let server = OurServer::start().await;
    for peer in Peer::ALL {
        assert!(play(peer, server.authority(), "/", args).await.is_empty());
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn messages_of_all_sizes_go_back() {
    play_with_each(&["echo"]).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_message_in_fragments_goes_back_whole() {
    play_with_each(&["fragments"]).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_burst_of_messages_goes_back_in_order() {
    play_with_each(&["burst"]).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn pings_of_a_client_are_answered_with_their_payload() {
    play_with_each(&["ping"]).await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn version_8_is_spoken() {
    let server = OurServer::start().await;
    assert!(play(Peer::Ws, server.authority(), "/", &["version8"]).await.is_empty());
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn the_first_subprotocol_that_the_server_supports_is_chosen() {
    let server = OurServer::start().await;
    for peer in Peer::ALL {
        let args = ["subprotocol", "chat.v9", "chat.v2", "chat.v1"];
        assert_eq!(play(peer, server.authority(), "/", &args).await, ["subprotocol chat.v2"]);
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_client_at_an_unknown_path_is_refused() {
    let server = OurServer::start().await;
    for peer in Peer::ALL {
        let said = play(peer, server.authority(), "/unknown", &["refused"]).await;
        assert_eq!(said[..2], ["status 404", "body nothing here"], "{peer:?}");
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn the_code_of_a_client_that_closes_comes_back() {
    let server = OurServer::start().await;
    for peer in Peer::ALL {
        let said = play(peer, server.authority(), "/", &["close", "4002", "see you"]).await;
        assert!(said[0].starts_with("close 4002"), "{peer:?}: {said:?}");
    }
}

async fn close_at_once(mut ws: WebSocket) -> Result<(), BoxError> {
    ws.close((CloseCode::GOING_AWAY, "not now")).await?;
    Ok(())
}

async fn fail(_: WebSocket) -> Result<(), BoxError> {
    Err("this is what a handler may do".into())
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_client_is_told_the_code_and_reason_of_a_server_that_closes() {
    let server = in_time(OurServer::start_with(OurServer::builder(), close_at_once)).await;
    for peer in Peer::ALL {
        assert_eq!(play(peer, server.authority(), "/", &["close"]).await, ["close 1001 not now"]);
    }
}

/// Sends now and then, and receives nothing.
async fn push(mut ws: WebSocket) -> Result<(), BoxError> {
    while ws.send("tick").await.is_ok() {
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_handler_that_only_sends_survives_the_keepalive_of_websockets() {
    let server = in_time(OurServer::start_with(OurServer::builder(), push)).await;
    assert!(play(Peer::Websockets, server.authority(), "/", &["keepalive"]).await.is_empty());
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_client_is_told_that_a_handler_has_failed() {
    let server = in_time(OurServer::start_with(OurServer::builder(), fail)).await;
    for peer in Peer::ALL {
        let said = play(peer, server.authority(), "/", &["close"]).await;
        assert_eq!(said[0].trim_end(), "close 1011", "{peer:?}");
    }
}
