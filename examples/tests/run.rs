//! Runs each example as a user would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    io::{BufRead, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bowsprit::{Client, CloseCode, Message};
use support::{Running, ask, recv, refusal};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

#[tokio::test]
async fn the_echo_server_and_the_client_understand_each_other() {
    let server = Running::start(env!("CARGO_BIN_EXE_echo-server"));
    let client = Command::new(env!("CARGO_BIN_EXE_client")).arg(&server.url).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    assert_eq!(client.stdout, b"text something\nbinary b\"\\x01\\x02\\x03\"\n");
}

/// The same server without a runtime.
#[tokio::test]
async fn the_blocking_echo_server_and_the_client_understand_each_other() {
    let server = Running::start(env!("CARGO_BIN_EXE_sans-io"));
    let client = Command::new(env!("CARGO_BIN_EXE_client")).arg(&server.url).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    assert_eq!(client.stdout, b"text something\nbinary b\"\\x01\\x02\\x03\"\n");
    // A request without a key is refused, and the refusal says why.
    let refused = ask(&server.url, "GET /", "Upgrade: websocket").await;
    assert!(refused.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{refused}");
    assert!(refused.ends_with("\n"), "{refused}");
}

/// What an example prints that has to succeed.
fn printed(program: &str, args: &[&str]) -> String {
    let ended = Command::new(program).args(args).output().expect("it starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).expect("it is text")
}

#[tokio::test]
async fn the_round_trip_time_is_measured() {
    let server = Running::start(env!("CARGO_BIN_EXE_echo-server"));
    let lines = printed(env!("CARGO_BIN_EXE_round-trip-time"), &[&server.url, "3"]);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.lines().all(|line| line.starts_with("round-trip time ")), "{lines}");
}

#[tokio::test]
async fn a_proxy_that_answers_otherwise_is_named() {
    // A WebSocket server makes no tunnels.
    let server = Running::start(env!("CARGO_BIN_EXE_echo-server"));
    let proxy = server.url.trim_end_matches('/').replace("ws://", "http://");
    let proxy = proxy.trim_end_matches("/echo");
    let lines = printed(env!("CARGO_BIN_EXE_proxy"), &[proxy, "ws://chat.invalid/"]);
    assert!(lines.starts_with(&format!("{proxy} answers 4")), "{lines}");
}

#[tokio::test]
async fn a_session_subscribes_before_it_sends_what_was_kept() {
    let server = Running::start(env!("CARGO_BIN_EXE_echo-server"));
    let lines = printed(env!("CARGO_BIN_EXE_reconnect"), &[&server.url]);
    let expected = ["connecting", "connected", "subscribe", "kept until there is a connection"];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_server_that_is_gone_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let running = tokio::task::spawn_blocking(move || {
        printed(env!("CARGO_BIN_EXE_broken-connection"), &[&url, "0.1"])
    });
    let (stream, _) = listener.accept().await.unwrap();
    let mut ws = bowsprit::Server::builder().build().accept(stream).await.unwrap();
    ws.send("still here").await.unwrap();
    ws.flush().await.unwrap();
    // Nothing more comes, not even a pong.
    let lines = running.await.unwrap();
    drop(ws);
    assert!(lines.contains("still here") && lines.ends_with("the server is gone\n"), "{lines}");
}

/// Runs the example that joins the standard streams to `url`.
fn standard_streams(url: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_standard-streams"))
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("it starts")
}

#[tokio::test]
async fn standard_input_comes_back_at_standard_output() {
    let server = Running::start(env!("CARGO_BIN_EXE_echo-server"));
    let mut process = standard_streams(&server.url);
    // More than any pipe holds, and characters that are cut in two on the way.
    let text = "0123456789abcd €\n".repeat(30_000);
    let mut stdin = process.stdin.take().unwrap();
    let sent = text.clone();
    let writing = std::thread::spawn(move || stdin.write_all(sent.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert!(output.stdout == text.as_bytes(), "{} of {}", output.stdout.len(), text.len());
}

#[tokio::test]
async fn standard_streams_end_when_the_server_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut process = standard_streams(&format!("ws://{}/", listener.local_addr().unwrap()));
    let (stream, _) = listener.accept().await.unwrap();
    let mut ws = bowsprit::Server::builder().build().accept(stream).await.unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(b"a line\n").unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("a line\n"));
    ws.send("bye\n").await.unwrap();
    ws.close(CloseCode::NORMAL).await.unwrap();
    // The input is still open.
    let output = process.wait_with_output().unwrap();
    drop(stdin);
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(output.stdout, b"bye\n");
}

#[tokio::test]
async fn the_statistics_are_those_of_what_was_done() {
    let mut server = Running::start(env!("CARGO_BIN_EXE_stats"));
    let mut ws = server.connect("/").await;
    let text = "ahoy ".repeat(1000);
    ws.send(&text).await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*text));
    let mut line = String::new();
    while !line.contains("sent: 1 message") {
        line.clear();
        server.stdout.read_line(&mut line).unwrap();
    }
    let start = "1 open; handshakes: 1 accepted; received: 1 message, 5000 bytes, ";
    let wire_len = line.strip_prefix(start).and_then(|rest| rest.split(' ').next());
    let wire_len: u64 = wire_len.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    assert!((10..200).contains(&wire_len), "compressed: {line}");
}

