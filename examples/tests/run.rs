//! Runs each example as a user would.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bowsprit::{CloseCode, Message, WebSocket};
use tokio::time::timeout;

/// A server example, stopped when dropped.
struct Running {
    process: Child,
    url: String,
}

impl Running {
    fn start(program: &str) -> Self {
        let mut process = Command::new(program).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints a line");
        let url = line.trim().strip_prefix("listening on ").expect("it tells its address");
        Self { process, url: url.to_owned() }
    }

    async fn connect(&self, path: &str) -> WebSocket {
        let url = format!("{}{path}", self.url);
        bowsprit::connect(&url).await.expect("it lets us in")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

async fn recv(ws: &mut WebSocket) -> Message {
    let message = timeout(Duration::from_secs(10), ws.recv()).await.expect("no message in time");
    message.expect("no error").expect("no close")
}

#[tokio::test]
async fn the_echo_server_and_the_client_understand_each_other() {
    let server = Running::start(env!("CARGO_BIN_EXE_echo-server"));
    let client = Command::new(env!("CARGO_BIN_EXE_client")).arg(&server.url).output().unwrap();
    assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
    assert_eq!(client.stdout, b"text something\nbinary b\"\\x01\\x02\\x03\"\n");
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
    let expected = ["Connecting", "Open", "subscribe", "kept until there is a connection"];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_server_that_is_gone_is_noticed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let running = tokio::task::spawn_blocking(move || {
        printed(env!("CARGO_BIN_EXE_broken-connection"), &[&url, "0.1"])
    });
    let (stream, _) = listener.accept().await.unwrap();
    let mut ws = bowsprit::Server::builder().build().accept(stream).await.unwrap();
    ws.send("still here").await.unwrap();
    ws.flush().await.unwrap();
    // Nobody reads any more, so nobody answers the ping.
    let lines = running.await.unwrap();
    drop(ws);
    assert!(lines.contains("still here") && lines.ends_with("the server is gone\n"), "{lines}");
}

#[tokio::test]
async fn a_broadcast_reaches_the_others_only() {
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
}

#[tokio::test]
async fn an_external_http_server_hands_connections_over() {
    let server = Running::start(env!("CARGO_BIN_EXE_external-http-server"));
    let mut ws = server.connect("/echo").await;
    ws.send("through hyper").await.unwrap();
    assert_eq!(recv(&mut ws).await, Message::text("through hyper"));
    ws.close(CloseCode::NORMAL).await.unwrap();
    let refused = bowsprit::connect(&format!("{}/", server.url)).await.unwrap_err();
    let bowsprit::Error::Refused(response) = refused else { panic!("{refused}") };
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
