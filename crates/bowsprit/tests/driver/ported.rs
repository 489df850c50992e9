//! Programs that were written for other clients: header maps and whole requests.

use bowsprit::{
    Client, ConnectError, WebSocket,
    error::HandshakeError,
    http::{HeaderMap, HeaderValue, Request, header},
};
use tokio::net::TcpListener;

use super::{
    peer::{Peer, switching_protocols},
    support::real,
};

/// What is asked for at a hand-made server, without the key, and what comes of it.
async fn ask(
    client: Client,
    request: impl FnOnce(String) -> Request<()>,
    more: &str,
) -> (String, Vec<String>, Result<WebSocket, ConnectError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let request = request(format!("ws://{host}/feed?from=1"));
    let (connected, head) = tokio::join!(client.connect_request(request), async {
        let mut peer = Peer::server(listener.accept().await.unwrap().0);
        let head = peer.head().await;
        peer.write(switching_protocols(&head, more)).await;
        head
    });
    let is_told = |line: &&str| !line.is_empty() && !line.starts_with("Sec-WebSocket-Key");
    let mut lines: Vec<_> = head.lines().filter(is_told).map(str::to_owned).collect();
    lines.sort_unstable();
    (host, lines, connected)
}

/// A request as tokio-tungstenite wants one: with all that the handshake needs.
fn tungstenite(url: String) -> Request<()> {
    let host = url.split('/').nth(2).unwrap().to_owned();
    Request::get(url)
        .header("Host", host)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Protocol", "chat.v2, chat.v1")
        .header("Origin", "https://example.com")
        .header("Authorization", "Bearer 1234")
        .header("X-List", "one")
        .header("X-List", "two")
        .body(())
        .unwrap()
}

fn expected(host: &str, more: &[&str]) -> Vec<String> {
    let mut lines = vec![
        "Connection: Upgrade".to_owned(),
        "GET /feed?from=1 HTTP/1.1".to_owned(),
        format!("Host: {host}"),
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits".to_owned(),
        "Sec-WebSocket-Version: 13".to_owned(),
        "Upgrade: websocket".to_owned(),
    ];
    lines.extend(more.iter().map(|line| (*line).to_owned()));
    lines.sort_unstable();
    lines
}

#[test]
fn a_whole_request_is_sent_as_one_of_ours() {
    real(async {
        let more = "Sec-WebSocket-Protocol: chat.v1\r\n";
        let (host, lines, connected) = ask(Client::new(), tungstenite, more).await;
        let ours = [
            "Authorization: Bearer 1234",
            "Origin: https://example.com",
            "Sec-WebSocket-Protocol: chat.v2, chat.v1",
            "X-List: one",
            "X-List: two",
        ];
        assert_eq!(lines, expected(&host, &ours));
        assert_eq!(connected.unwrap().subprotocol(), Some("chat.v1"));
    });
}

#[test]
fn a_request_with_nothing_but_a_url_is_enough() {
    real(async {
        let plain = |url| Request::get(url).body(()).unwrap();
        let (host, lines, connected) = ask(Client::new(), plain, "").await;
        assert_eq!(lines, expected(&host, &[]));
        connected.unwrap();
    });
}

#[test]
fn header_maps_replace_what_was_there() {
    real(async {
        let headers = HeaderMap::from_iter([
            (header::COOKIE, HeaderValue::from_static("a=2")),
            (header::USER_AGENT, HeaderValue::from_static("tests")),
        ]);
        let client = Client::new().header("cookie", "a=1").header("x-a", "1").headers(headers);
        let with_one = |url| Request::get(url).header("x-a", "2").body(()).unwrap();
        let (host, lines, connected) = ask(client, with_one, "").await;
        let ours = ["Cookie: a=2", "User-Agent: tests", "X-A: 2"];
        assert_eq!(lines, expected(&host, &ours));
        connected.unwrap();
    });
}

#[test]
fn a_request_that_means_something_else_is_refused() {
    real(async {
        for (name, value) in [
            ("connection", "close"),
            ("upgrade", "h2c"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-accept", "x"),
            ("content-length", "1"),
        ] {
            let request = Request::get("ws://127.0.0.1:1/").header(name, value).body(()).unwrap();
            // Whatever is sent is lost: a refusal that comes too late is another error.
            let client = Client::new().connector(|_| async { Ok(tokio::io::duplex(1).0) });
            let refused = client.connect_request(request).await;
            let expected = HandshakeError::ReservedHeader(name.parse().unwrap());
            assert!(
                matches!(&refused, Err(ConnectError::Handshake(error)) if *error == expected),
                "{name}: {refused:?}"
            );
        }
        let post = Request::post("ws://127.0.0.1:1/").body(()).unwrap();
        let refused = Client::new().connect_request(post).await;
        assert!(
            matches!(refused, Err(ConnectError::Handshake(HandshakeError::Method))),
            "{refused:?}"
        );
        let relative = Request::get("/feed").body(()).unwrap();
        let refused = Client::new().connect_request(relative).await;
        assert!(matches!(refused, Err(ConnectError::Url(_))), "{refused:?}");
    });
}
