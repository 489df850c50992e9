//! What is told to `tracing`, at every level, and what is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, ConnectError, ConnectionConfig, Deflate, Error, Server, WebSocket,
    client::Proxy,
    error::TimeoutKind,
    http::{HeaderMap, HeaderValue, Request, StatusCode, header},
    server::{HostPolicy, OriginPolicy, Rejection, ServerBuilder, SubprotocolPolicy},
    testing::pair_of,
    topics::SlowConsumerPolicy,
};
use bowsprit_proto::handshake::accept_for;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// In everything that must not be told.
const SECRET: &str = "hush";

/// All that this process tells, a line each.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    log
});

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The first line that has all of these.
    async fn line(&self, parts: &[&str]) -> String {
        let found = async {
            loop {
                let text = self.text();
                let found = text.lines().find(|line| parts.iter().all(|part| line.contains(part)));
                match found {
                    Some(line) => break line.to_owned(),
                    None => sleep(Duration::from_millis(5)).await,
                }
            }
        };
        match timeout(Duration::from_secs(5), found).await {
            Ok(line) => line,
            Err(_) => panic!("no line with {parts:?} in\n{}", self.text()),
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

async fn echo(mut ws: WebSocket, _: Request<()>) -> Result<(), bowsprit::error::BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
        tracing::info!("answered");
    }
    Ok(())
}

async fn serve(builder: ServerBuilder) -> SocketAddr {
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let addr = server.local_addr().unwrap();
    tokio::spawn(server.serve(echo));
    addr
}

#[tokio::test]
async fn a_handler_runs_in_the_span_of_its_connection() {
    let addr = serve(Server::builder().path("/span")).await;
    let log = &*LOG;
    let mut ws = bowsprit::connect(&format!("ws://{addr}/span?a=b")).await.unwrap();
    ws.send("hello").await.unwrap();
    ws.recv().await.unwrap().unwrap();
    let answered = log.line(&["answered", "path=\"/span\""]).await;
    let (span, _) = answered.split_once("}: tracing: answered").expect(&answered);
    let (level, span) = span.split_once("connection{id=").expect(&answered);
    assert!(level.ends_with("INFO "), "the only span: {answered}");
    let (id, fields) = span.split_once(' ').unwrap();
    assert_ne!(id.parse::<u64>().unwrap(), ws.handle().id(), "the client's is another");
    assert!(fields.starts_with("peer=127.0.0.1:"), "{answered}");
    assert!(fields.ends_with("path=\"/span\" role=\"server\""), "{answered}");
    for message in ["message received len=5 wire_len=5", "message sent len=5 wire_len=7"] {
        log.line(&["TRACE", &format!("connection{{id={id} "), message]).await;
    }
    let opened = log.line(&["connection opened", &format!("id={id} ")]).await;
    assert!(opened.contains("DEBUG"), "{opened}");
    ws.close((CloseCode::new(4000), "goodbye")).await.unwrap();
    for (role, by) in [("server", "peer"), ("client", "us")] {
        let role = format!("role=\"{role}\"");
        let by = format!("by=\"{by}\" code=4000");
        let ended = log.line(&["connection ended", "path=\"/span\"", &role, &by]).await;
        assert!(ended.contains("connection{id="), "{ended}");
    }
    // Its span ends with the connection.
    log.line(&[&format!("connection{{id={id} "), "close"]).await;
}

