//! HTTP CONNECT.

use std::{sync::Arc, time::Duration};

use bowsprit::{
    Client, ConnectError, Server,
    client::Proxy,
    error::{ProxyError, TimeoutKind},
};
use tokio::net::TcpListener;

use super::fake::{Log, http, listen, logged, origin};

pub(super) const OPEN: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// Whether an error is the one.
type Expected = fn(&ProxyError) -> bool;

/// A client with secrets of its own, for the server.
fn client(proxy: &str) -> Client {
    Client::new()
        .proxy(proxy.parse::<Proxy>().unwrap())
        .bearer_auth("for-the-server")
        .header("cookie", "also=for-the-server")
}

/// RFC: 4.1-5, 4.1-6
#[tokio::test]
async fn credentials_reach_whom_they_are_for_and_nobody_else() {
    let (log, to) = (Log::default(), origin().await);
    let noted = Arc::clone(&log);
    let proxy = listen(move |io| http(io, noted, OPEN, to)).await;
    let client = client(&format!("http://user:s%20cret@{proxy}"));
    // Only the proxy can know this name.
    let mut ws = client.connect("ws://chat.invalid/room?key=for-the-server").await.unwrap();
    let seen = ws.recv().await.unwrap().unwrap();
    let seen = seen.as_text().unwrap().to_owned();
    ws.send("through").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("through"));
    assert!(seen.contains("for-the-server") && seen.contains("chat.invalid"), "{seen}");
    assert!(!seen.to_lowercase().contains("proxy"), "{seen}");
    let asked = String::from_utf8(logged(&log)).unwrap();
    assert_eq!(
        asked,
        "CONNECT chat.invalid:80 HTTP/1.1\r\nHost: chat.invalid:80\r\n\
         Proxy-Authorization: Basic dXNlcjpzIGNyZXQ=\r\n\r\n"
    );
}

/// RFC: 4.1-9
#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_its_status_and_without_its_password() {
    for status in ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nno!");
        let to = origin().await;
        let proxy = listen(move |io| async move {
            http(io, Log::default(), &answer, to).await;
        })
        .await;
        let refused = client(&format!("user:secret@{proxy}")).connect("ws://a.invalid/").await;
        let error = refused.unwrap_err();
        let told = format!("proxy http://{proxy}: refused to connect: {status}");
        assert_eq!(error.to_string(), told);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        let ConnectError::Proxy { error: ProxyError::Rejected(response), .. } = error else {
            panic!()
        };
        assert_eq!(response.body(), "no!");
    }
}

#[tokio::test]
async fn what_a_proxy_may_not_do_ends_in_its_own_error() {
    let to = origin().await;
    let chatty = format!("{OPEN}HTTP/1.1 101 Switching Protocols\r\n\r\n");
    let cases: [(&str, Expected); 4] = [
        ("SSH-2.0-OpenSSH_9.7\r\n", |error| matches!(error, ProxyError::Http(_))),
        ("", |error| matches!(error, ProxyError::Http(_))),
        (&chatty, |error| matches!(error, ProxyError::UnexpectedData)),
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            |error| matches!(error, ProxyError::Rejected(_)),
        ),
    ];
    for (answer, expected) in cases {
        let answer = answer.to_owned();
        let proxy = listen(move |io| async move {
            http(io, Log::default(), &answer, to).await;
        })
        .await;
        match client(&proxy.to_string()).connect("ws://a.invalid/").await {
            Err(ConnectError::Proxy { error, .. }) => assert!(expected(&error), "{error:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_silent_is_an_error_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let patience = Duration::from_millis(100);
    let silent = client(&proxy.to_string()).connect_timeout(patience);
    let error = silent.connect("ws://a.invalid/").await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut(TimeoutKind::Connect)), "{error:?}");
    drop(listener);
    let error = client(&proxy.to_string()).connect("ws://a.invalid/").await.unwrap_err();
    let unreachable =
        matches!(&error, ConnectError::Proxy { error: ProxyError::Unreachable(_), .. });
    assert!(unreachable && error.to_string().contains(&proxy.to_string()), "{error:?}");
}

#[tokio::test]
async fn unix_sockets_and_own_transports_need_no_proxy() {
    let nowhere = || client("http://127.0.0.1:1");
    let error = nowhere().connect("ws+unix:/nowhere.sock").await.unwrap_err();
    assert!(matches!(error, ConnectError::Io(_)), "{error:?}");
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = Server::builder().build();
    let client = nowhere();
    let (client, server) =
        tokio::join!(client.connect_over("ws://a.invalid/", ours), server.accept(theirs));
    client.unwrap();
    server.unwrap();
}
