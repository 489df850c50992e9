//! Runs the steps of the tutorial, and talks to each as its reader would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{fs, process::Command, time::Duration};

use bowsprit::{Client, CloseCode, WebSocket, tls::TlsClientConfig};
use support::{Authority, Dir, Running, ask, recv, refusal};
use tokio::time::timeout;

const ANY_PORT: &[&str] = &["127.0.0.1:0"];
const PAGE_FIELDS: &str = "Connection: close";

async fn line(ws: &mut WebSocket) -> String {
    recv(ws).await.into_text().unwrap().to_string()
}

/// Sends until the other one, who may not have joined yet, hears it.
async fn say_until_heard(from: &mut WebSocket, to: &mut WebSocket, text: &str) {
    loop {
        from.send(text).await.unwrap();
        assert_eq!(line(from).await, text);
        if timeout(Duration::from_millis(50), to.recv()).await.is_ok() {
            return;
        }
    }
}

#[tokio::test]
async fn step_1_sends_everything_to_everybody() {
    let server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-1-server"), ANY_PORT);
    let (mut alice, mut bob) = (server.connect("/").await, server.connect("/").await);
    say_until_heard(&mut alice, &mut bob, "hello").await;
}

#[tokio::test]
async fn step_2_has_a_page() {
    let server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-2-page"), ANY_PORT);
    let page = ask(&server.url, "GET /", PAGE_FIELDS).await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("Content-Type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(page.ends_with("</html>\n"), "{page}");
    let other = ask(&server.url, "GET /other", PAGE_FIELDS).await;
    assert!(other.starts_with("HTTP/1.1 426 "), "{other}");
    let (mut alice, mut bob) = (server.connect("/").await, server.connect("/").await);
    say_until_heard(&mut alice, &mut bob, "hello").await;
    // A browser says where its page is from.
    let ours = Client::new().origin(&server.url);
    ours.connect(&server.url).await.unwrap();
    let foreign = Client::new().origin("https://example.com");
    assert_eq!(refusal(&foreign, &server.url).await, 403);
}

#[tokio::test]
async fn step_3_keeps_rooms_apart() {
    let server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-3-rooms"), ANY_PORT);
    let redirect = ask(&server.url, "GET /", PAGE_FIELDS).await;
    assert!(redirect.contains("Location: /rooms/lobby\r\n"), "{redirect}");
    let page = ask(&server.url, "GET /rooms/rust", PAGE_FIELDS).await;
    assert!(page.ends_with("</html>\n"), "{page}");
    let mut sailor = server.connect("/rooms/sailing").await;
    let (mut alice, mut bob) =
        (server.connect("/rooms/rust").await, server.connect("/rooms/rust").await);
    say_until_heard(&mut alice, &mut bob, "hello").await;
    sailor.send("ahoy").await.unwrap();
    assert_eq!(line(&mut sailor).await, "ahoy");
    let nowhere = format!("{}/rooms/nowhere", server.url);
    assert_eq!(refusal(&Client::new(), &nowhere).await, 404);
}

#[tokio::test]
async fn step_4_has_names() {
    let server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-4-names"), ANY_PORT);
    let mut alice = server.connect("/rooms/lobby?name=alice").await;
    assert_eq!(line(&mut alice).await, "alice has joined");
    let mut bob = server.connect("/rooms/lobby?name=J%C3%BCrgen").await;
    assert_eq!(line(&mut alice).await, "Jürgen has joined");
    bob.send("hello").await.unwrap();
    assert_eq!(line(&mut alice).await, "Jürgen: hello");
    bob.close(CloseCode::NORMAL).await.unwrap();
    assert_eq!(line(&mut alice).await, "Jürgen has left");
    for (path, status) in [
        ("/rooms/lobby", 400),
        ("/rooms/lobby?name=a+b", 400),
        ("/rooms/lobby?name=aaaaaaaaaaaaaaaaaaaaa", 400),
        ("/rooms/nowhere?name=alice", 404),
    ] {
        let url = format!("{}{path}", server.url);
        assert_eq!(refusal(&Client::new(), &url).await, status, "{path}");
    }
}

/// What a page is after its scripts have run.
async fn in_browser(url: &str) -> String {
    let browser = std::env::var("BOWSPRIT_BROWSER");
    let dump = tokio::process::Command::new(browser.as_deref().unwrap_or("chromium"))
        .args(["--headless", "--no-sandbox", "--virtual-time-budget=5000", "--dump-dom", url])
        .output();
    String::from_utf8(dump.await.unwrap().stdout).unwrap()
}

#[tokio::test]
#[ignore = "needs a browser"]
async fn step_4_asks_for_a_name_and_connects_in_a_browser() {
    let server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-4-names"), ANY_PORT);
    let page = in_browser(&format!("{}/", server.url)).await;
    assert!(page.contains(r#"<form id="join">"#), "{page}");
    assert!(page.contains(r#"<form id="say" hidden"#), "{page}");
    // The browser does not say whether it has waited for the network.
    for _ in 0..20 {
        let page = in_browser(&format!("{}/rooms/rust?name=alice", server.url)).await;
        assert!(page.contains(r#"/rooms/sailing?name=alice""#), "{page}");
        if page.contains("<li>alice has joined</li>") {
            return;
        }
    }
    panic!("the page does not connect");
}

#[tokio::test]
async fn step_5_tells_newcomers_what_was_said() {
    let server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-5-history"), ANY_PORT);
    let mut alice = server.connect("/rooms/lobby?name=alice").await;
    alice.send("anybody here?").await.unwrap();
    assert_eq!(line(&mut alice).await, "alice has joined");
    assert_eq!(line(&mut alice).await, "alice: anybody here?");
    let mut bob = server.connect("/rooms/lobby?name=bob").await;
    for expected in ["alice has joined", "alice: anybody here?", "bob has joined"] {
        assert_eq!(line(&mut bob).await, expected);
    }
}

/// Starts step 7 in a directory that has a certificate for `localhost`, and enters it.
async fn enter_encrypted(dir: &Dir, ca: &str) {
    let server = Running::start_in(&dir.0, env!("CARGO_BIN_EXE_tutorial-7-tls"), ANY_PORT);
    let pem = fs::read(dir.0.join(ca)).unwrap();
    let tls = TlsClientConfig::new().without_system_roots().root_certificates(&pem).unwrap();
    let url = server.url.replace("127.0.0.1", "localhost");
    let url = format!("{url}/rooms/lobby?name=alice");
    let mut ws = Client::new().tls(tls).connect(&url).await.unwrap();
    assert_eq!(line(&mut ws).await, "alice has joined");
}

#[tokio::test]
async fn step_7_encrypts() {
    let dir = Dir::new();
    Authority::new(&dir).write_server(&dir, "localhost");
    enter_encrypted(&dir, "ca.pem").await;
}

/// What the page says to make a certificate with.
#[tokio::test]
#[ignore = "needs openssl"]
async fn step_7_encrypts_with_a_certificate_of_openssl() {
    let dir = Dir::new();
    dir.run_first_block(include_str!("../../docs/tutorial/tls.md"));
    enter_encrypted(&dir, "cert.pem").await;
}

#[tokio::test]
async fn step_8_believes_the_proxy_and_stops_gracefully() {
    let mut server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-8-nginx"), ANY_PORT);
    let proxied = Client::new().header("x-forwarded-for", "203.0.113.7");
    let url = format!("{}/rooms/lobby?name=alice", server.url);
    let mut ws = proxied.connect(&url).await.unwrap();
    assert_eq!(line(&mut ws).await, "alice has joined");
    assert_eq!(server.line(), "203.0.113.7 has connected\n");
    let pid = server.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(timeout(Duration::from_secs(10), ws.recv()).await.unwrap().unwrap(), None);
    assert_eq!(ws.peer_close().unwrap().code, CloseCode::GOING_AWAY);
    assert_eq!(server.line(), "1 clients have gone, 0 were cut\n");
    assert!(server.process.wait().unwrap().success());
}

/// nginx with the configuration of the page, in front of `server`. Returns its port as well.
fn start_nginx(dir: &Dir, server: &str) -> (tokio::process::Child, u16) {
    Authority::new(dir).write_server(dir, "localhost");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    let mut site = include_str!("../tutorial/5_history/nginx.conf").to_owned();
    for (printed, ours) in [
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
        ("/etc/ssl/chat.pem", dir.path("cert.pem")),
        ("/etc/ssl/chat.key", dir.path("key.pem")),
        ("127.0.0.1:8080", server.to_owned()),
    ] {
        assert!(site.contains(printed), "{printed}");
        site = site.replace(printed, &ours);
    }
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {};\n", dir.path(kind)))
        .concat();
    let configuration = format!(
        "daemon off;\nmaster_process off;\npid {pid};\nerror_log {log};\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{site}}}\n",
        pid = dir.path("pid"),
        log = dir.path("error.log"),
    );
    fs::write(dir.path("nginx.conf"), configuration).unwrap();
    drop(free);
    let path = std::env::var("PATH").unwrap_or_default();
    let nginx = tokio::process::Command::new("nginx")
        .env("PATH", format!("{path}:/usr/sbin"))
        .args(["-p", &dir.path(""), "-c", &dir.path("nginx.conf")])
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (nginx, port)
}

#[tokio::test]
#[ignore = "needs nginx"]
async fn step_8_is_behind_nginx() {
    let dir = Dir::new();
    let mut server = Running::start_with(env!("CARGO_BIN_EXE_tutorial-8-nginx"), ANY_PORT);
    let (_nginx, port) = start_nginx(&dir, server.url.trim_start_matches("http://"));
    let pem = fs::read(dir.path("ca.pem")).unwrap();
    let tls = TlsClientConfig::new().without_system_roots().root_certificates(&pem).unwrap();
    // Not the proxy's own address; and what a client claims about it is overwritten.
    let client = Client::new()
        .tls(tls)
        .local_addr("127.0.0.2".parse().unwrap())
        .header("x-forwarded-for", "203.0.113.7")
        .origin(format!("https://localhost:{port}"));
    let url = format!("wss://localhost:{port}/rooms/lobby?name=alice");
    let mut ws = loop {
        match client.connect(&url).await {
            Ok(ws) => break ws,
            Err(bowsprit::ConnectError::Io(_)) => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(line(&mut ws).await, "alice has joined");
    assert_eq!(server.line(), "127.0.0.2 has connected\n");
}
