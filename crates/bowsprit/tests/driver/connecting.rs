//! The client's opening handshake: refusals, hostile answers, time-outs.

use bowsprit::{
    Client, ConnectError, Error, WebSocket,
    error::{HandshakeError, InvalidUrl, TimeoutKind},
    http,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

use super::{
    peer::{Peer, TEXT, switching_protocols},
    support::{PIPE_LEN, SECOND, URL, paused, real},
};

const MAX_REFUSAL_LEN: usize = 64 * 1024;

/// What a client comes to with a server that reads its request and answers it with what `answer`
/// makes of it, then ends the transport.
async fn answered(answer: impl FnOnce(&str) -> String) -> Result<WebSocket, ConnectError> {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::server(theirs);
    let client = Client::new();
    let (connected, ()) = tokio::join!(client.connect_over(URL, ours), async {
        let request = peer.head().await;
        let answer = answer(&request);
        // A client that has heard enough hangs up.
        let _enough = peer.io.write_all(answer.as_bytes()).await;
        drop(peer);
    });
    connected
}

/// The refusal that `answer` leads to.
async fn refusal(answer: String) -> http::Response<bowsprit::Bytes> {
    match answered(|_| answer).await {
        Err(ConnectError::Rejected(response)) => *response,
        other => panic!("{other:?}"),
    }
}

/// RFC: 4.1-25
#[test]
fn a_refusal_has_status_headers_and_body() {
    paused(async {
        for (status, body) in [(404, "nothing here"), (401, ""), (503, "busy"), (200, "hello")] {
            let len = body.len();
            let response = refusal(format!(
                "HTTP/1.1 {status} Whatever\r\nX-Why: because\r\nContent-Length: {len}\r\n\r\n{body}"
            ))
            .await;
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-why"], "because");
            assert_eq!(response.body(), body);
        }
    });
}

/// RFC: 4.1-25
#[test]
fn a_redirect_is_a_refusal() {
    paused(async {
        let answer = "HTTP/1.1 302 Found\r\nLocation: ws://other.example/\r\n\
            Content-Length: 0\r\n\r\n";
        let response = refusal(answer.to_owned()).await;
        assert_eq!(response.status(), http::StatusCode::FOUND);
        assert_eq!(response.headers()["location"], "ws://other.example/");
    });
}

#[test]
fn the_body_of_a_refusal_is_kept_up_to_64_kib() {
    paused(async {
        let long = "x".repeat(1 << 20);
        let len = long.len();
        let whole = format!("HTTP/1.1 500 Oh\r\nContent-Length: {len}\r\n\r\n{long}");
        assert_eq!(refusal(whole).await.body().len(), MAX_REFUSAL_LEN);
        let endless = format!("HTTP/1.1 500 Oh\r\n\r\n{long}");
        assert_eq!(refusal(endless).await.body().len(), MAX_REFUSAL_LEN);
        let chunked = "HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(refusal(chunked.to_owned()).await.body(), "abc");
        let cut = "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nabc";
        assert_eq!(refusal(cut.to_owned()).await.body(), "abc");
    });
}

/// RFC: 4.1-25
#[test]
fn bytes_after_another_status_are_never_frames() {
    paused(async {
        let connected = answered(|request| {
            let accepted = switching_protocols(request, "Content-Length: 4\r\n");
            accepted.replace("101 Switching Protocols", "200 OK") + "\u{1}\u{2}hi"
        })
        .await;
        assert!(matches!(connected, Err(ConnectError::Rejected(_))), "{connected:?}");
    });
}

/// RFC: 4.1-26, 4.1-27, 4.1-28, 4.1-29, 4.1-30
#[test]
fn hostile_answers_are_refused_each_with_its_own_error() {
    use HandshakeError as H;
    let upgrade = http::header::UPGRADE;
    let connection = http::header::CONNECTION;
    let accept = http::header::SEC_WEBSOCKET_ACCEPT;
    let cases = [
        ("HTTP/1.1", "HTTP/1.0", H::HttpVersion),
        ("Upgrade: websocket\r\n", "", H::Missing(upgrade.clone())),
        ("Upgrade: websocket", "Upgrade: h2c", H::Malformed(upgrade)),
        ("Connection: Upgrade\r\n", "", H::Missing(connection.clone())),
        ("Connection: Upgrade", "Connection: close", H::Malformed(connection)),
        ("Accept: ", "Accept: AAAA", H::Accept),
        ("Sec-WebSocket-Accept: ", "X-Accept: ", H::Missing(accept.clone())),
        ("\r\n\r\n", "\r\nSec-WebSocket-Accept: x\r\n\r\n", H::Repeated(accept)),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-other\r\n\r\n", H::Extension),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n", H::Subprotocol("chat".into())),
    ];
    paused(async move {
        for (from, to, expected) in cases {
            let connected = answered(|request| {
                let answer = switching_protocols(request, "");
                assert!(answer.contains(from), "{answer}");
                answer.replacen(from, to, 1)
            })
            .await;
            match connected {
                Err(ConnectError::Handshake(error)) => assert_eq!(error, expected),
                other => panic!("{expected:?}: {other:?}"),
            }
        }
    });
}

