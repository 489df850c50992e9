//! Addresses as people type them.

use std::borrow::Cow;

/// A URL; `ws://` may be left out, as in `localhost` and `127.0.0.1:8080/echo`.
pub(crate) fn url(text: &str) -> Cow<'_, str> {
    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
    if is_host_and_port(authority) { format!("ws://{text}").into() } else { text.into() }
}

/// An address to listen on; this machine alone, if only a port is given.
pub(crate) fn listen(text: &str) -> Cow<'_, str> {
    text.parse::<u16>().map_or(text.into(), |port| format!("127.0.0.1:{port}").into())
}

/// Whether this cannot be the beginning of a URL with a scheme, nor a user name.
fn is_host_and_port(text: &str) -> bool {
    let after_brackets = text.rsplit(']').next().unwrap_or_default();
    let port = after_brackets.split_once(':').map(|(_, port)| port);
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    !text.is_empty() && !text.contains('@') && port.is_none_or(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_becomes_a_url() {
        for text in ["localhost", "h:8080", "h/echo?a=b:c", "127.0.0.1:1/", "[::1]", "[::1]:80/x"] {
            assert_eq!(url(text), format!("ws://{text}"));
        }
        for text in [
            "wss://h",
            "ws:/h",
            "ws:h",
            "http://h:80",
            "ws+unix:/a.sock",
            "user:80@h",
            "u@h",
            "h:",
            "h:80x",
            "/echo",
            "",
        ] {
            assert_eq!(url(text), text);
        }
    }

    #[test]
    fn a_port_is_that_of_this_machine() {
        for (text, address) in [
            ("8080", "127.0.0.1:8080"),
            (":8080", ":8080"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::]:80", "[::]:80"),
            ("localhost:80", "localhost:80"),
            ("80800", "80800"),
        ] {
            assert_eq!(listen(text), address);
        }
    }
}
