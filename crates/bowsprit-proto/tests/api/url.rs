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
        ("http://a.example", false, "a.example", 80),
        ("HTTPS://a.example/", true, "a.example", 443),
        ("https://a.example:80/", true, "a.example", 80),
        ("ws://user:secret@[::1]:99/", false, "::1", 99),
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
        ("ftp://a", InvalidUrl::Scheme),
        ("wss+unix:///run/a.sock:/", InvalidUrl::Scheme),
        ("file:///etc/passwd", InvalidUrl::Scheme),
        ("wsss://a", InvalidUrl::Scheme),
        ("w s://a", InvalidUrl::Scheme),
        ("://a", InvalidUrl::Scheme),
        ("ws://", InvalidUrl::Host),
        ("ws:///path", InvalidUrl::Host),
        ("ws://?q", InvalidUrl::Host),
        ("ws://:80", InvalidUrl::Host),
        ("ws://@a/", InvalidUrl::UserInfo),
        ("ws://user@", InvalidUrl::Host),
        ("ws://a@b@c/", InvalidUrl::UserInfo),
        ("ws://us er@a/", InvalidUrl::UserInfo),
        ("ws://us%3Aer:secret@a/", InvalidUrl::UserInfo),
        ("ws://user%0D%0Ax:secret@a/", InvalidUrl::UserInfo),
        ("ws://user:%00@a/", InvalidUrl::UserInfo),
        ("ws://user:%7f@a/", InvalidUrl::UserInfo),
        ("ws://user:%ff@a/", InvalidUrl::UserInfo),
        ("ws://user:%f@a/", InvalidUrl::UserInfo),
        ("ws://user:%+f@a/", InvalidUrl::UserInfo),
        ("ws://user:%@a/", InvalidUrl::UserInfo),
        ("ws+unix:", InvalidUrl::SocketPath),
        ("ws+unix::/path", InvalidUrl::SocketPath),
        ("ws+unix://:/path", InvalidUrl::SocketPath),
        ("ws+unix:/a\u{9b}b:/", InvalidUrl::SocketPath),
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
        ("ws://[%25eth0]/", InvalidUrl::Syntax),
        ("ws://[127.0.0.1%25eth0]/", InvalidUrl::Syntax),
        ("ws://a%25eth0/", InvalidUrl::Syntax),
    ] {
        assert_eq!(text.parse::<Url>(), Err(error), "{text:?}");
    }
}

#[test]
fn a_unix_socket_is_named_by_its_path_and_the_resource_after_a_colon() {
    for (text, path, resource_name) in [
        ("ws+unix:/run/a.sock", "/run/a.sock", "/"),
        ("ws+unix:////run/a.sock:/", "//run/a.sock", "/"),
        ("ws+unix:/run/a.sock:/chat?room=1", "/run/a.sock", "/chat?room=1"),
        ("WS+UNIX:///run/a.sock:/b:c", "/run/a.sock", "/b:c"),
        ("ws+unix:a.sock:?q", "a.sock", "/?q"),
        ("ws+unix:/run/gr\u{fc}n@x.sock:/", "/run/gr\u{fc}n@x.sock", "/"),
    ] {
        let url = parse(text);
        assert_eq!((url.socket_path(), url.resource_name()), (Some(path), resource_name), "{text}");
        assert_eq!((url.authority().as_ref(), url.is_secure()), ("localhost", false));
        assert_eq!(parse(&url.to_string()), url);
    }
}

#[test]
fn user_name_and_password_are_percent_decoded_and_not_shown() {
    for (text, user, password) in [
        ("ws://user@a/", "user", ""),
        ("ws://user:@a/", "user", ""),
        ("ws://user:secret@a/", "user", "secret"),
        ("ws://us%65r:se:cr%40t@a/", "user", "se:cr@t"),
        ("ws://:s%C3%A9cret@a/", "", "s\u{e9}cret"),
    ] {
        let url = parse(text);
        let info = url.user_info().unwrap();
        assert_eq!((info.user(), info.password()), (user, password), "{text}");
        assert_eq!(url.to_string(), "ws://a/");
        assert_eq!(format!("{url:?}"), "Url(ws://a/)");
        assert_eq!(url.without_user_info().user_info(), None);
    }
}

#[test]
fn debug_leaves_out_what_the_query_says() {
    let url = parse("wss://user:secret@a:1/b?token=secret?");
    assert_eq!(format!("{url:?}"), "Url(wss://a:1/b?…)");
    assert_eq!(format!("{:?}", parse("ws+unix:/a.sock:/b?c")), "Url(ws+unix:/a.sock:/b?…)");
}

