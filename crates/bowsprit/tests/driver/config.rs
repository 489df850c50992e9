//! The options of a client on the wire, and the facts that both sides know of a connection.

use bowsprit::{
    Client, ConnectError, Server, State, WebSocket,
    client::Version,
    error::HandshakeError,
    http::{
        HeaderName,
        header::{COOKIE, HOST},
    },
    server::SubprotocolPolicy,
};

use super::{
    peer::{Peer, switching_protocols},
    support::{PIPE_LEN, URL, dial, paused, real, sockets},
};

/// The head of `client`'s request in lines, sorted, and what the response with `more` header fields
/// leads to.
async fn request_of(client: Client, more: &str) -> (Vec<String>, Result<WebSocket, ConnectError>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::server(theirs);
    let (connected, request) = tokio::join!(client.connect_over(URL, ours), async {
        let request = peer.head().await;
        peer.write(switching_protocols(&request, more)).await;
        request
    });
    let mut lines: Vec<String> = request.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    (lines, connected)
}

/// What `client` fails with before it sends anything.
async fn unsent(client: Client) -> ConnectError {
    let (ours, mut theirs) = tokio::io::duplex(PIPE_LEN);
    let error = client.connect_over(URL, ours).await.unwrap_err();
    let mut sent = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut theirs, &mut sent).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&sent), "");
    error
}

#[test]
fn a_client_asks_for_what_the_rfc_wants_and_no_more() {
    paused(async {
        let (lines, connected) = request_of(Client::new(), "").await;
        connected.unwrap();
        let key = lines.iter().find(|line| line.starts_with("Sec-WebSocket-Key: ")).unwrap();
        assert_eq!(key.len(), "Sec-WebSocket-Key: ".len() + 24);
        let others: Vec<&String> = lines.iter().filter(|line| *line != key).collect();
        assert_eq!(
            others,
            [
                "",
                "Connection: Upgrade",
                "GET /chat?room=1 HTTP/1.1",
                "Host: example.com",
                "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
                "Sec-WebSocket-Version: 13",
                "Upgrade: websocket",
            ]
        );
    });
}

#[test]
fn header_fields_origin_host_and_subprotocols_are_sent() {
    paused(async {
        let client = Client::new()
            .header(COOKIE, "a=1")
            .header("x-list", "one")
            .header("X-List", "two")
            .header(COOKIE, "b=2; c=3")
            .header("appKey", "s3cret")
            .header("X-API-Key".to_owned(), "s3cret")
            .header(HeaderName::from_static("x-api-token"), "s3cret")
            .header(HOST, "virtual.example:8080")
            .origin("https://example.com")
            .subprotocol("chat.v2")
            .subprotocol("chat.v1");
        let (lines, connected) = request_of(client, "Sec-WebSocket-Protocol: chat.v1\r\n").await;
        for line in [
            "Cookie: a=1; b=2; c=3",
            "x-list: one",
            "x-list: two",
            "appKey: s3cret",
            "X-API-Key: s3cret",
            "X-Api-Token: s3cret",
            "Host: virtual.example:8080",
            "Origin: https://example.com",
            "Sec-WebSocket-Protocol: chat.v2, chat.v1",
        ] {
            assert!(lines.iter().any(|sent| sent == line), "{line}: {lines:#?}");
        }
        assert_eq!(lines.iter().filter(|line| line.starts_with("Host:")).count(), 1);
        assert_eq!(connected.unwrap().subprotocol(), Some("chat.v1"));
    });
}

#[test]
fn version_8_names_the_origin_differently() {
    paused(async {
        let client = Client::new().version(Version::V8).origin("https://example.com");
        let (lines, connected) = request_of(client, "").await;
        connected.unwrap();
        assert!(lines.contains(&"Sec-WebSocket-Version: 8".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"Sec-WebSocket-Origin: https://example.com".to_owned()));
        assert!(!lines.iter().any(|line| line.starts_with("Origin:")), "{lines:#?}");
    });
}

#[test]
fn version_8_is_spoken_between_both_sides_where_it_is_allowed() {
    paused(async {
        for allowed in [true, false] {
            let builder = Server::builder();
            let server = if allowed { builder.accept_version_8() } else { builder }.build();
            let client = Client::new().version(Version::V8).origin("http://example.com");
            let (near, far) = tokio::io::duplex(PIPE_LEN);
            let (connected, accepted) =
                tokio::join!(client.connect_over(URL, near), server.accept(far));
            assert_eq!((connected.is_ok(), accepted.is_ok()), (allowed, allowed));
        }
    });
}

