//! The server's opening handshake over transports: what is let in, refused and timed out.

use bowsprit::{
    AcceptError, Bytes, Deflate, Server,
    error::{HandshakeError, TimeoutKind},
    http,
    server::{HostPolicy, SubprotocolPolicy},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{PIPE_LEN, SECOND, dial, paused, real, serve, server_over},
};

/// What `Server::accept` says to `request`, and what the client gets until the end.
async fn refused(server: &Server, request: impl AsRef<[u8]>) -> (AcceptError, String) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::client(theirs);
    let (accepted, answer) = tokio::join!(server.accept(ours), async {
        peer.write(request).await;
        let mut answer = Vec::new();
        peer.io.read_to_end(&mut answer).await.unwrap();
        drop(peer);
        String::from_utf8(answer).unwrap()
    });
    (accepted.unwrap_err(), answer)
}

/// The request of a client, with `from` replaced.
fn request_with(from: &str, to: &str) -> String {
    assert!(REQUEST.contains(from), "{from}");
    REQUEST.replacen(from, to, 1)
}

/// RFC: 4.2.1-1, 4.2.2-3, 4.2.2-4, 4.2.2-5, 4.4-1
#[test]
fn refused_requests_get_their_status_and_the_connection_is_closed() {
    let cases = [
        (request_with("GET", "POST"), 405, "allow: GET"),
        (
            request_with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 7"),
            426,
            "sec-websocket-version: 13",
        ),
        (request_with("Upgrade: websocket\r\n", ""), 426, "upgrade: websocket"),
        (request_with("/chat", "/elsewhere"), 404, "nothing here"),
        (
            request_with("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n"),
            403,
            "serverbuilder::allowed_origins",
        ),
        (request_with("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400, "sec-websocket-key"),
        (request_with("Host: example.com\r\n", ""), 400, "host"),
        (request_with("HTTP/1.1", "HTTP/1.0"), 400, "HTTP/1.1"),
        (request_with("Connection: Upgrade", "Connection: close"), 400, "connection"),
        (request_with("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello"), 400, "body"),
        (request_with("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, "body"),
    ];
    paused(async move {
        let server = Server::builder().path("/chat").build();
        for (request, status, hint) in cases {
            let (error, answer) = refused(&server, &request).await;
            let got = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
            assert_eq!(got, Some(status), "{request}{answer}");
            let lower = answer.to_lowercase();
            assert!(lower.contains(&hint.to_lowercase()), "{request}{answer}");
            assert!(lower.contains("connection: close") || lower.contains(", close"), "{answer}");
            assert!(
                matches!(error, AcceptError::Handshake(_) | AcceptError::Rejected(_)),
                "{error:?}"
            );
        }
    });
}

/// The whole head, as clients compare whole fields: eleven of seventeen take `Connection: Upgrade,
/// close` for a refusal.
#[test]
fn the_switch_of_protocols_is_said_in_these_bytes() {
    const PLAIN: &str = "HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let chosen = "Sec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; \
        server_no_context_takeover; client_no_context_takeover\r\n";
    let asked = "Sec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
    paused(async move {
        let server = Server::builder()
            .subprotocols(SubprotocolPolicy::First)
            .deflate(Deflate::server())
            .build();
        for (asked, chosen) in [("", ""), (asked, chosen)] {
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            let mut peer = Peer::client(theirs);
            let (accepted, head) = tokio::join!(server.accept(ours), async {
                peer.write(request_with("\r\n\r\n", &format!("\r\n{asked}\r\n"))).await;
                peer.head().await
            });
            accepted.unwrap();
            assert_eq!(head, format!("{PLAIN}{chosen}\r\n"));
        }
    });
}

/// The head of a refusal as far as the body's length, which differs, without the date.
fn head_of(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.split("\r\n").collect();
    let len = format!("Content-Length: {}", body.len());
    let is_date = |line: &str| line.starts_with("Date: ") && line.ends_with(" GMT");
    let own = lines.iter().position(|line| is_date(line) || *line == len).unwrap();
    let mut ends: Vec<&str> = lines.split_off(own);
    ends.sort_unstable();
    assert!(ends.len() == 2 && ends[0] == len && is_date(ends[1]), "{answer}");
    lines.join("\n")
}

#[test]
fn a_refusal_is_said_in_these_bytes() {
    const TEXT: &str = "Content-Type: text/plain; charset=utf-8";
    let cases = [
        (
            request_with("dGhlIHNhbXBsZSBub25jZQ==", "short"),
            format!("HTTP/1.1 400 Bad Request\n{TEXT}\nConnection: close"),
        ),
        (
            request_with("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n"),
            format!("HTTP/1.1 403 Forbidden\n{TEXT}\nConnection: close"),
        ),
        (
            request_with("/chat", "/elsewhere"),
            format!("HTTP/1.1 404 Not Found\nConnection: close\n{TEXT}"),
        ),
        (
            request_with("Host: example.com", "Host: evil.example"),
            format!("HTTP/1.1 421 Misdirected Request\n{TEXT}\nConnection: close"),
        ),
        (
            request_with("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 7"),
            format!(
                "HTTP/1.1 426 Upgrade Required\n{TEXT}\n\
                 Sec-WebSocket-Version: 13\nUpgrade: websocket\nConnection: Upgrade, close"
            ),
        ),
        (
            request_with("Host: example.com", "Host : example.com"),
            format!("HTTP/1.1 400 Bad Request\nConnection: close\n{TEXT}"),
        ),
        (
            request_with("Host:", &format!("X-Long: {}\r\nHost:", "x".repeat(17_000))),
            format!("HTTP/1.1 431 Request Header Fields Too Large\nConnection: close\n{TEXT}"),
        ),
        // hyper's, which spells some names in its own way.
        (
            request_with("GET", "POST"),
            format!("HTTP/1.1 405 Method Not Allowed\n{TEXT}\nAllow: GET\nConnection: close"),
        ),
        (
            request_with("Upgrade: websocket\r\n", ""),
            format!(
                "HTTP/1.1 426 Upgrade Required\n{TEXT}\n\
                 Sec-Websocket-Version: 13\nUpgrade: websocket\nConnection: Upgrade, close"
            ),
        ),
    ];
    paused(async move {
        let hosts = HostPolicy::List(vec!["example.com".to_owned()]);
        let server = Server::builder().path("/chat").allowed_hosts(hosts).build();
        for (request, head) in cases {
            let (_, answer) = refused(&server, &request).await;
            assert_eq!(head_of(&answer), head, "{request}");
        }
    });
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    paused(async {
        let server = Server::builder().build();
        let field = format!("\r\nX-Long: {}\r\n\r\n", "x".repeat(20_000));
        let fields: String = (0..101).map(|i| format!("X-{i}: y\r\n")).collect();
        for request in [
            request_with("\r\n\r\n", &field),
            request_with("\r\n\r\n", &format!("\r\n{fields}\r\n")),
        ] {
            let (error, answer) = refused(&server, &request).await;
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
            assert!(matches!(error, AcceptError::Http(_)), "{error:?}");
        }
    });
}

#[test]
fn a_head_of_100_fields_is_accepted() {
    paused(async {
        let fields: String = (0..95).map(|i| format!("X-{i}: y\r\n")).collect();
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let server = Server::builder().build();
        let mut peer = Peer::client(theirs);
        let (accepted, head) = tokio::join!(server.accept(ours), async {
            peer.write(request_with("\r\n\r\n", &format!("\r\n{fields}\r\n"))).await;
            peer.head().await
        });
        accepted.unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    });
}

#[test]
fn what_is_no_http_is_refused() {
    paused(async {
        let server = Server::builder().build();
        let (error, answer) = refused(&server, "\x16\x03\x01\x02\x00 this is TLS\r\n\r\n").await;
        assert!(matches!(error, AcceptError::Http(_)), "{error:?}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    });
}

/// Whatever the application sets.
#[test]
fn a_connection_ends_with_a_plain_request() {
    paused(async {
        let server = Server::builder()
            .max_header_fields(usize::MAX)
            .on_reject(|_, refusal| {
                refusal
                    .header(http::header::CONNECTION, http::HeaderValue::from_static("keep-alive"))
                    .header(http::header::CONTENT_LENGTH, http::HeaderValue::from_static("3"))
                    .header(http::header::TRANSFER_ENCODING, http::HeaderValue::from_static("gzip"))
            })
            .build();
        let plain = "GET /1 HTTP/1.1\r\nHost: example.com\r\n\r\n";
        let (error, answer) = refused(&server, format!("{plain}{plain}{REQUEST}")).await;
        assert!(matches!(error, AcceptError::Handshake(HandshakeError::NoUpgrade)), "{error:?}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 426 "), "{answer}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{answer}");
        assert_eq!(body, "this is a WebSocket endpoint; ask for an upgrade\n");
    });
}

/// RFC: 4.2.2-1
#[test]
fn a_request_behind_a_refused_upgrade_is_never_served() {
    paused(async {
        let server = Server::builder().build();
        let pipelined = request_with("GET", "POST") + REQUEST;
        let (error, answer) = refused(&server, pipelined).await;
        assert!(matches!(error, AcceptError::Handshake(HandshakeError::Method)), "{error:?}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1 + answer.matches("needs HTTP/1.1").count()
        );
        assert!(!answer.contains("101"), "{answer}");
    });
}

/// A socket that is closed with bytes unread resets, and takes the answer back.
#[test]
fn a_refusal_is_delivered_although_the_client_has_sent_more() {
    real(async {
        let (addr, _server) = serve(|_, _| async { Ok(()) }).await;
        let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        let mut peer = Peer::client(stream);
        peer.write(request_with("GET", "POST") + &"x".repeat(30_000)).await;
        let mut answer = String::new();
        peer.io.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    });
}

#[test]
fn a_refused_client_that_stays_is_left_after_two_seconds() {
    paused(async {
        let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
        let mut peer = Peer::client(theirs);
        let begun = Instant::now();
        let server = Server::builder().build();
        let (accepted, ()) =
            tokio::join!(server.accept(ours), peer.write(request_with("GET", "POST")));
        assert!(matches!(accepted, Err(AcceptError::Handshake(HandshakeError::Method))));
        assert_eq!(begun.elapsed(), 2 * SECOND);
    });
}

#[test]
fn other_requests_get_the_fallbacks_answer_in_full() {
    let page = Bytes::from(vec![b'p'; 1 << 20]);
    let expected = page.clone();
    paused(async move {
        let server = Server::builder()
            .fallback(move |request| {
                (request.uri().path() == "/page").then(|| http::Response::new(page.clone()))
            })
            .build();
        let (ours, theirs) = tokio::io::duplex(1000);
        let mut peer = Peer::client(theirs);
        let (accepted, answer) = tokio::join!(server.accept(ours), async {
            peer.write("GET /page HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let mut answer = Vec::new();
            peer.io.read_to_end(&mut answer).await.unwrap();
            peer.shut_down().await;
            answer
        });
        assert!(matches!(accepted, Err(AcceptError::Handshake(HandshakeError::NoUpgrade))));
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(answer.ends_with(&expected), "{} bytes", answer.len());
    });
}

/// What `accept` of a server with `server`'s options comes to, as a task.
fn accepting(
    io: DuplexStream,
    server: Server,
) -> JoinHandle<Result<bowsprit::WebSocket, AcceptError>> {
    tokio::spawn(async move { server.accept(io).await })
}

#[test]
fn a_client_that_says_nothing_or_little_has_ten_seconds_in_all() {
    paused(async {
        for dribble in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(PIPE_LEN);
            let begun = Instant::now();
            let accepting = accepting(ours, Server::builder().build());
            if dribble {
                for byte in REQUEST.bytes() {
                    if theirs.write_all(&[byte]).await.is_err() {
                        break;
                    }
                    sleep(SECOND).await;
                }
            }
            let ended = accepting.await.unwrap();
            assert!(
                matches!(ended, Err(AcceptError::TimedOut(TimeoutKind::Handshake))),
                "{ended:?}"
            );
            let passed = begun.elapsed();
            assert!((10 * SECOND..=11 * SECOND).contains(&passed), "{passed:?}");
        }
    });
}

#[test]
fn the_handshake_timeout_can_be_set() {
    paused(async {
        let (ours, _theirs) = tokio::io::duplex(PIPE_LEN);
        let begun = Instant::now();
        let server = Server::builder().handshake_timeout(3 * SECOND).build();
        let ended = accepting(ours, server).await.unwrap();
        assert!(matches!(ended, Err(AcceptError::TimedOut(TimeoutKind::Handshake))), "{ended:?}");
        assert_eq!(begun.elapsed(), 3 * SECOND);
    });
}

#[test]
fn a_client_that_goes_away_during_the_handshake_is_an_error() {
    paused(async {
        for request in ["", "GET /chat HTTP/1.1\r\nHost: exa"] {
            let (ours, mut theirs) = tokio::io::duplex(PIPE_LEN);
            theirs.write_all(request.as_bytes()).await.unwrap();
            drop(theirs);
            let ended = Server::builder().build().accept(ours).await;
            assert!(
                matches!(ended, Err(AcceptError::Http(_) | AcceptError::Disconnected)),
                "{ended:?}"
            );
        }
    });
}

#[test]
fn frames_that_come_with_the_request_are_not_lost() {
    paused(async {
        for split in [REQUEST.len(), REQUEST.len() + 3, REQUEST.len() - 2] {
            let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
            let accepting = accepting(ours, Server::builder().build());
            let mut peer = Peer::client(theirs);
            let mut bytes = REQUEST.as_bytes().to_vec();
            for text in ["one", "two"] {
                bytes.extend(peer.encode(TEXT, text));
            }
            peer.write(&bytes[..split]).await;
            tokio::task::yield_now().await;
            peer.write(&bytes[split..]).await;
            peer.head().await;
            let mut ws = accepting.await.unwrap().unwrap();
            for text in ["one", "two"] {
                assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(text));
            }
        }
    });
}

/// RFC: 4.2.2-1
#[test]
fn the_whole_response_goes_out_over_a_transport_that_takes_little() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 16).await;
        let (sent, frame) = tokio::join!(
            async {
                ws.send("a message that does not fit into the pipe").await?;
                ws.flush().await
            },
            peer.frame()
        );
        sent.unwrap();
        assert_eq!(frame.payload, b"a message that does not fit into the pipe");
    });
}

#[test]
fn a_handshake_of_one_connection_does_not_hold_up_others() {
    real(async {
        let (addr, _server) = serve(|mut ws, _| async move { Ok(ws.send("hello").await?) }).await;
        let _silent = tokio::net::TcpStream::connect(addr).await.unwrap();
        dial(addr).await.expect(TEXT, "hello").await;
    });
}
