//! SOCKS, byte by byte.

use std::{net::IpAddr, sync::Arc};

use bowsprit::{Client, ConnectError, client::Proxy, error::ProxyError};

use super::fake::{Log, listen, logged, origin, talk};

/// Answers of a SOCKS 5 proxy: method chosen, user let in, connected.
const NO_METHOD: &[u8] = &[5, 0];
const PASSWORD: &[u8] = &[5, 2];
const LET_IN: &[u8] = &[1, 0];
const CONNECTED: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80];

/// The answer of a SOCKS 4 proxy.
const GRANTED: &[u8] = &[0, 90, 0, 0, 0, 0, 0, 0];

/// What is read, and what is answered.
type Script = &'static [(usize, &'static [u8])];

/// Connects to `chat.example`, port 0x5150, through a proxy that plays `script`; checks that the
/// connection works, and returns what the proxy has heard.
async fn heard(proxy_url: &str, script: Script) -> Vec<u8> {
    let (log, to) = (Log::default(), origin().await);
    let noted = Arc::clone(&log);
    let proxy = listen(move |io| talk(io, noted, script, to)).await;
    let proxy: Proxy = proxy_url.replace("PROXY", &proxy.to_string()).parse().unwrap();
    let client = Client::new()
        .proxy(proxy)
        .resolver(async |host| {
            assert_eq!(host, "chat.example");
            Ok(vec![IpAddr::from([10, 1, 2, 3])])
        })
        .bearer_auth("for-the-server");
    let mut ws = client.connect("ws://chat.example:20816/").await.unwrap();
    let head = ws.recv().await.unwrap().unwrap();
    assert!(head.as_text().unwrap().contains("for-the-server"));
    ws.send("through").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("through"));
    logged(&log)
}

#[tokio::test]
async fn socks_5_is_given_an_address_or_a_name() {
    let by_address = heard("socks5://PROXY", &[(3, NO_METHOD), (10, CONNECTED)]).await;
    assert_eq!(by_address, b"\x05\x01\x00\x05\x01\x00\x01\x0a\x01\x02\x03\x51\x50");
    let by_name = heard("socks5h://PROXY", &[(3, NO_METHOD), (19, CONNECTED)]).await;
    assert_eq!(by_name, b"\x05\x01\x00\x05\x01\x00\x03\x0cchat.example\x51\x50");
}

#[tokio::test]
async fn socks_5_is_given_user_and_password_if_it_asks() {
    let script = &[(4, PASSWORD), (13, LET_IN), (19, CONNECTED)];
    let heard = heard("socks5h://user:s%40cret@PROXY", script).await;
    let expected =
        b"\x05\x02\x00\x02\x01\x04user\x06s@cret\x05\x01\x00\x03\x0cchat.example\x51\x50";
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn socks_4_is_given_an_address_and_4a_a_name() {
    let by_address = heard("socks4://user@PROXY", &[(13, GRANTED)]).await;
    assert_eq!(by_address, b"\x04\x01\x51\x50\x0a\x01\x02\x03user\0");
    let by_name = heard("socks4a://PROXY", &[(22, GRANTED)]).await;
    assert_eq!(by_name, b"\x04\x01\x51\x50\0\0\0\x01\0chat.example\0");
}

#[tokio::test]
async fn refusals_of_socks_proxies_name_the_proxy_and_the_reason() {
    let cases: [(&str, Script, &str); 5] = [
        ("socks5h", &[(3, &[5, 0xff])], "No acceptable auth methods"),
        ("socks5h", &[(3, NO_METHOD), (19, &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0])], "not allowed"),
        ("socks5h", &[(3, NO_METHOD), (19, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0])], "refused"),
        ("socks5h", &[(3, b"HT")], "version"),
        ("socks4a", &[(22, &[0, 91, 0, 0, 0, 0, 0, 0])], "failure"),
    ];
    for (scheme, script, reason) in cases {
        let to = origin().await;
        let proxy = listen(move |io| talk(io, Log::default(), script, to)).await;
        let url = format!("{scheme}://{proxy}");
        let client = Client::new().proxy(url.parse().unwrap());
        let error = client.connect("ws://chat.example:20816/").await.unwrap_err();
        assert!(error.to_string().contains(&url), "{error}");
        let ConnectError::Proxy { error: ProxyError::Socks(error), .. } = error else {
            panic!("{error:?}")
        };
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn socks_4_does_not_carry_ipv6() {
    for scheme in ["socks4", "socks4a"] {
        let to = origin().await;
        let proxy = listen(move |io| talk(io, Log::default(), &[(1, b"")], to)).await;
        let client = Client::new().proxy(format!("{scheme}://{proxy}").parse().unwrap());
        let error = client.connect("ws://[::1]:20816/").await.unwrap_err();
        assert!(matches!(error, ConnectError::Proxy { error: ProxyError::Ipv6, .. }), "{error:?}");
    }
}
