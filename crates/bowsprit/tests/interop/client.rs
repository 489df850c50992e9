//! Our client against foreign servers.

use std::time::Duration;

use bowsprit::{
    Client, CloseCode, ConnectError, Event, Message, WebSocket,
    message::{Fragment, MessageKind},
};
use tokio::time::sleep;

use super::peers::{Peer, PeerServer, in_time};

const SIZES: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20];

async fn connect(server: &PeerServer, path: &str) -> WebSocket {
    Client::new().connect(&server.url(path)).await.unwrap()
}

async fn close(mut ws: WebSocket) {
    ws.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(ws.peer_close().unwrap().code, CloseCode::NORMAL);
}

/// Runs a test with each foreign server.
async fn with_each(test: impl AsyncFn(&PeerServer, Peer)) {
    for peer in Peer::ALL {
        in_time(async { test(&PeerServer::start(peer).await, peer).await }).await;
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn messages_of_all_sizes_come_back() {
    with_each(async |server, peer| {
        let mut ws = connect(server, "/").await;
        for size in SIZES {
            let text = "aé€😀".repeat(size / 10) + &"x".repeat(size % 10);
            let bytes: Vec<u8> = (0..size).map(|i| (i * 31 + (i >> 8)).to_le_bytes()[0]).collect();
            for message in [Message::from(text), Message::from(bytes)] {
                ws.send(message.clone()).await.unwrap();
                let back = ws.recv().await.unwrap();
                assert!(back == Some(message), "{peer:?}: {size} bytes came back different");
            }
        }
        close(ws).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn messages_that_are_sent_without_waiting_come_back_in_order() {
    with_each(async |server, _| {
        let (mut receive, mut send) = connect(server, "/").await.split();
        let sending = tokio::spawn(async move {
            for i in 0..10_000 {
                send.send(format!("message {i}")).await.unwrap();
            }
            send
        });
        for i in 0..10_000 {
            let message = receive.recv().await.unwrap();
            assert_eq!(message, Some(format!("message {i}").into()));
        }
        drop(sending.await.unwrap());
        receive.close(CloseCode::NORMAL).await.unwrap();
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_message_in_fragments_comes_back_whole() {
    with_each(async |server, _| {
        let mut ws = connect(server, "/").await;
        let text = "aé€😀".repeat(100);
        // One piece is empty, and the cuts are inside of characters.
        for (from, to) in [(0, 2), (2, 5), (5, 5), (5, 999), (999, 1000)] {
            let payload = &text.as_bytes()[from..to];
            let fragment = Fragment { kind: MessageKind::Text, payload, fin: to == 1000 };
            ws.send_fragment(fragment).await.unwrap();
            if from == 2 {
                ws.ping(b"between").unwrap();
            }
        }
        let pong = ws.next_event().await.unwrap();
        assert_eq!(pong, Some(Event::Pong(b"between")));
        assert_eq!(ws.recv().await.unwrap(), Some(text.into()));
        close(ws).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn the_code_and_reason_of_a_server_that_closes_are_told() {
    with_each(async |server, _| {
        let mut ws = connect(server, "/close-4001").await;
        assert_eq!(ws.recv().await.unwrap(), None);
        let close = ws.peer_close().unwrap();
        assert_eq!((u16::from(close.code), &*close.reason), (4001, "bye"));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_refusal_is_told_with_its_status_headers_and_body() {
    with_each(async |server, _| {
        let error = Client::new().connect(&server.url("/refuse")).await.unwrap_err();
        let ConnectError::Rejected(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["x-why"], "test");
        assert_eq!(response.body(), "go away");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_message_that_comes_with_the_response_is_not_lost() {
    with_each(async |server, _| {
        let mut ws = connect(server, "/greet").await;
        assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
        close(ws).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn header_fields_of_the_application_arrive() {
    with_each(async |server, _| {
        let client = Client::new().header("x-test", "some value").origin("http://example.com");
        let mut ws = client.connect(&server.url("/headers")).await.unwrap();
        let headers = ws.recv().await.unwrap().unwrap();
        let headers = headers.as_text().unwrap().replace("\": \"", "\":\"");
        assert!(headers.contains(r#""x-test":"some value""#), "{headers}");
        assert!(headers.contains(r#""origin":"http://example.com""#), "{headers}");
        assert!(headers.contains(r#""sec-websocket-version":"13""#), "{headers}");
        close(ws).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn pings_of_a_server_are_answered_with_their_payload() {
    with_each(async |server, _| {
        let mut ws = connect(server, "/ping").await;
        assert_eq!(ws.recv().await.unwrap(), Some("pong:are you there".into()));
        close(ws).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_client_that_only_sends_survives_the_keepalive_of_websockets() {
    in_time(async {
        let server = PeerServer::start_with(Peer::Websockets, &["--keepalive"]).await;
        let mut ws = connect(&server, "/count").await;
        for _ in 0..30 {
            ws.send("tick").await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
        let close = ws.closed().await.unwrap().unwrap();
        assert_eq!((u16::from(close.code), &*close.reason), (4002, "enough"));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_subprotocol_is_agreed_on() {
    with_each(async |server, _| {
        let client = Client::new().subprotocol("chat.v9").subprotocol("chat.v1");
        let ws = client.connect(&server.url("/")).await.unwrap();
        assert_eq!(ws.subprotocol(), Some("chat.v1"));
        close(ws).await;
        let client = Client::new().subprotocol("chat.v9");
        let error = client.connect(&server.url("/")).await.unwrap_err();
        assert!(matches!(error, ConnectError::Handshake(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn redirects_are_followed_with_secrets_only_at_home() {
    with_each(async |server, peer| {
        let other = PeerServer::start(peer).await;
        let client = Client::new().header("x-api-key", "s3cret").max_redirects(2);
        let home = format!("ws://user:s3cret@{}", server.authority());
        let away = other.url("/headers");
        for (path, told) in
            [("/redirect?/headers".to_owned(), true), (format!("/redirect?{away}"), false)]
        {
            let mut ws = client.connect(&format!("{home}{path}")).await.unwrap();
            let headers = ws.recv().await.unwrap().unwrap();
            let headers = headers.as_text().unwrap();
            assert_eq!(headers.contains("s3cret"), told, "{peer:?}: {headers}");
            assert_eq!(headers.contains("authorization"), told, "{peer:?}: {headers}");
            close(ws).await;
        }
        let client = client.max_redirects(1);
        let error = client.connect(&format!("{home}/redirect?/redirect?/headers")).await;
        assert!(matches!(error, Err(ConnectError::Redirect { .. })), "{error:?}");
        let refused = Client::new().connect(&server.url("/redirect?/headers")).await;
        let Err(ConnectError::Rejected(response)) = refused else { panic!("{refused:?}") };
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (302, &"/headers".parse().unwrap())
        );
    })
    .await;
}