/// A refusal is told when the time for the handshake is over before its body is whole.
#[test]
fn a_refusal_whose_body_does_not_end_is_told_in_time() {
    paused(async {
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let mut peer = Peer::server(theirs);
        let begun = Instant::now();
        let client = Client::new().handshake_timeout(SECOND);
        let (connected, ()) = tokio::join!(client.connect_over(URL, ours), async {
            peer.head().await;
            peer.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nwho").await;
        });
        let Err(ConnectError::Rejected(response)) = connected else { panic!("{connected:?}") };
        assert_eq!((response.status().as_u16(), &response.body()[..]), (401, &b"who"[..]));
        assert_eq!(begun.elapsed(), SECOND);
    });
}

#[test]
fn the_body_of_a_refusal_with_a_large_head_is_kept() {
    paused(async {
        let fields: String = (0..150).map(|i| format!("X-{i}: {}\r\n", "y".repeat(500))).collect();
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let mut peer = Peer::server(theirs);
        let client = Client::new().max_header_fields(1000).max_head_len(1 << 20);
        let (connected, ()) = tokio::join!(client.connect_over(URL, ours), async {
            peer.head().await;
            let head = format!("HTTP/1.1 403 Forbidden\r\n{fields}Content-Length: 2\r\n\r\nno");
            peer.write(head).await;
        });
        let Err(ConnectError::Rejected(response)) = connected else { panic!("{connected:?}") };
        assert_eq!((response.headers().len(), &response.body()[..]), (151, &b"no"[..]));
    });
}

#[test]
fn what_is_no_http_or_breaks_off_is_an_error() {
    let long = format!("HTTP/1.1 101 Switching Protocols\r\nX-Long: {}", "x".repeat(40_000));
    let fields: String = (0..101).map(|i| format!("X-{i}: y\r\n")).collect();
    let many = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
    let answers = [
        String::new(),
        "HTTP/1.1 101 Switching Proto".into(),
        "SSH-2.0-OpenSSH_9.7\r\n".into(),
        "\u{1}\u{2}\u{3}".into(),
        "HTTP/1.1 101 Switching Protocols\r\nno colon\r\n\r\n".into(),
        long,
        many,
    ];
    paused(async move {
        for answer in answers {
            let start: String = answer.chars().take(60).collect();
            let connected = answered(|_| answer).await;
            assert!(matches!(connected, Err(ConnectError::Http(_))), "{start:?}: {connected:?}");
        }
    });
}

/// A client that connects over a pipe, and the other end.
fn connecting() -> (tokio::task::JoinHandle<Result<WebSocket, ConnectError>>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    (tokio::spawn(async move { Client::new().connect_over(URL, ours).await }), theirs)
}