#[tokio::test]
async fn one_refused_request_of_each_status_is_told_to_operators() {
    let log = &*LOG;
    let hosts = HostPolicy::List(vec!["127.0.0.1".into()]);
    let addr = serve(Server::builder().path("/mine").allowed_hosts(hosts)).await;
    let refused = |path: &'static str, origin: &'static str| async move {
        let client = Client::new().no_proxy().origin(origin);
        client.connect(&format!("ws://{addr}{path}")).await.unwrap_err();
    };
    refused("/mine?first", "http://evil.example").await;
    refused("/mine?second", "http://evil.example").await;
    refused("/not-mine", "http://evil.example").await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(b"GET /mine/plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
    log.line(&["DEBUG", "a request was refused", "path=\"/mine/plain\"", "status=404"]).await;
    let rebound = TcpStream::connect(addr).await.unwrap();
    let client = Client::new().no_proxy();
    client.connect_over("ws://evil.example/mine/rebound", rebound).await.unwrap_err();
    let allow = "ServerBuilder::allowed_hosts can allow it";
    log.line(&["INFO", "a request was refused", "/mine/rebound", "status=421", allow]).await;
    log.line(&["INFO", "a request was refused", "path=\"/not-mine\"", "status=404"]).await;
    let lines = |level: &str| {
        let text = log.text();
        let parts = [level, "a request was refused", "path=\"/mine\" status=403"];
        text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
    };
    assert_eq!((lines("INFO"), lines("DEBUG")), (1, 1), "{}", log.text());
}

#[tokio::test]
async fn opening_handshakes_have_spans_with_their_outcome() {
    let log = &*LOG;
    let addr =
        serve(Server::builder().path("/outcome").handshake_timeout(Duration::from_secs(1))).await;
    drop(bowsprit::connect(&format!("ws://{addr}/outcome")).await.unwrap());
    let accepted = "status=101 outcome=\"accepted\"";
    for role in ["server", "client"] {
        let role = format!("opening handshake{{role=\"{role}\"");
        let line = log.line(&["close", &role, "path=\"/outcome\"", accepted]).await;
        assert!(line.contains("DEBUG"), "{line}");
    }
    bowsprit::connect(&format!("ws://{addr}/not-outcome")).await.unwrap_err();
    let refused = "status=404 outcome=\"refused\"";
    log.line(&["close", "role=\"server\"", refused]).await;
    log.line(&["close", "role=\"client\"", "path=\"/not-outcome\"", refused]).await;
    log.line(&["a request was refused", "path=\"/not-outcome\"", "status=404"]).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let local = format!("peer={}", stream.local_addr().unwrap());
    stream.write_all(b"GET /outcome HT").await.unwrap();
    log.line(&["no connection was opened", &local, "took too long"]).await;
    log.line(&["close", &local, "outcome=\"timed out\""]).await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_the_span_of_its_connection() {
    let log = &*LOG;
    let server = Server::builder().path("/wrong").bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/wrong", server.local_addr().unwrap());
    tokio::spawn(server.serve(|_, _| async { Err("out of cheese".into()) }));
    let mut ws = bowsprit::connect(&url).await.unwrap();
    assert!(ws.recv().await.unwrap().is_none());
    let failed = log.line(&["a handler failed", "out of cheese"]).await;
    assert!(failed.contains("WARN connection{id="), "{failed}");

    let server = Server::builder().path("/slow").build();
    let (_client, _slow) = pair_of(&Client::new(), &server, "ws://localhost/slow").await.unwrap();
    let news = "news".repeat(500_000);
    for slow in
        [SlowConsumerPolicy::DropNewest, SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER)]
    {
        for _ in 0..2 {
            server.broadcast(&*news).slow_consumers(slow).send_now();
        }
    }
    let span = "connection{id=";
    log.line(&[span, "path=\"/slow\"", "misses something", "policy=DropNewest"]).await;
    log.line(&[span, "path=\"/slow\"", "a slow consumer is closed", "code=1013"]).await;
}

#[tokio::test]
async fn operators_are_told_of_a_peer_that_takes_no_data() {
    let log = &*LOG;
    let config = ConnectionConfig::server().write_stall_timeout(Duration::from_millis(50));
    let server = Server::builder().path("/stall").config(config).build();
    let (_client, mut ws) = pair_of(&Client::new(), &server, "ws://localhost/stall").await.unwrap();
    ws.send(vec![0; 1 << 20]).await.unwrap();
    let stalled = ws.recv().await;
    assert!(matches!(stalled, Err(Error::TimedOut(TimeoutKind::WriteStall))), "{stalled:?}");
    log.line(&["INFO connection{id=", "path=\"/stall\"", "took no data for too long"]).await;
}

/// Refuses those without the token, sends those with it elsewhere, and lets in whoever comes there.
async fn authorize(request: Request<()>) -> Result<(), Rejection> {
    let query = request.uri().query().unwrap_or_default();
    if request.uri().path() == "/elsewhere" {
        return Ok(());
    }
    if !query.contains(SECRET) {
        return Err(Rejection::new(StatusCode::UNAUTHORIZED).body(SECRET));
    }
    let location = format!("/elsewhere?token={SECRET}");
    let location = HeaderValue::try_from(location).unwrap();
    Err(Rejection::new(StatusCode::FOUND).header(header::LOCATION, location))
}

/// A server with all that can be secret.
fn with_secrets() -> ServerBuilder {
    Server::builder()
        .deflate(Deflate::server().threshold(0))
        .subprotocols(SubprotocolPolicy::First)
        .allowed_origins(OriginPolicy::List(vec![format!("https://{SECRET}.example")]))
        .response_headers(|_, headers: &mut HeaderMap| {
            let cookie = HeaderValue::try_from(format!("session={SECRET}")).unwrap();
            headers.insert(header::SET_COOKIE, cookie);
        })
        .authorize(authorize)
}

/// Has a server choose a subprotocol that was not offered.
async fn answer_badly(client: &Client) {
    let (near, mut far) = tokio::io::duplex(4096);
    let answering = async {
        let mut request = vec![0; 4096];
        let len = far.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..len]).into_owned();
        let mut lines = request.lines().filter_map(|line| line.split_once(": "));
        let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
        let accept = accept_for(key.unwrap().1);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
             sec-websocket-accept: {accept}\r\nsec-websocket-protocol: not-{SECRET}\r\n\r\n"
        );
        far.write_all(answer.as_bytes()).await.unwrap();
    };
    let (broken, ()) = tokio::join!(client.connect_over("ws://localhost/broken", near), answering);
    assert!(matches!(broken, Err(ConnectError::Handshake(_))), "{broken:?}");
}

