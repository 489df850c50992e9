//! Refused requests, as curl sees them.

use bowsprit::{Bytes, Server, http::Response};
use tokio::process::Command;

use super::peers::{OurServer, output};

const UPGRADE: [&str; 3] =
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// The head and body that our server answers a request with.
async fn ask(server: &OurServer, path: &str, headers: &[&str]) -> String {
    let headers = headers.iter().flat_map(|header| ["--header", header]);
    let options: Vec<&str> = ["--http1.1"].into_iter().chain(headers).collect();
    curl(&format!("http://{}{path}", server.authority()), &options).await
}

async fn curl(url: &str, options: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--noproxy", "*"]);
    command.args(options).arg(url);
    let output = output(command).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl: {errors}");
    String::from_utf8(output.stdout).unwrap().to_lowercase()
}

fn expect_status(response: &str, status: &str) {
    assert!(response.starts_with(&format!("http/1.1 {status} ")), "{response}");
    assert!(response.contains("close"), "the connection stays open: {response}");
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_plain_get_is_told_to_upgrade() {
    let server = OurServer::start().await;
    let response = ask(&server, "/", &[]).await;
    expect_status(&response, "426");
    assert!(response.contains("\r\nupgrade: websocket\r\n"), "{response}");
    assert!(response.contains("\r\nsec-websocket-version: 13, 8\r\n"), "{response}");
}

/// curl then asks for `Upgrade: h2c`, which is none of ours.
#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_client_that_would_rather_speak_http_2_gets_the_page() {
    let server = Server::builder().fallback(|_| Some(Response::new(Bytes::from_static(b"page"))));
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", server.local_addr().unwrap());
    let serving = tokio::spawn(server.serve(|_, _| async { Ok(()) }));
    let response = curl(&url, &["--http2"]).await;
    serving.abort();
    expect_status(&response, "200");
    assert!(response.ends_with("\r\n\r\npage"), "{response}");
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn an_unknown_path_is_not_found() {
    let server = OurServer::start().await;
    expect_status(&ask(&server, "/unknown", &[]).await, "404");
    let headers = [UPGRADE[0], UPGRADE[1], UPGRADE[2], KEY];
    expect_status(&ask(&server, "/unknown", &headers).await, "404");
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_missing_key_is_a_bad_request() {
    let server = OurServer::start().await;
    let response = ask(&server, "/", &UPGRADE).await;
    expect_status(&response, "400");
    assert!(response.ends_with("missing sec-websocket-key header\n"), "{response}");
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_foreign_origin_is_forbidden() {
    let server = OurServer::start().await;
    let headers = [UPGRADE[0], UPGRADE[1], UPGRADE[2], KEY, "Origin: http://evil.example"];
    expect_status(&ask(&server, "/", &headers).await, "403");
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn an_unknown_version_is_told_the_versions_that_are_spoken() {
    let server = OurServer::start().await;
    let headers = [UPGRADE[0], UPGRADE[1], "Sec-WebSocket-Version: 12", KEY];
    let response = ask(&server, "/", &headers).await;
    expect_status(&response, "426");
    assert!(response.contains("\r\nsec-websocket-version: 13, 8\r\n"), "{response}");
}