/// WHATWG URL §4.4, which browsers and Node.js follow.
#[test]
fn spaces_and_control_characters_around_a_url_are_left_out() {
    for around in [" ", "\t", "\n", "\r\n", "\0", "\u{1f} \u{1}"] {
        for text in ["ws://a/b?c", "ws+unix:/a.sock:/b", "ws+unix:/a.sock"] {
            assert_eq!(parse(&format!("{around}{text}{around}")), parse(text), "{around:?}");
        }
        assert_eq!(around.parse::<Url>(), Err(InvalidUrl::Syntax), "{around:?}");
    }
    // These are no C0 control characters.
    for around in ["\u{7f}", "\u{a0}", "\u{2028}", "\u{feff}"] {
        assert!(format!("{around}ws://a/").parse::<Url>().is_err(), "{around:?}");
    }
}

#[test]
fn a_control_character_inside_of_a_url_is_told() {
    for text in [
        "ws+unix:/a\0b:/",
        "ws+unix:/a.sock:/\r\nx",
        "ws://a/\r\nx",
        "ws://a/\0x",
        "ws://a\t/",
        "w\ns://a/",
    ] {
        assert_eq!(text.parse::<Url>(), Err(InvalidUrl::ControlCharacter), "{text:?}");
    }
}

#[test]
fn what_is_too_long_for_a_request_is_told_as_that() {
    let offer = bowsprit_proto::handshake::Offer::default();
    let made = |url: &Url| {
        bowsprit_proto::handshake::ClientHandshake::new(url, &offer, [0; 16]).map(|_| ())
    };
    let longest = 65_534;
    let with = |path: &str| {
        let base = parse("ws://a/");
        base.join(path)
    };
    let path = format!("/{}", "x".repeat(longest - 1));
    assert_eq!(made(&with(&path).unwrap()), Ok(()));
    assert_eq!(with(&format!("{path}x")), Err(InvalidUrl::TooLong));
    // Once percent-encoded it is three times as long.
    let path = format!("/{}", "{".repeat(longest / 3 + 1));
    assert_eq!(with(&path).err(), Some(InvalidUrl::TooLong));
    assert_eq!(made(&with(&path[..path.len() - 1]).unwrap()), Ok(()));
    for text in [
        format!("ws://a/{}", "x".repeat(longest)),
        format!("ws://{}/", "x".repeat(longest)),
        format!("ws+unix:/{}", "x".repeat(longest)),
    ] {
        assert_eq!(text.parse::<Url>(), Err(InvalidUrl::TooLong));
    }
    assert!(InvalidUrl::TooLong.to_string().contains("too long"));
}

/// RFC 6874 §2 and §4.
#[test]
fn a_zone_is_a_matter_of_this_machine() {
    for (text, zone, host, authority) in [
        ("ws://[fe80::1%25eth0]/", "eth0", "fe80::1", "[fe80::1]"),
        ("wss://user@[FE80::1%251]:8443/x?y", "1", "fe80::1", "[fe80::1]:8443"),
        ("ws://[fe80::1%25%C3%A9%25%3a]/", "\u{e9}%:", "fe80::1", "[fe80::1]"),
    ] {
        let url = parse(text);
        assert_eq!((url.zone(), url.host()), (Some(zone), host), "{text}");
        assert_eq!(url.authority(), authority, "{text}");
        assert_eq!(parse(&url.to_string()), url.clone().without_user_info(), "{url}");
        assert_eq!(url.join("/z").unwrap().zone(), Some(zone));
        // The server does not know it.
        let named = format!("http{}://{authority}/z", if url.is_secure() { "s" } else { "" });
        let joined = url.join(&named).unwrap();
        assert!(joined.is_same_origin(&url) && joined.zone() == Some(zone), "{joined}");
    }
    let url = parse("ws://[fe80::1%25eth0]/");
    assert_eq!(url.to_string(), "ws://[fe80::1%25eth0]/");
    assert!(!url.is_same_origin(&parse("ws://[fe80::1%25eth1]/")));
    assert!(!url.is_same_origin(&parse("ws://[fe80::1]/")));
    assert_eq!(url.join("ws://[fe80::2]/").unwrap().zone(), None);
    assert_eq!(parse("ws://[fe80::1]/").zone(), None);
    for text in [
        "ws://[fe80::1%eth0]/",
        "ws://[fe80::1%25]/",
        "ws://[fe80::1%25a%]/",
        "ws://[fe80::1%25a%00]/",
    ] {
        assert_eq!(text.parse::<Url>(), Err(InvalidUrl::Zone), "{text:?}");
    }
}

#[cfg(not(feature = "idna"))]
#[test]
fn a_host_name_outside_of_ascii_needs_a_feature() {
    assert_eq!("ws://b\u{fc}cher.example/".parse::<Url>(), Err(InvalidUrl::HostName));
    assert!(InvalidUrl::HostName.to_string().contains("feature idna"));
}