/// Connects whoever asks to `to`.
async fn proxy(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                copy_bidirectional(&mut client, &mut TcpStream::connect(to).await?).await
            });
        }
    });
    addr
}

#[tokio::test]
async fn nothing_secret_is_told_at_any_level() {
    let log = &*LOG;
    let addr = serve(with_secrets()).await;
    let through: Proxy = format!("http://{SECRET}:{SECRET}@{}", proxy(addr).await).parse().unwrap();
    let client = Client::new()
        .deflate(Deflate::client().threshold(0))
        .max_redirects(1)
        .bearer_auth(SECRET)
        .header("cookie", format!("session={SECRET}"))
        .header("x-secret", SECRET)
        .subprotocol(SECRET)
        .origin(format!("https://{SECRET}.example"));
    for client in [client.clone().proxy(through), client.clone()] {
        let url = format!("ws://{SECRET}:{SECRET}@{addr}/first?token={SECRET}");
        let mut ws = client.connect(&url).await.unwrap();
        assert_eq!((ws.path(), ws.subprotocol()), ("/elsewhere", Some(SECRET)));
        for text in [SECRET, &SECRET.repeat(100_000)] {
            ws.send(text).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(text));
        }
        ws.ping(SECRET.as_bytes()).unwrap();
        ws.close((CloseCode::new(4001), SECRET)).await.unwrap();
    }
    // Refusals: by the application, for the origin, for the host; and a server that breaks a rule.
    let refused = client.clone().connect(&format!("ws://{addr}/refused?other=1")).await;
    assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
    let stranger = client.clone().origin(format!("https://not-{SECRET}.example"));
    let refused = stranger.connect(&format!("ws://{addr}/origin?token={SECRET}")).await;
    assert!(matches!(refused, Err(ConnectError::Rejected(_))), "{refused:?}");
    let gone = client.connect(&format!("ws://{addr}/elsewhere/?token={SECRET}")).await;
    assert!(matches!(gone, Err(ConnectError::Redirect { .. }) | Ok(_)), "{gone:?}");
    answer_badly(&client).await;
    // All of it was told, without what is secret.
    for parts in [
        &["redirected", "path=\"/elsewhere\"", "status=302"][..],
        &["connection ended", "path=\"/elsewhere\"", "role=\"server\"", "code=4001"],
        &["a request was refused", "path=\"/refused\"", "status=401"],
        &[
            "a request was refused",
            "path=\"/origin\"",
            "here; ServerBuilder::allowed_origins can allow it",
        ],
        &["no connection was opened", "path=\"/broken\"", "subprotocol that was chosen"],
        &["message received", "len=400000"],
    ] {
        log.line(parts).await;
    }
    let text = log.text();
    let told = text.lines().find(|line| line.to_lowercase().contains(SECRET));
    assert_eq!(told, None);
}
