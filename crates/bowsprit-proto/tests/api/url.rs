//! WebSocket URIs, RFC 6455 §3.

use bowsprit_proto::{InvalidUrl, Url};
use proptest::prelude::*;

#[track_caller]
fn parse(text: &str) -> Url {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// RFC: 3-1
#[test]
fn the_port_is_by_default_80_for_ws_and_443_for_wss() {
    for (text, secure, host, port) in [
        ("ws://a.example", false, "a.example", 80),
        ("wss://a.example", true, "a.example", 443),
        ("WSS://A.Example:8443/", true, "a.example", 8443),
        ("ws://127.0.0.1:3000/x", false, "127.0.0.1", 3000),
        ("ws://[::1]", false, "::1", 80),
        ("wss://[2001:DB8::1]:99/", true, "2001:db8::1", 99),
        ("ws://a:65535", false, "a", 65535),
    ] {
        let url = parse(text);
        assert_eq!((url.is_secure(), url.host(), url.port()), (secure, host, port), "{text}");
    }
}

/// RFC: 3-4, 3-3, 11.1-1
#[test]
fn the_resource_name_is_the_path_and_the_query() {
    for (text, resource_name) in [
        ("ws://a", "/"),
        ("ws://a/", "/"),
        ("ws://a?", "/"),
        ("ws://a/?", "/"),
        ("ws://a?b", "/?b"),
        ("ws://a/b?c=d&e", "/b?c=d&e"),
        ("ws://a/b?", "/b"),
        ("ws://a/b?c?", "/b?c?"),
        ("ws://a/b??", "/b??"),
        ("ws://a//b/../c", "//b/../c"),
        ("ws://a/%23?%23", "/%23?%23"),
        ("ws://a/grüße und?ö", "/gr%C3%BC%C3%9Fe%20und?%C3%B6"),
        ("ws://a/[x]|\"<>", "/[x]%7C%22%3C%3E"),
        ("ws://a/b@c:d", "/b@c:d"),
    ] {
        let url = parse(text);
        assert_eq!(url.resource_name(), resource_name, "{text}");
        assert_eq!(parse(&url.to_string()), url, "what is displayed is the same URL");
    }
}

/// RFC: 3-2
#[test]
fn a_fragment_is_refused() {
    for text in ["ws://a/#", "ws://a/b#c", "ws://a#b", "wss://a/?q#", "ws://#"] {
        assert_eq!(text.parse::<Url>(), Err(InvalidUrl::Fragment), "{text}");
    }
}

/// RFC: 4.1-3
#[test]
fn a_text_that_is_no_websocket_uri_is_refused() {
    for (text, error) in [
        ("", InvalidUrl::Syntax),
        ("a.example", InvalidUrl::Syntax),
        ("ws:a.example", InvalidUrl::Syntax),
        ("ws:/a.example", InvalidUrl::Syntax),
        ("http://a", InvalidUrl::Scheme),
        ("https://a", InvalidUrl::Scheme),
        ("wsss://a", InvalidUrl::Scheme),
        (" ws://a", InvalidUrl::Scheme),
        ("://a", InvalidUrl::Scheme),
        ("ws://", InvalidUrl::Host),
        ("ws:///path", InvalidUrl::Host),
        ("ws://?q", InvalidUrl::Host),
        ("ws://:80", InvalidUrl::Host),
        ("ws://user@a", InvalidUrl::UserInfo),
        ("ws://user:secret@a/", InvalidUrl::UserInfo),
        ("ws://@a/", InvalidUrl::UserInfo),
        ("ws://a:", InvalidUrl::Syntax),
        ("ws://a:x", InvalidUrl::Syntax),
        ("ws://a:+80", InvalidUrl::Syntax),
        ("ws://a:-1", InvalidUrl::Syntax),
        ("ws://a:65536", InvalidUrl::Syntax),
        ("ws://a:80:80", InvalidUrl::Syntax),
        ("ws://::1", InvalidUrl::Host),
        ("ws://[::1", InvalidUrl::Syntax),
        ("ws://::1]", InvalidUrl::Host),
        ("ws://[]", InvalidUrl::Syntax),
        ("ws://[a]", InvalidUrl::Syntax),
        ("ws://[127.0.0.1]", InvalidUrl::Syntax),
        ("ws://[::1]x", InvalidUrl::Syntax),
        ("ws://x[::1]", InvalidUrl::Syntax),
        ("ws://a b/", InvalidUrl::Syntax),
        ("ws://a\\b/", InvalidUrl::Syntax),
        ("ws://a/\r\nx", InvalidUrl::Syntax),
        ("ws://a/\0", InvalidUrl::Syntax),
        ("ws://a\t/", InvalidUrl::Syntax),
    ] {
        assert_eq!(text.parse::<Url>(), Err(error), "{text:?}");
    }
}

proptest! {
    /// RFC: 4.1-3, 4.1-15
    #[test]
    fn whatever_is_parsed_makes_a_request_and_is_displayed_as_itself(
        text in "(wss?://)?[a-z\\[\\]:@.0-9 %]{0,12}(/\\PC{0,20})?",
    ) {
        if let Ok(url) = text.parse::<Url>() {
            prop_assert_eq!(&url.to_string().parse::<Url>(), &Ok(url.clone()));
            let offer = bowsprit_proto::handshake::Offer::default();
            let made = bowsprit_proto::handshake::ClientHandshake::new(&url, &offer, [0; 16]);
            let (_, request) = made.unwrap();
            prop_assert_eq!(request.uri().to_string(), url.resource_name());
            prop_assert!(url.resource_name().starts_with('/'));
        }
    }
}
