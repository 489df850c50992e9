//! WebSockets over HTTP/2 (RFC 8441) in an application of axum.

use axum::{Router, response::Response, routing::any};
use bowsprit::{Server, axum::WebSocketUpgrade, config::Limits};
use tokio::net::TcpListener;

use super::peers::{Peer, play};

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    })
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn node_gets_its_messages_back_over_http_2() {
    let server = Server::builder().limits(Limits::SERVER.max_message_len(2 << 20)).build();
    let app = Router::new().route("/echo", any(echo)).with_state(server);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    assert!(play(Peer::Http2, &authority, "/echo", &["echo"]).await.is_empty());
    serving.abort();
}
