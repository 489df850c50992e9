//! What has to get through.

use std::time::Duration;

use bowsprit::{
    Client, CloseCode, ConnectError, ConnectionConfig, Error, Message, WebSocket,
    tls::TlsClientConfig,
};
use tokio::time::timeout;

use super::proxy::{CLIENT, Program, Proxied, listener, lively};

async fn connect(proxied: &Proxied, client: &Client) -> Result<WebSocket, ConnectError> {
    let url = format!("ws://{}/chat", proxied.authority());
    client.connect_over(&url, proxied.dial().await).await
}

async fn recv(ws: &mut WebSocket) -> Message {
    let message = timeout(Duration::from_secs(10), ws.recv()).await.expect("in time");
    message.unwrap().expect("open")
}

/// The same by TLS, which the proxy ends.
async fn connect_encrypted(proxied: &Proxied, client: &Client) -> Result<WebSocket, ConnectError> {
    let tls = TlsClientConfig::new().without_system_roots();
    let tls = tls.root_certificates(proxied.certificate.as_bytes()).unwrap();
    let client = client.clone().no_proxy().tls(tls).local_addr(CLIENT.parse().unwrap());
    client.connect(&format!("wss://{}/chat", proxied.tls_authority())).await
}

/// Whether messages pass, and where the client is for the server, and whether encrypted.
async fn expect_client(ws: WebSocket, addr: &str) {
    expect(ws, &format!("{addr} plain")).await;
}

async fn expect(mut ws: WebSocket, client: &str) {
    assert_eq!(recv(&mut ws).await, Message::text(client));
    for len in [0, 125, 70_000, 1 << 20] {
        ws.send(vec![7; len]).await.unwrap();
        assert_eq!(recv(&mut ws).await.len(), len);
    }
    ws.close(CloseCode::NORMAL).await.unwrap();
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn websockets_pass_and_the_client_is_known() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        expect_client(connect(&proxied, &Client::new()).await.unwrap(), CLIENT).await;
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn a_client_cannot_forge_its_address() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        for forged in ["6.6.6.6", "6.6.6.6, 127.0.0.1", "127.0.0.1"] {
            let client = Client::new()
                .header("x-forwarded-for", forged)
                .header("forwarded", "for=7.7.7.7")
                .header("x-real-ip", "8.8.8.8");
            expect_client(connect(&proxied, &client).await.unwrap(), CLIENT).await;
        }
    }
}

/// Everything that proxies write, from a client.
fn forging() -> Client {
    Client::new()
        .header("x-forwarded-for", "6.6.6.6")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "https")
        .header("forwarded", "for=7.7.7.7;host=evil.example;proto=https")
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn encryption_is_what_the_proxy_saw_and_not_what_a_client_says() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        expect(connect(&proxied, &forging()).await.unwrap(), &format!("{CLIENT} plain")).await;
        let encrypted = format!("{CLIENT} encrypted");
        for client in [Client::new(), forging(), forging().header("x-forwarded-proto", "http")] {
            expect(connect_encrypted(&proxied, &client).await.unwrap(), &encrypted).await;
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn an_origin_is_compared_with_the_host_that_the_proxy_saw() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        let (plain, tls) = (proxied.authority(), proxied.tls_authority());
        for (origin, plain, encrypted) in [
            (format!("http://{plain}"), true, false),
            (format!("https://{tls}"), false, true),
            (format!("http://{tls}"), false, false),
            ("http://evil.example".to_owned(), false, false),
            ("https://evil.example".to_owned(), false, false),
        ] {
            let client = forging().origin(&*origin);
            let let_in = connect(&proxied, &client).await.is_ok();
            assert_eq!(let_in, plain, "{program:?}: {origin} to ws");
            let let_in = connect_encrypted(&proxied, &client).await.is_ok();
            assert_eq!(let_in, encrypted, "{program:?}: {origin} to wss");
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn pages_of_the_proxys_host_may_connect_and_others_may_not() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        let own = Client::new().origin(format!("http://{}", proxied.authority()));
        connect(&proxied, &own).await.unwrap();
        let foreign = Client::new().origin("http://evil.example");
        let refused = connect(&proxied, &foreign).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Rejected(response) if response.status() == 403));
    }
}

/// The time-outs of the page are 60 s and the heartbeat's interval 20 s, here 2 s and 0.5 s.
#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn heartbeats_keep_a_quiet_connection_beyond_the_proxys_timeouts() {
    for program in Program::ALL {
        let proxied = Proxied::start(program).await;
        let mut ws = connect(&proxied, &Client::new()).await.unwrap();
        recv(&mut ws).await;
        assert!(timeout(Duration::from_secs(4), ws.recv()).await.is_err(), "{program:?} cuts");
        ws.send("still here").await.unwrap();
        assert_eq!(recv(&mut ws).await, Message::text("still here"), "{program:?}");
    }
}

/// Or the test above would show nothing.
#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn without_heartbeats_a_quiet_connection_is_cut() {
    for program in Program::ALL {
        let quiet = ConnectionConfig::server().without_timeouts();
        let proxied = Proxied::start_with(program, |text| text, listener().await, quiet).await;
        let mut ws = connect(&proxied, &Client::new()).await.unwrap();
        recv(&mut ws).await;
        let cut = timeout(Duration::from_secs(4), ws.recv()).await.expect("it is not cut");
        assert!(matches!(cut, Err(Error::Disconnected)), "{program:?}: {cut:?}");
    }
}

#[tokio::test]
#[ignore = "needs scripts/setup-reverse-proxies"]
async fn haproxy_tells_the_client_by_the_proxy_protocol() {
    for version in ["send-proxy", "send-proxy-v2"] {
        let listener = listener().await.proxy_protocol(["127.0.0.1/32".parse().unwrap()]);
        let change = |text: String| {
            let text = text.replace("http-request set-header X-Forwarded-For %[src]", "");
            text.lines()
                .map(|line| match line.contains("server chat") {
                    true => format!("{line} {version}\n"),
                    false => format!("{line}\n"),
                })
                .collect()
        };
        let proxied = Proxied::start_with(Program::HaProxy, change, listener, lively()).await;
        let client = Client::new().header("x-forwarded-for", "6.6.6.6");
        expect_client(connect(&proxied, &client).await.unwrap(), CLIENT).await;
    }
}
