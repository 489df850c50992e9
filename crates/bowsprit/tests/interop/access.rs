//! Who gets in and where to: passwords, routes and listeners, with foreign clients.

use std::{env, process};

use bowsprit::{
    WebSocket,
    error::BoxError,
    http::Request,
    server::{Basic, HostPolicy, Listener, Rejection, RequestExt, Route, ServerBuilder},
};
use tokio::process::Command;

use super::peers::{OurServer, Peer, output, play};

async fn authorize(request: Request<()>) -> Result<(), Rejection> {
    match request.basic() {
        Some(login) if login.matches("alice", "open sesame") => Ok(()),
        _ => Err(Basic::challenge("cave")),
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

async fn start(builder: ServerBuilder) -> OurServer {
    OurServer::start_with(builder, echo).await
}

/// The status and head that curl gets.
async fn curl(args: &[&str], url: &str) -> String {
    let mut command = Command::new("curl");
    command.args(["--silent", "--include", "--http1.1", "--noproxy", "*", "--max-time", "10"]);
    let output = output({
        command.args(args).arg(url);
        command
    });
    String::from_utf8(output.await.stdout).unwrap().to_lowercase()
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn a_password_in_the_url_lets_in() {
    let server = start(OurServer::builder().authorize(authorize)).await;
    for peer in Peer::ALL {
        for (login, lets_in) in
            [("alice:open%20sesame@", true), ("alice:sesame@", false), ("", false)]
        {
            let authority = format!("{login}{}", server.authority());
            if lets_in {
                assert!(play(peer, &authority, "/", &["echo"]).await.is_empty());
            } else {
                let said = play(peer, &authority, "/", &["refused"]).await;
                assert_eq!(said[0], "status 401", "{peer:?} {login}");
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn curl_answers_the_challenge_for_a_password() {
    let server = start(OurServer::builder().authorize(authorize)).await;
    let url = format!("http://{}/", server.authority());
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    let mut args = vec!["--header", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
    args.extend(upgrade.iter().flat_map(|header| ["--header", header]));
    let refused = curl(&args, &url).await;
    assert!(refused.starts_with("http/1.1 401 "), "{refused}");
    assert!(refused.contains("www-authenticate: basic realm=\"cave\""), "{refused}");
    // `--anyauth` first asks without, and reads the challenge.
    args.extend(["--anyauth", "--user", "alice:open sesame", "--max-time", "1"]);
    let let_in = curl(&args, &url).await;
    assert!(let_in.contains("http/1.1 101 "), "{let_in}");
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn routes_have_their_own_servers() {
    let room = Route::new(|mut ws, request| async move {
        ws.close((4001_u16, request.param("room").unwrap_or_default().to_owned())).await?;
        Ok(())
    });
    let server = start(OurServer::builder().route("/rooms/{room}", room)).await;
    for peer in Peer::ALL {
        assert!(play(peer, server.authority(), "/", &["echo"]).await.is_empty());
        let said = play(peer, server.authority(), "/rooms/bl%C3%BCe", &["close"]).await;
        assert_eq!(said, ["close 4001 blüe"], "{peer:?}");
        let said = play(peer, server.authority(), "/rooms", &["refused"]).await;
        assert_eq!(said[0], "status 404", "{peer:?}");
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn curl_comes_over_a_unix_socket() {
    let path = env::temp_dir().join(format!("bowsprit-curl-{}.sock", process::id()));
    let server = bowsprit::Server::builder().allowed_hosts(HostPolicy::Loopback);
    let server = server.listen_on(Listener::bind_unix(&path).unwrap());
    let serving = tokio::spawn(server.serve(|ws, _| echo(ws)));
    let args = ["--unix-socket", path.to_str().unwrap()];
    assert!(curl(&args, "http://localhost/").await.starts_with("http/1.1 426 "));
    assert!(curl(&args, "http://evil.example/").await.starts_with("http/1.1 421 "));
    serving.abort();
    std::fs::remove_file(&path).unwrap();
}

#[cfg(feature = "proxy-protocol")]
#[tokio::test]
#[ignore = "needs scripts/setup-interop"]
async fn curl_speaks_the_proxy_protocol() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let listener = listener.proxy_protocol(["127.0.0.1/32".parse().unwrap()]);
    let server = bowsprit::Server::builder().listen_on(listener);
    let url = format!("http://{}/", server.local_addr().unwrap());
    let serving = tokio::spawn(server.serve(|ws, _| echo(ws)));
    assert!(curl(&["--haproxy-protocol"], &url).await.starts_with("http/1.1 426 "));
    assert_eq!(curl(&[], &url).await, "");
    serving.abort();
}
