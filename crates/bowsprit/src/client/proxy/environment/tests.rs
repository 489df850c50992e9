//! What curl does with these variables, as tables that curl itself is asked about.

use std::{
    io::ErrorKind,
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::*;

/// In values of variables, `1` to `3` are proxies. To be expected is one of them, or none.
type Case = (&'static str, &'static [(&'static str, &'static str)], Option<usize>);

const WS: &str = "ws://a.example/";
const WSS: &str = "wss://a.example/";

/// What any curl can be asked, as `http:` and `https:`.
const VARIABLES: [Case; 17] = [
    (WS, &[("http_proxy", "1"), ("HTTPS_PROXY", "2"), ("ALL_PROXY", "3")], Some(1)),
    (WSS, &[("http_proxy", "1"), ("HTTPS_PROXY", "2"), ("ALL_PROXY", "3")], Some(2)),
    (WS, &[("HTTPS_PROXY", "2"), ("ALL_PROXY", "3")], Some(3)),
    (WSS, &[("http_proxy", "1"), ("ALL_PROXY", "3")], Some(3)),
    (WS, &[("https_proxy", "2")], None),
    (WSS, &[("http_proxy", "1")], None),
    (WS, &[("HTTP_PROXY", "1")], None),
    (WSS, &[("https_proxy", "1"), ("HTTPS_PROXY", "2")], Some(1)),
    (WSS, &[("all_proxy", "1"), ("ALL_PROXY", "2")], Some(1)),
    (WS, &[("all_proxy", "1"), ("ALL_PROXY", "2")], Some(1)),
    (WS, &[("http_proxy", ""), ("ALL_PROXY", "3")], Some(3)),
    (WSS, &[("https_proxy", ""), ("HTTPS_PROXY", "2")], Some(2)),
    (WS, &[("all_proxy", ""), ("ALL_PROXY", "3")], Some(3)),
    (WS, &[("http_proxy", "1"), ("no_proxy", ""), ("NO_PROXY", "a.example")], None),
    (WS, &[("http_proxy", "1"), ("no_proxy", "b"), ("NO_PROXY", "a.example")], Some(1)),
    (WS, &[("http_proxy", ""), ("no_proxy", "*")], None),
    (WS, &[], None),
];

/// What only a curl with WebSockets knows of: it reads `<scheme>_proxy`, as for all its schemes,
/// and since 8.4 goes on with the variables of HTTP.
const WEBSOCKET_VARIABLES: [Case; 11] = [
    (WS, &[("ws_proxy", "1"), ("http_proxy", "2"), ("all_proxy", "3")], Some(1)),
    (WS, &[("WS_PROXY", "1"), ("http_proxy", "2"), ("all_proxy", "3")], Some(1)),
    (WS, &[("ws_proxy", "1"), ("WS_PROXY", "2")], Some(1)),
    (WS, &[("ws_proxy", ""), ("http_proxy", "2")], Some(2)),
    (WS, &[("wss_proxy", "1"), ("https_proxy", "2")], None),
    (WS, &[("ws_proxy", "1"), ("no_proxy", "example")], None),
    (WSS, &[("wss_proxy", "1"), ("https_proxy", "2"), ("all_proxy", "3")], Some(1)),
    (WSS, &[("WSS_PROXY", "1"), ("HTTPS_PROXY", "2"), ("all_proxy", "3")], Some(1)),
    (WSS, &[("wss_proxy", ""), ("HTTPS_PROXY", "2")], Some(2)),
    (WSS, &[("wss_proxy", "1"), ("WSS_PROXY", "2")], Some(1)),
    (WSS, &[("ws_proxy", "1"), ("http_proxy", "2")], None),
];

/// A host, `no_proxy`, and whether the proxy is left out.
const EXCEPTIONS: [(&str, &str, bool); 32] = [
    ("a.example", "a.example", true),
    ("a.example", "example", true),
    ("a.example", ".example", true),
    ("A.Example", "x, a.EXAMPLE", true),
    ("a.example.", "a.example", true),
    ("a.example", "a.example.", true),
    ("a.example", "example.", true),
    ("a.example", ".example.", true),
    ("a.example.", ".a.example.", true),
    ("a.example", "b, ,a.example", true),
    ("a.example", "*", true),
    ("10.1.2.3", "*", true),
    ("a.example", "*,b", false),
    ("a.example", " *", false),
    ("a.example", "* ", false),
    ("a.example", "*.example", false),
    ("a.example", "..example", false),
    ("a.example", ".", false),
    ("a.example", "a.example:80", false),
    ("a.example", "b;a.example", false),
    ("a.example", "b\na.example", false),
    ("ba.example", "a.example", false),
    ("a.example", "b.a.example", false),
    ("10.1.2.3", "10.1.2.3", true),
    ("10.1.2.3", "10.0.0.0/8", true),
    ("10.1.2.3", "10.9.9.9/8", true),
    ("10.1.2.3", "10.1.2.3/32", true),
    ("11.1.2.3", "10.0.0.0/8", false),
    ("10.1.2.3", "10.0.0.0/0", false),
    ("10.1.2.3", "10.1.2.3/33", false),
    ("10.1.2.3", "10.1.2.3.", false),
    ("10.1.2.3", "2.3", false),
];

/// Where one curl does not do as another: 8 takes no more blanks, and 7.88 forgets about networks
/// of IPv6.
const OTHER_EXCEPTIONS: [(&str, &str, bool); 10] = [
    ("a.example", "x a.example y", true),
    ("a.example", "x\ta.example", true),
    ("[2001:db8::1]", "2001:db8::/32", true),
    ("[2001:db9::1]", "2001:db8::/32", false),
    ("[2001:db8::1]", "2001:DB8:0::1", true),
    ("[2001:db8::1]", "2001:db8::1/0", true),
    ("[2001:db8::1]", "2001:db8::1/129", false),
    ("[::1]", "::1", true),
    ("[::1]", "[::1]", false),
    ("10.1.2.3", "10.1.2.3/x", false),
];

/// Whom we ask.
fn ours(url: &str, variables: &[(&str, &str)]) -> Option<usize> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let proxy = from(&url.parse().unwrap(), variable).unwrap()?;
    proxy.to_string().strip_prefix("http://")?.strip_suffix(":1080")?.parse().ok()
}