/// RFC: 11.1-1
#[test]
#[cfg(feature = "idna")]
fn a_host_name_outside_of_ascii_is_converted() {
    let url = parse("ws://user@B\u{dc}cher.example:81/");
    assert_eq!((url.host(), url.port()), ("xn--bcher-kva.example", 81));
    assert_eq!(parse("wss://\u{4f8b}\u{3002}jp").host(), "xn--fsq.jp");
    for host in ["\u{fc}%41", "\u{ff05}", "xn--\u{fc}", "\u{fc} a", "\u{ff0f}\u{ff20}"] {
        let parsed = format!("ws://{host}/").parse::<Url>();
        assert_eq!(parsed, Err(InvalidUrl::HostName), "{host:?}");
    }
}

/// What RFC 3986 §5.4 gives as examples, with the differences that WebSocket URIs make.
#[test]
fn a_reference_is_resolved_against_its_base() {
    let base = parse("ws://user@a/b/c/d;p?q");
    for (reference, expected) in [
        ("g", "ws://a/b/c/g"),
        ("./g", "ws://a/b/c/g"),
        ("g/", "ws://a/b/c/g/"),
        ("/g", "ws://a/g"),
        ("//g", "ws://g/"),
        ("?y", "ws://a/b/c/d;p?y"),
        ("g?y", "ws://a/b/c/g?y"),
        ("#s", "ws://a/b/c/d;p?q"),
        ("g#s", "ws://a/b/c/g"),
        (";x", "ws://a/b/c/;x"),
        ("", "ws://a/b/c/d;p?q"),
        (".", "ws://a/b/c/"),
        ("./", "ws://a/b/c/"),
        ("..", "ws://a/b/"),
        ("../g", "ws://a/b/g"),
        ("../..", "ws://a/"),
        ("../../../g", "ws://a/g"),
        ("/./g", "ws://a/g"),
        ("/../g", "ws://a/g"),
        ("g.", "ws://a/b/c/g."),
        ("..g", "ws://a/b/c/..g"),
        ("./g/.", "ws://a/b/c/g/"),
        ("g/../h", "ws://a/b/c/h"),
        ("g?y/../x", "ws://a/b/c/g?y/../x"),
        ("http://g/h", "ws://g/h"),
        ("https://g:80", "wss://g:80/"),
        ("/http://g/h", "ws://a/http://g/h"),
        ("1:2", "ws://a/b/c/1:2"),
        ("ws+unix:/run/a.sock:/x", "ws+unix:/run/a.sock:/x"),
    ] {
        let joined = base.join(reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
        assert_eq!(joined.to_string(), expected, "{reference}");
        let stays = joined.is_same_origin(&base);
        assert_eq!(joined.user_info().is_some(), stays, "{reference}");
    }
    for (reference, error) in [
        ("ftp://a/", InvalidUrl::Scheme),
        ("javascript:alert(1)", InvalidUrl::Syntax),
        ("http:g", InvalidUrl::Syntax),
        ("//", InvalidUrl::Host),
        ("/\r\nx", InvalidUrl::ControlCharacter),
        ("//a\\b", InvalidUrl::Syntax),
    ] {
        assert_eq!(base.join(reference), Err(error), "{reference}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port_or_a_socket() {
    let same = |a: &str, b: &str| parse(a).is_same_origin(&parse(b));
    assert!(same("ws://a/x", "http://user@A:80/y"));
    assert!(same("ws+unix:/a:/x", "ws+unix:/a:/y"));
    for (a, b) in [
        ("ws://a", "wss://a"),
        ("ws://a:443", "wss://a"),
        ("ws://a", "ws://a:81"),
        ("ws://a", "ws://b.a"),
        ("ws+unix:/a", "ws+unix:/b"),
        ("ws+unix:/a", "ws://localhost"),
    ] {
        assert!(!same(a, b) && !same(b, a), "{a} {b}");
    }
}

proptest! {
    /// RFC: 4.1-3, 4.1-15
    #[test]
    fn whatever_is_parsed_makes_a_request_and_is_displayed_as_itself(
        text in "((wss?|http)://|ws\\+unix:)?(\\[::1(%25[a-z%20]{1,4})?\\])?[a-z\\[\\]:@.0-9 %/]{0,12}(/\\PC{0,20})?",
    ) {
        if let Ok(url) = text.parse::<Url>() {
            let shown = url.to_string().parse::<Url>();
            prop_assert_eq!(shown, Ok(url.clone().without_user_info()));
            let offer = bowsprit_proto::handshake::Offer::default();
            let made = bowsprit_proto::handshake::ClientHandshake::new(&url, &offer, [0; 16]);
            let (_, request) = made.unwrap();
            prop_assert_eq!(request.uri().to_string(), url.resource_name());
            prop_assert!(url.resource_name().starts_with('/'));
        }
    }
}