#[test]
fn a_subprotocol_that_was_asked_for_has_to_be_answered() {
    paused(async {
        let (_, connected) = request_of(Client::new().subprotocol("chat"), "").await;
        assert!(matches!(connected, Err(ConnectError::Handshake(HandshakeError::NoSubprotocol))));
        let client = Client::new().subprotocol("chat").subprotocol_optional();
        let (_, connected) = request_of(client, "").await;
        assert_eq!(connected.unwrap().subprotocol(), None);
    });
}

/// RFC: 4.1-22, 4.1-23
#[test]
fn a_request_that_may_not_be_sent_is_not() {
    paused(async {
        for name in ["sec-websocket-key", "upgrade", "connection", "content-length"] {
            let error = unsent(Client::new().header(name, "1")).await;
            let expected = HeaderName::from_static(name);
            let reserved = HandshakeError::ReservedHeader(expected);
            assert!(matches!(&error, ConnectError::Handshake(e) if *e == reserved), "{error:?}");
        }
        for client in [
            Client::new().header("x-a", "line\r\nbreak"),
            Client::new().header("bad name", "x"),
            Client::new().origin("a\0b"),
        ] {
            assert!(matches!(unsent(client).await, ConnectError::Header(_)));
        }
        for name in ["", "two words", "comma,"] {
            let error = unsent(Client::new().subprotocol(name)).await;
            let expected = HandshakeError::InvalidSubprotocol(0);
            assert!(matches!(&error, ConnectError::Handshake(e) if *e == expected), "{error:?}");
        }
    });
}

#[test]
fn a_client_with_an_invalid_header_field_fails_every_time() {
    paused(async {
        let client = Client::new().header("x-a", "line\nbreak");
        for _ in 0..2 {
            let (ours, _theirs) = tokio::io::duplex(64);
            let connected = client.connect_over(URL, ours).await;
            assert!(matches!(connected, Err(ConnectError::Header(_))), "{connected:?}");
        }
    });
}

#[test]
fn a_connection_knows_how_it_was_opened() {
    real(async {
        let server = Server::builder()
            .subprotocols(SubprotocolPolicy::Supported(vec!["b".into(), "a".into()]))
            .build();
        let (near, far) = sockets().await;
        let (near_addr, far_addr) = (near.local_addr().unwrap(), far.local_addr().unwrap());
        let client = Client::new().subprotocol("a").subprotocol("b");
        let (client, server) = tokio::join!(client.connect_over(URL, near), server.accept(far));
        let (client, server) = (client.unwrap(), server.unwrap());
        for (ws, peer_addr) in [(&client, far_addr), (&server, near_addr)] {
            assert_eq!((ws.path(), ws.subprotocol()), ("/chat", Some("a")));
            assert_eq!((ws.peer_addr(), ws.extensions()), (Some(peer_addr), ""));
            let local_addr = if peer_addr == far_addr { near_addr } else { far_addr };
            assert_eq!(ws.local_addr(), Some(local_addr));
            assert_eq!((ws.state(), ws.queued_len()), (State::Open, 0));
            assert_eq!(ws.peer_close(), None);
            let handle = ws.handle();
            assert_eq!((handle.path(), handle.subprotocol()), ("/chat", Some("a")));
            assert_eq!((handle.peer_addr(), handle.state()), (Some(peer_addr), State::Open));
        }
        assert_eq!(client.url().unwrap().to_string(), URL);
        assert_eq!(client.response().unwrap().status(), 101);
        assert!(server.url().is_none() && server.response().is_none());
        assert_eq!(server.cookies().count(), 0);
    });
}

#[test]
fn a_client_knows_the_servers_cookies_and_header_fields() {
    paused(async {
        let more = "Set-Cookie: id=42; Path=/; HttpOnly\r\nSet-Cookie: theme = dark\r\n\
            Set-Cookie: nonsense\r\nX-Server: tests\r\n";
        let (_, connected) = request_of(Client::new(), more).await;
        let ws = connected.unwrap();
        assert!(ws.cookies().eq([("id", "42"), ("theme", "dark")]));
        assert_eq!(ws.response().unwrap().headers()["x-server"], "tests");
    });
}

#[test]
fn a_handler_gets_the_request() {
    real(async {
        let (addr, _server) = super::support::serve(|mut ws, request| async move {
            let host = request.headers()["host"].to_str()?;
            ws.send(format!("{} {} {host}", request.method(), request.uri())).await?;
            Ok(())
        })
        .await;
        dial(addr).await.expect(super::peer::TEXT, "GET /chat example.com").await;
    });
}