#[tokio::test]
async fn a_broadcast_reaches_the_others_and_the_sender_on_request() {
    let server = Running::start(env!("CARGO_BIN_EXE_broadcast"));
    let (mut one, mut two) = (server.connect("/").await, server.connect("/").await);
    // Both have joined when each has heard the other.
    loop {
        one.send("from one").await.unwrap();
        if timeout(Duration::from_millis(50), two.recv()).await.is_ok() {
            break;
        }
    }
    two.send("from two").await.unwrap();
    assert_eq!(recv(&mut one).await, Message::text("from two"));
    two.send("from two!").await.unwrap();
    assert_eq!(recv(&mut one).await, Message::text("from two!"));
    loop {
        match recv(&mut two).await.as_text() {
            Some("from one") => {}
            other => break assert_eq!(other, Some("from two!")),
        }
    }
}

#[tokio::test]
async fn a_topic_reaches_those_who_have_joined() {
    let server = Running::start(env!("CARGO_BIN_EXE_topics"));
    let (mut one, mut two) = (server.connect("/").await, server.connect("/").await);
    one.send("join sea").await.unwrap();
    // What a connection says is heard in order; its own answer tells that it has joined.
    one.send("sea: anybody there?").await.unwrap();
    assert_eq!(recv(&mut one).await, Message::text("told 0"));
    two.send("sea: it is rough").await.unwrap();
    assert_eq!(recv(&mut two).await, Message::text("told 1"));
    assert_eq!(recv(&mut one).await, Message::text("it is rough"));
    one.send("leave sea").await.unwrap();
    one.send("sea: bye").await.unwrap();
    assert_eq!(recv(&mut one).await, Message::text("told 0"));
    two.send("sea: anybody left?").await.unwrap();
    assert_eq!(recv(&mut two).await, Message::text("told 0"));
}

#[tokio::test]
async fn the_members_of_a_topic_hear_who_disconnects() {
    let server = Running::start(env!("CARGO_BIN_EXE_topics"));
    let (mut one, mut two) = (server.connect("/").await, server.connect("/").await);
    for (member, others) in [(&mut one, "told 0"), (&mut two, "told 1")] {
        member.send("join sea").await.unwrap();
        member.send("sea: ahoy").await.unwrap();
        assert_eq!(recv(member).await, Message::text(others));
    }
    drop(one);
    assert_eq!(recv(&mut two).await, Message::text("somebody has left sea"));
}

#[tokio::test]
async fn a_server_that_shuts_down_closes_with_1001() {
    let mut server = Running::start(env!("CARGO_BIN_EXE_graceful-shutdown"));
    let mut ws = server.connect("/").await;
    ws.send("still there").await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("still there"));
    drop(server.process.stdin.take());
    let ended = timeout(Duration::from_secs(10), ws.recv()).await.expect("no close in time");
    assert_eq!(ended.unwrap(), None);
    assert_eq!(ws.peer_close().unwrap().code, CloseCode::GOING_AWAY);
    let mut line = String::new();
    server.stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "1 clients have gone, 0 were cut\n");
    assert!(server.process.wait().unwrap().success());
}

#[tokio::test]
async fn an_external_http_server_hands_connections_over() {
    let server = Running::start(env!("CARGO_BIN_EXE_external-http-server"));
    let mut ws = server.connect("/echo").await;
    ws.send("through hyper").await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("through hyper"));
    ws.close(CloseCode::NORMAL).await.unwrap();
    let refused = bowsprit::connect(&format!("{}/", server.url)).await.unwrap_err();
    let bowsprit::ConnectError::Rejected(response) = refused else { panic!("{refused}") };
    assert_eq!(*response.body(), "plain HTTP\n");
}