#[test]
fn a_server_that_says_nothing_or_little_has_ten_seconds_in_all() {
    for answer in ["", "HTTP/1.1 101 Switching Protocols\r\n"] {
        paused(async move {
            let begun = Instant::now();
            let (connecting, theirs) = connecting();
            let mut peer = Peer::server(theirs);
            peer.head().await;
            for byte in answer.bytes().chain([b'x'; 60]) {
                if answer.is_empty() || peer.io.write_all(&[byte]).await.is_err() {
                    break;
                }
                sleep(SECOND / 3).await;
            }
            let ended = connecting.await.unwrap();
            assert!(
                matches!(ended, Err(ConnectError::TimedOut(TimeoutKind::Handshake))),
                "{ended:?}"
            );
            let passed = begun.elapsed();
            assert!((10 * SECOND..=11 * SECOND).contains(&passed), "{passed:?}");
        });
    }
}

#[test]
fn a_refusal_whose_body_does_not_end_is_told_with_what_has_come() {
    paused(async {
        let (connecting, theirs) = connecting();
        let mut peer = Peer::server(theirs);
        peer.head().await;
        peer.io.write_all(b"HTTP/1.1 503 Busy\r\nX-Why: test\r\n\r\nstart").await.unwrap();
        let Err(ConnectError::Rejected(response)) = connecting.await.unwrap() else {
            panic!("let in")
        };
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-why"]),
            (503, &"test".parse().unwrap())
        );
        assert_eq!(*response.body(), "start");
    });
}

#[test]
fn the_handshake_timeout_can_be_set() {
    paused(async {
        let (ours, _theirs) = tokio::io::duplex(PIPE_LEN);
        let begun = Instant::now();
        let ended = Client::new().handshake_timeout(SECOND).connect_over(URL, ours).await;
        assert!(matches!(ended, Err(ConnectError::TimedOut(TimeoutKind::Handshake))), "{ended:?}");
        assert_eq!(begun.elapsed(), SECOND);
    });
}

#[test]
fn frames_that_come_with_the_response_are_not_lost() {
    paused(async {
        let (connecting, theirs) = connecting();
        let mut peer = Peer::server(theirs);
        let request = peer.head().await;
        let mut answer = switching_protocols(&request, "").into_bytes();
        for text in ["one", "two"] {
            answer.extend(peer.encode(TEXT, text));
        }
        peer.write(answer).await;
        let mut ws = connecting.await.unwrap().unwrap();
        for text in ["one", "two"] {
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(text));
        }
    });
}

/// RFC: 4.1-2, 4.1-7, 4.1-24
#[test]
fn a_client_opens_a_connection_and_sends_nothing_before_the_response() {
    real(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/chat", listener.local_addr().unwrap());
        let connecting = tokio::spawn(async move {
            let mut ws = bowsprit::connect(&url).await?;
            ws.send("first").await?;
            ws.flush().await?;
            Ok::<_, Error>(ws)
        });
        let mut peer = Peer::server(listener.accept().await.unwrap().0);
        let request = peer.head().await;
        assert!(request.starts_with("GET /chat HTTP/1.1\r\n"), "{request}");
        tokio::time::pause();
        let early = timeout(SECOND, peer.io.read_u8()).await;
        assert!(early.is_err(), "{early:?}");
        peer.write(switching_protocols(&request, "")).await;
        peer.expect(TEXT, "first").await;
        connecting.await.unwrap().unwrap();
    });
}

/// RFC: 4.1-9
#[test]
fn a_server_that_cannot_be_reached_is_an_error() {
    real(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        drop(listener);
        let connected = bowsprit::connect(&url).await;
        assert!(matches!(connected, Err(ConnectError::Io(_))), "{connected:?}");
    });
}

