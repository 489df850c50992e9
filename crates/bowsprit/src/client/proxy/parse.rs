//! A proxy's URL.

use std::str::FromStr;

use super::{Kind, Proxy};
use crate::{ConnectError, Url, client::UserInfo};

impl FromStr for Proxy {
    type Err = ConnectError;

    /// # Errors
    ///
    /// [`ConnectError::InvalidProxy`]: the text is no URL of a proxy.
    fn from_str(text: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let kind = match &*scheme.to_ascii_lowercase() {
            "http" => Kind::Http,
            "https" => Kind::Https,
            "socks4" => Kind::Socks4,
            "socks4a" => Kind::Socks4a,
            "socks5" => Kind::Socks5,
            "socks5h" => Kind::Socks5h,
            _ => return Err(ConnectError::InvalidProxy("its scheme is not http, https or socks")),
        };
        // The rest is written as in other URLs, but that a password may have an @ as it is.
        let (user, host) =
            rest.rsplit_once('@').map_or(("", rest), |(user, _)| rest.split_at(user.len()));
        let url: Url =
            format!("ws://{}{host}", user.replace('@', "%40")).parse().map_err(|_| {
                ConnectError::InvalidProxy("it is no URL of a host, or has no valid user")
            })?;
        if url.resource_name() != "/" {
            return Err(ConnectError::InvalidProxy("it has a path"));
        }
        let port = if names_port(rest) { url.port() } else { default_port(kind) };
        check_user(kind, url.user_info())?;
        let user = url.user_info().cloned().map(Box::new);
        let (host, zone) = (url.host().to_owned(), url.zone().map(ToOwned::to_owned));
        Ok(Self { kind, host, zone, port, user, tls: None })
    }
}

/// Whether the port is written; 80 may be meant.
fn names_port(rest: &str) -> bool {
    let authority = rest.trim_end_matches('/');
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after_address = host.rsplit_once(']').map_or(host, |(_, port)| port);
    after_address.contains(':')
}

/// As curl has it.
const fn default_port(kind: Kind) -> u16 {
    match kind {
        Kind::Https => 443,
        _ => 1080,
    }
}

/// RFC 1929 §2: both have a length of 1 to 255; SOCKS 4 has only a name, and no place for more.
fn check_user(kind: Kind, user: Option<&UserInfo>) -> Result<(), ConnectError> {
    let Some(user) = user else { return Ok(()) };
    let fits = |text: &str| (1..=255).contains(&text.len());
    match kind {
        Kind::Socks5 | Kind::Socks5h if !fits(user.user()) || !fits(user.password()) => {
            Err(ConnectError::InvalidProxy("SOCKS 5 needs a user and a password of 1 to 255 bytes"))
        }
        Kind::Socks4 | Kind::Socks4a if !user.password().is_empty() => {
            Err(ConnectError::InvalidProxy("SOCKS 4 has no passwords"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_proxies_are_read_as_curl_reads_them() {
        for (text, shown) in [
            ("proxy.example", "http://proxy.example:1080"),
            ("proxy.example:80", "http://proxy.example:80"),
            ("http://proxy.example/", "http://proxy.example:1080"),
            ("HTTPS://Proxy.Example", "https://proxy.example:443"),
            ("https://[::1]:80", "https://[::1]:80"),
            ("http://[::1]", "http://[::1]:1080"),
            ("socks4://u@p", "socks4://p:1080"),
            ("socks4a://p:9", "socks4a://p:9"),
            ("socks5://u:s@p", "socks5://p:1080"),
            ("socks5h://u:s%40@p:80/", "socks5h://p:80"),
        ] {
            let proxy: Proxy = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(proxy.to_string(), shown);
            assert_eq!(format!("{proxy:?}"), format!("Proxy({shown})"));
        }
        for text in ["user:se:cr%40t@proxy.example", "user:se:cr@t@proxy.example"] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.authorization().unwrap(), "Basic dXNlcjpzZTpjckB0");
            assert_eq!(proxy.to_string(), "http://proxy.example:1080");
        }
        let proxy: Proxy = "http://u@[fe80::1%25eth0]:80".parse().unwrap();
        assert_eq!(proxy.to_string(), "http://[fe80::1%25eth0]:80");
        assert_eq!(proxy.destination().zone.as_deref(), Some("eth0"));
    }

    #[test]
    fn what_names_no_proxy_is_an_error_without_its_secrets() {
        let long = format!("socks5://u:{}@p", "x".repeat(256));
        for text in [
            "",
            "http://",
            "ftp://p",
            "socks://secret@p",
            "direct",
            "http://p/path",
            "http://p?q",
            "http://p:x",
            "http://secret secret@p",
            "http://p#f",
            "socks4://u:secret@p",
            "socks5://u@p",
            "socks5://:secret@p",
            &long,
        ] {
            match text.parse::<Proxy>() {
                Err(error @ ConnectError::InvalidProxy(_)) => {
                    assert!(!error.to_string().contains("secret"), "{error}");
                }
                // A bare word is a host's name.
                other => assert_eq!((text, other.is_ok()), ("direct", true), "{text}"),
            }
        }
    }
}