#[tokio::test]
async fn messages_beyond_every_limit_come_back_in_pieces() {
    let server = Running::start(env!("CARGO_BIN_EXE_large-messages"));
    let (mut receive, mut send) = server.connect("/").await.split();
    let text = "0123456789abcdef€".repeat(500_000);
    let sent = text.clone();
    let sending = tokio::spawn(async move {
        send.send(sent).await.unwrap();
        send
    });
    let mut echoed = Vec::new();
    while let Some(chunk) = receive.next_chunk().await.unwrap() {
        echoed.extend_from_slice(chunk.payload);
        if chunk.last {
            break;
        }
    }
    assert!(echoed == text.as_bytes(), "{} of {} bytes", echoed.len(), text.len());
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn several_servers_share_one_listener() {
    let server = Running::start(env!("CARGO_BIN_EXE_multiple-servers"));
    let mut echo = server.connect("/echo").await;
    echo.send("back").await.unwrap();
    assert_eq!(recv(&mut echo).await, Message::text("back"));
    let mut room = server.connect("/rooms/blue").await;
    assert_eq!(recv(&mut room).await, Message::text("welcome to blue"));
    let refused = bowsprit::connect(&format!("{}/elsewhere", server.url)).await.unwrap_err();
    let bowsprit::ConnectError::Rejected(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn clients_are_told_where_they_are_also_behind_a_proxy() {
    let server = Running::start(env!("CARGO_BIN_EXE_client-address"));
    let mut direct = server.connect("/").await;
    assert_eq!(recv(&mut direct).await, Message::text("127.0.0.1"));
    // We are at the proxy's address; what the client has claimed stands before what the proxy saw.
    let proxied = Client::new().header("x-forwarded-for", "192.0.2.66, 203.0.113.7");
    let mut proxied = proxied.connect(&server.url).await.unwrap();
    assert_eq!(recv(&mut proxied).await, Message::text("203.0.113.7"));
}

#[tokio::test]
async fn a_token_lets_in() {
    let server = Running::start(env!("CARGO_BIN_EXE_client-authentication-token"));
    assert_eq!(refusal(&Client::new(), &server.url).await, 401);
    let wrong = Client::new().header("authorization", "Bearer wrong");
    assert_eq!(refusal(&wrong, &server.url).await, 401);
    let right = Client::new().header("authorization", "Bearer token-of-alice");
    let mut ws = right.connect(&server.url).await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("hello, alice"));
}

#[tokio::test]
async fn a_session_lets_in_until_it_is_ended() {
    let server = Running::start(env!("CARGO_BIN_EXE_client-authentication-session"));
    assert_eq!(refusal(&Client::new(), &server.url).await, 401);
    let response = ask(&server.url, "POST /login", "Accept: */*").await;
    let (_, cookie) = response.split_once("Set-Cookie: ").expect(&response);
    let (session, _) = cookie.split_once(';').unwrap();
    let client = Client::new().header("cookie", session);
    let mut ws = client.connect(&server.url).await.unwrap();
    ws.send("who am I?").await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("you are user 1"));
    let forged = Client::new().header("cookie", "session=00000000000000000000000000000000");
    assert_eq!(refusal(&forged, &server.url).await, 401);
    let ended = ask(&server.url, "POST /logout", &format!("Cookie: {session}")).await;
    assert!(ended.starts_with("HTTP/1.1 200 "), "{ended}");
    assert_eq!(refusal(&client, &server.url).await, 401);
}

#[tokio::test]
async fn a_tower_service_keeps_what_is_no_websocket() {
    let server = Running::start(env!("CARGO_BIN_EXE_tower-layer"));
    let mut ws = server.connect("/rooms/blue").await;
    assert_eq!(recv(&mut ws).await, Message::text("welcome to blue, 127.0.0.1"));
    for path in ["/rooms/blue", "/page"] {
        let page = ask(&server.url, &format!("GET {path}"), "Connection: close").await;
        assert!(page.ends_with("\r\n\r\nthe service behind\n"), "{page}");
    }
    let mut elsewhere = Client::new().connect(&format!("{}/page", server.url)).await;
    let Err(bowsprit::ConnectError::Rejected(response)) = &mut elsewhere else {
        panic!("{elsewhere:?}")
    };
    assert_eq!(*response.body(), "the service behind\n");
}

#[tokio::test]
async fn an_axum_application_takes_websockets() {
    let server = Running::start(env!("CARGO_BIN_EXE_axum-server"));
    let url = format!("{}/echo/blue", server.url);
    assert_eq!(refusal(&Client::new(), &url).await, 401);
    let client = Client::new().header("authorization", "Bearer token");
    let mut ws = client.connect(&url).await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("alice in blue"));
    ws.send("through axum").await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("through axum"));
    ws.close(CloseCode::NORMAL).await.unwrap();
    let page = ask(&server.url, "GET /", "Connection: close").await;
    assert!(page.ends_with("\r\n\r\na page of axum's\n"), "{page}");
}

#[tokio::test]
async fn a_websocket_is_bridged_to_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let server = Running::start_with(env!("CARGO_BIN_EXE_duplex-stream"), &[&target]);
    let mut ws = server.connect("/").await;
    let (mut tcp, _) = listener.accept().await.unwrap();
    ws.send("to TCP").await.unwrap();
    let mut received = [0; 6];
    tcp.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"to TCP");
    tcp.write_all(b"from TCP").await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::binary(&b"from TCP"[..]));
    drop(tcp);
    assert_eq!(ws.recv().await.unwrap(), None, "the end of TCP is a clean close");
}

#[tokio::test]
async fn two_bridges_are_a_tunnel_that_lets_each_direction_end_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let far = Running::start_with(env!("CARGO_BIN_EXE_duplex-stream"), &[&target]);
    let near = Running::start_with(env!("CARGO_BIN_EXE_duplex-stream"), &[&far.url]);
    let answering = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        tcp.read_to_end(&mut request).await.unwrap();
        assert_eq!(request, b"the question");
        tcp.write_all(&[7; 200_000]).await.unwrap();
    });
    let mut tcp = TcpStream::connect(&near.url).await.unwrap();
    tcp.write_all(b"the question").await.unwrap();
    tcp.shutdown().await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    assert!(answer == [7; 200_000], "{} bytes", answer.len());
    answering.await.unwrap();
}
