//! Requests within requests. The proxy refuses whatever it sees ask for /smuggled, so if the server
//! sees one, then as a part of something else.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::proxy::{Program, Proxied};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// Requests that carry another one.
fn cases() -> Vec<(&'static str, String)> {
    let len = INNER.len();
    let wrong_version = UPGRADE.replace("Version: 13", "Version: 777");
    let plain = "POST /page HTTP/1.1\r\nHost: example.com\r\n";
    let chunked = format!("{len:x}\r\n{INNER}\r\n0\r\n\r\n");
    let mut cases = vec![
        ("body of an upgrade", format!("{UPGRADE}Content-Length: {len}\r\n\r\n{INNER}")),
        (
            "chunked body of an upgrade",
            format!("{UPGRADE}Transfer-Encoding: chunked\r\n\r\n{chunked}"),
        ),
        ("pipelined behind an upgrade", format!("{UPGRADE}\r\n{INNER}")),
        ("pipelined behind a refused upgrade", format!("{wrong_version}\r\n{INNER}")),
        (
            "body of a refused upgrade",
            format!("{wrong_version}Content-Length: {len}\r\n\r\n{INNER}"),
        ),
        ("body of a plain request", format!("{plain}Content-Length: {len}\r\n\r\n{INNER}")),
        (
            "two lengths",
            format!("{plain}Content-Length: 0\r\nContent-Length: {len}\r\n\r\n{INNER}"),
        ),
        ("a length of zero on an upgrade", format!("{UPGRADE}Content-Length: 0\r\n\r\n{INNER}")),
        (
            "upgrade to something else",
            format!("{}\r\n{INNER}", UPGRADE.replace("websocket", "h2c")),
        ),
        (
            "no upgrade in Connection",
            format!("{}\r\n{INNER}", UPGRADE.replace("n: Upgrade", "n: close")),
        ),
    ];
    for coding in ["chunked", "xchunked", "chunked, identity", "\u{b}chunked", "identity"] {
        let length_first = format!("Content-Length: 4\r\nTransfer-Encoding: {coding}\r\n");
        let body = format!("0\r\n\r\n{INNER}");
        cases.push(("length and coding", format!("{plain}{length_first}\r\n{body}")));
        cases.push((
            "length and coding of an upgrade",
            format!("{UPGRADE}{length_first}\r\n{body}"),
        ));
        let spaced = format!("Transfer-Encoding : {coding}\r\nContent-Length: {}\r\n", body.len());
        cases.push(("a space before the colon", format!("{plain}{spaced}\r\n{body}")));
        let folded =
            format!("Transfer-Encoding:\r\n {coding}\r\nContent-Length: {}\r\n", body.len());
        cases.push(("a folded line", format!("{UPGRADE}{folded}\r\n{body}")));
    }
    cases
}

/// Sends it, and reads what comes until nothing does.
async fn send(proxied: &Proxied, sent: &str) -> String {
    let mut stream = proxied.dial().await;
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _quiet = timeout(Duration::from_millis(300), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn no_smuggled_request_is_ever_seen() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        for (name, sent) in cases() {
            let answer = send(&proxied, &sent).await;
            let seen = std::mem::take(&mut *proxied.seen.lock().unwrap());
            assert!(!seen.iter().any(|path| path == "/smuggled"), "{program:?}: {name}: {answer}");
            assert!(seen.len() <= 1, "{program:?}: {name}: {seen:?}");
        }
        // The server and the way to it are there all the same.
        assert!(send(&proxied, INNER).await.contains(" 403 "), "{program:?}");
        assert!(send(&proxied, &format!("{UPGRADE}\r\n")).await.contains(" 101 "), "{program:?}");
        assert_eq!(*proxied.seen.lock().unwrap(), ["/chat"]);
    }
}
