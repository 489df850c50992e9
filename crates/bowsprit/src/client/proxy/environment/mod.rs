//! Which proxy the environment names, as curl reads it.

use std::env;

use hyper_util::client::proxy::matcher::Matcher;

use super::Proxy;
use crate::{Error, Url};

/// How a client chooses its proxy.
#[derive(Clone, Debug, Default)]
pub(in crate::client) enum Choice {
    #[default]
    Environment,
    Always(Proxy),
    Never,
}

impl Choice {
    /// The proxy for this URL, if there is one.
    ///
    /// A proxy that the environment names but that cannot be used is an error: to go around it would
    /// send what must not leave.
    pub(in crate::client) fn proxy_for(&self, url: &Url) -> Result<Option<Proxy>, Error> {
        match self {
            _ if url.socket_path().is_some() => Ok(None),
            Self::Never => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy.clone())),
            Self::Environment => from(url, |name| env::var(name).ok()),
        }
    }
}

/// The first variable that is set wins; set to nothing, it means none.
fn from(url: &Url, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, Error> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let named = if url.is_secure() {
        first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
    } else {
        // Not `HTTP_PROXY`: in CGI programs that is what a client has sent as `Proxy`.
        first(&["http_proxy", "all_proxy", "ALL_PROXY"])
    };
    let excepted = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
    match named {
        Some(named) if !named.is_empty() && !is_excepted(url, &excepted) => named.parse().map(Some),
        _ => Ok(None),
    }
}

/// Whether the list has the URL's host, a domain above it, a network around it, or `*`.
fn is_excepted(url: &Url, list: &str) -> bool {
    // curl takes blanks between the names as well as commas.
    let list = list.split(|char: char| char.is_ascii_whitespace()).collect::<Vec<_>>().join(",");
    let matcher = Matcher::builder().all("http://proxy.invalid").no(list).build();
    let host = match url.host() {
        host if host.contains(':') => format!("http://[{host}]/"),
        host => format!("http://{}/", host.trim_end_matches('.')),
    };
    host.parse().is_ok_and(|uri| matcher.intercept(&uri).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let proxy = from(&url.parse().unwrap(), variable).unwrap();
        proxy.map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_variables_are_those_of_curl() {
        let (ws, wss) = ("ws://a.example/", "wss://a.example/");
        let (http, https, all) =
            (("http_proxy", "p:1"), ("HTTPS_PROXY", "p:2"), ("ALL_PROXY", "p:3"));
        for (url, variables, proxy) in [
            (ws, &[http, https, all][..], Some("http://p:1")),
            (wss, &[http, https, all], Some("http://p:2")),
            (ws, &[https, all], Some("http://p:3")),
            (wss, &[http, all], Some("http://p:3")),
            (ws, &[https], None),
            (wss, &[http], None),
            (ws, &[("HTTP_PROXY", "p:1")], None),
            (wss, &[("https_proxy", "p:4"), https], Some("http://p:4")),
            (ws, &[("http_proxy", ""), all], None),
            (wss, &[("all_proxy", "socks5h://p"), all], Some("socks5h://p:1080")),
            (ws, &[], None),
        ] {
            assert_eq!(chosen(url, variables).as_deref(), proxy, "{url} {variables:?}");
        }
    }

    #[test]
    fn some_hosts_are_excepted() {
        for (host, list, excepted) in [
            ("a.example", "a.example", true),
            ("a.example", "example", true),
            ("a.example", ".example", true),
            ("A.Example", "x, a.EXAMPLE", true),
            ("a.example.", "a.example", true),
            ("a.example", "x a.example y", true),
            ("a.example", "*", true),
            ("ba.example", "a.example", false),
            ("a.example", "b.a.example", false),
            ("a.example", "", false),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("[2001:db8::1]", "2001:db8::/32", true),
            ("[2001:db9::1]", "2001:db8::/32", false),
            ("[::1]", "::1", true),
        ] {
            let url = format!("ws://{host}/");
            for name in ["no_proxy", "NO_PROXY"] {
                let proxy = chosen(&url, &[("http_proxy", "p"), (name, list)]);
                assert_eq!(proxy.is_none(), excepted, "{host} {list:?}");
            }
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_not_gone_around() {
        let chosen = from(&"ws://a/".parse().unwrap(), |name| {
            (name == "http_proxy").then(|| "quic://p".to_owned())
        });
        assert!(matches!(chosen, Err(Error::InvalidProxy(_))), "{chosen:?}");
    }
}