/// RFC: 4.1-3
#[test]
fn an_invalid_url_is_an_error_before_anything_is_opened() {
    paused(async {
        for (url, expected) in [
            ("ftp://example.com/", InvalidUrl::Scheme),
            ("ws://example.com/#top", InvalidUrl::Fragment),
            ("ws://us er:secret@example.com/", InvalidUrl::UserInfo),
            ("ws+unix:", InvalidUrl::SocketPath),
            ("ws:///chat", InvalidUrl::Host),
            ("example.com", InvalidUrl::Syntax),
            (&format!("ws://example.com/{}", "x".repeat(70_000)), InvalidUrl::TooLong),
        ] {
            let connected = bowsprit::connect(url).await;
            assert!(
                matches!(connected, Err(ConnectError::Url(error)) if error == expected),
                "{url}"
            );
        }
    });
}

#[cfg(not(any(feature = "tls", feature = "native-tls")))]
#[test]
fn without_tls_there_is_no_encrypted_connection() {
    real(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://{}/", listener.local_addr().unwrap());
        let error = bowsprit::connect(&url).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoTls), "{error:?}");
        assert!(error.to_string().contains("feature tls"), "{error}");
        // Nothing was connected to, so that the first to come is this one.
        let next = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (_, first) = listener.accept().await.unwrap();
        assert_eq!(first, next.local_addr().unwrap());
    });
}

#[test]
fn http_urls_and_credentials_in_urls_are_understood() {
    real(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        for (client, expected) in [
            (Client::new(), "Basic dXNlcjpzZTpjckB0"),
            (
                Client::new().basic_auth("Aladdin", "open sesame"),
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            (Client::new().bearer_auth("abc"), "Bearer abc"),
        ] {
            let url = format!("http://user:se:cr%40t@{addr}/chat");
            let connecting = tokio::spawn(async move { client.connect(&url).await });
            let mut peer = Peer::server(listener.accept().await.unwrap().0);
            let request = peer.head().await;
            assert!(request.contains(&format!("\r\nAuthorization: {expected}\r\n")), "{request}");
            assert!(request.contains(&format!("\r\nHost: {addr}\r\n")), "{request}");
            peer.write(switching_protocols(&request, "")).await;
            let ws = connecting.await.unwrap().unwrap();
            assert_eq!(ws.url().unwrap().to_string(), format!("ws://{addr}/chat"));
        }
    });
}

#[test]
fn options_that_no_header_can_carry_are_errors_before_anything_is_opened() {
    paused(async {
        for client in [Client::new().basic_auth("a:b", "c"), Client::new().bearer_auth("a\r\nx: y")]
        {
            let error = client.connect("ws://127.0.0.1:1/").await.unwrap_err();
            let malformed = HandshakeError::Malformed(http::header::AUTHORIZATION);
            assert!(
                matches!(&error, ConnectError::Handshake(found) if *found == malformed),
                "{error:?}"
            );
        }
        for client in [
            Client::new().header("a b", "c"),
            Client::new().header("a", "b\r\nc: d"),
            Client::new().origin("a\nb"),
        ] {
            let error = client.connect("ws://127.0.0.1:1/").await.unwrap_err();
            assert!(matches!(error, ConnectError::Header(_)), "{error:?}");
        }
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_can_be_connected_to() {
    real(async {
        let path = std::env::temp_dir().join(format!("bowsprit-{}.sock", std::process::id()));
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let url = format!("ws+unix:{}:/chat?room=1", path.display());
        let server = bowsprit::Server::builder().path("/chat").build();
        let (ws, accepted) = tokio::join!(bowsprit::connect(&url), async {
            server.accept(listener.accept().await.unwrap().0).await.unwrap()
        });
        std::fs::remove_file(&path).unwrap();
        let (mut ws, mut accepted) = (ws.unwrap(), accepted);
        assert_eq!((ws.peer_addr(), ws.url().unwrap().to_string()), (None, url.clone()));
        ws.send("over a socket").await.unwrap();
        let message = accepted.recv().await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some("over a socket"));
        drop((ws, accepted));
        assert!(matches!(bowsprit::connect(&url).await, Err(ConnectError::Io(_))));
    });
}