#[test]
fn the_variables_are_those_of_curl() {
    for (url, variables, proxy) in VARIABLES.iter().chain(&WEBSOCKET_VARIABLES) {
        assert_eq!(ours(url, variables), *proxy, "{url} {variables:?}");
    }
}

#[test]
fn some_hosts_are_excepted() {
    for (host, list, excepted) in EXCEPTIONS.iter().chain(&OTHER_EXCEPTIONS) {
        let url = format!("ws://{host}/");
        for name in ["no_proxy", "NO_PROXY"] {
            let proxy = ours(&url, &[("http_proxy", "1"), (name, list)]);
            assert_eq!(proxy.is_none(), *excepted, "{host} {list:?}");
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_gone_around() {
    for name in ["http_proxy", "ws_proxy"] {
        let chosen = from(&WS.parse().unwrap(), |variable| {
            (variable == name).then(|| "quic://p".to_owned())
        });
        assert!(matches!(chosen, Err(ConnectError::InvalidProxy(_))), "{chosen:?}");
    }
}

/// Whom curl asks.
struct Curl {
    proxies: Vec<TcpListener>,
    has_websockets: bool,
}

impl Curl {
    fn new() -> Self {
        let version = Command::new("curl").arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let proxies = (0..3).map(|_| {
            let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
            proxy.set_nonblocking(true).unwrap();
            proxy
        });
        let has_websockets = version.split_whitespace().any(|protocol| protocol == "wss");
        Self { proxies: proxies.collect(), has_websockets }
    }

    fn asks(&self, url: &str, variables: &[(&str, &str)]) -> Option<usize> {
        let url = if self.has_websockets { url.to_owned() } else { url.replacen("ws", "http", 1) };
        let mut curl = Command::new("curl");
        let path = env::var_os("PATH").unwrap();
        curl.env_clear().env("PATH", path).stdout(Stdio::null()).stderr(Stdio::null());
        for (name, value) in variables {
            let proxy = value.parse::<usize>().ok();
            let proxy = proxy.map(|proxy| self.proxies[proxy - 1].local_addr().unwrap());
            curl.env(name, proxy.map_or((*value).to_owned(), |proxy| proxy.to_string()));
        }
        // Without a proxy it ends up where nobody listens.
        let curl = curl.args(["-q", "--connect-to", "::127.0.0.1:1", "--max-time", "10", &url]);
        self.first(curl.spawn().unwrap())
    }

    /// The proxy that it connects to before it ends.
    fn first(&self, mut curl: Child) -> Option<usize> {
        loop {
            let ended = curl.try_wait().unwrap().is_some();
            for (index, proxy) in self.proxies.iter().enumerate() {
                match proxy.accept() {
                    Ok(_) => {
                        let _ended = curl.kill();
                        curl.wait().unwrap();
                        return Some(index + 1);
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            if ended {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
#[ignore = "needs curl"]
fn curl_reads_the_environment_as_we_do() {
    let curl = Curl::new();
    let more = if curl.has_websockets { &WEBSOCKET_VARIABLES[..] } else { &[] };
    for (url, variables, proxy) in VARIABLES.iter().chain(more) {
        assert_eq!(curl.asks(url, variables), *proxy, "{url} {variables:?}");
    }
    for (host, list, excepted) in EXCEPTIONS {
        let proxy = curl.asks(&format!("ws://{host}/"), &[("http_proxy", "1"), ("no_proxy", list)]);
        assert_eq!(proxy.is_none(), excepted, "{host} {list:?}");
    }
}
