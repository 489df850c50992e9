//! Subprotocols and extensions in a request, RFC 6455 §4.2.2, §9.1 and §11.3.

use std::time::{Duration, Instant};

use bowsprit_proto::{
    deflate::Deflate,
    extension,
    handshake::{HandshakeError, Policy, SubprotocolPolicy},
    subprotocol,
};
use http::header;

use super::opening_server::{Lines, accept, refuse, request};

fn with(subprotocols: SubprotocolPolicy) -> Policy {
    let mut policy = Policy::default();
    policy.subprotocols = subprotocols;
    policy
}

fn supported(names: &[&str]) -> Policy {
    with(SubprotocolPolicy::Supported(names.iter().map(ToString::to_string).collect()))
}

/// RFC: 4.2.2-6, 4.2.1-9, 11.3.4-1
#[test]
fn the_first_subprotocol_of_the_client_that_the_server_supports_is_chosen() {
    let cases: [(&[&str], Policy, Option<&str>); 13] = [
        (&["a, b"], Policy::default(), None),
        (&["a, b"], supported(&["b", "a"]), Some("a")),
        (&["x, b"], supported(&["b", "a"]), Some("b")),
        (&["x", "b,a"], supported(&["a"]), Some("a")),
        (&["A"], supported(&["a"]), None),
        (&["x,,y,"], supported(&["z"]), None),
        (&[], supported(&["a"]), None),
        (&["b, a"], with(SubprotocolPolicy::First), Some("b")),
        (&[], with(SubprotocolPolicy::First), None),
        // What has no element asks for none: React Native on iOS sends the field empty.
        (&[""], with(SubprotocolPolicy::First), None),
        (&[",,"], with(SubprotocolPolicy::First), None),
        (&["", " ,"], supported(&["a"]), None),
        (&["", "a"], supported(&["a"]), Some("a")),
    ];
    for (lines, policy, chosen) in cases {
        let request = request(&[("Sec-WebSocket-Protocol", lines)]);
        let accepted = accept(&request, &policy);
        assert_eq!(accepted.negotiated.subprotocol.as_deref(), chosen, "{lines:?} {policy:?}");
        let answered = accepted.response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        assert_eq!(answered.map(|value| value.to_str().unwrap()), chosen);
    }
}

/// RFC: 4.2.1-1
#[test]
fn subprotocols_that_are_no_tokens_or_not_unique_are_refused() {
    let wrong: [&[&str]; 8] = [
        &["a b"],
        &["a, b=c"],
        &["a;b"],
        &["\"a\""],
        &["a/1"],
        &["größe"],
        &["a, a"],
        &["a", "b, a"],
    ];
    let error = HandshakeError::Malformed(header::SEC_WEBSOCKET_PROTOCOL);
    for lines in wrong {
        let rejection =
            refuse(&request(&[("Sec-WebSocket-Protocol", lines)]), &supported(&["a"]), &error);
        assert_eq!(rejection.response.status(), 400);
    }
}

#[test]
fn tokens_are_visible_ascii_without_separators() {
    for byte in 0..=0x7F_u8 {
        let name = char::from(byte).to_string();
        let separator = b"()<>@,;:\\\"/[]?={} \t".contains(&byte);
        let expected = (0x21..=0x7E).contains(&byte) && !separator;
        assert_eq!(subprotocol::is_token(&name), expected, "{byte:#04x}");
    }
    assert!(!subprotocol::is_token("") && !subprotocol::is_token("é"));
}

/// A header value, and what it means: names with their parameters.
type Parsed<'p> = &'p [(&'p str, &'p [(&'p str, Option<&'p str>)])];

/// RFC: 4.3-1, 9.1-1, 9.1-3
#[test]
fn extensions_are_read_as_their_grammar_says() {
    let good: [(&str, Parsed<'_>); 8] = [
        ("foo", &[("foo", &[])]),
        (" foo , bar ", &[("foo", &[]), ("bar", &[])]),
        (",, foo,,bar,", &[("foo", &[]), ("bar", &[])]),
        ("foo; a; b=1;c=\"2\"", &[("foo", &[("a", None), ("b", Some("1")), ("c", Some("2"))])]),
        ("foo;a=\"\\x\\y\"", &[("foo", &[("a", Some("xy"))])]),
        ("foo ; a = 1 , bar", &[("foo", &[("a", Some("1"))]), ("bar", &[])]),
        ("foo; a; a", &[("foo", &[("a", None), ("a", None)])]),
        ("foo, foo; x", &[("foo", &[]), ("foo", &[("x", None)])]),
    ];
    for (value, expected) in good {
        let parsed = extension::parse(value).unwrap();
        assert!(parsed.iter().map(|extension| extension.name).eq(names(expected)), "{value}");
        for (extension, (_, parameters)) in parsed.iter().zip(expected) {
            let seen = extension.parameters.iter().map(|p| (p.name, p.value.as_deref()));
            assert!(seen.eq(parameters.iter().copied()), "{value}");
        }
    }
}

fn names<'p>(parsed: Parsed<'p>) -> impl Iterator<Item = &'p str> {
    parsed.iter().map(|(name, _)| *name)
}

const BAD_EXTENSIONS: [&str; 22] = [
    "",
    ",",
    " , ,",
    ";",
    "foo;",
    "foo;;a",
    "foo; a=",
    "foo; =1",
    "foo; a=\"",
    "foo; a=\"1",
    "foo; a=\"1\\",
    "foo; a=\"1\\\"",
    "foo; a=\"\"",
    "foo; a=\"1 2\"",
    "foo; a=\"1,2\"",
    "foo; a=\"1\"2",
    "foo; a=1=2",
    "foo bar",
    "foo=1",
    "\"foo\"",
    "foo/1",
    "größe",
];

/// RFC: 4.2.1-1, 4.3-1, 9.1-1
#[test]
fn extensions_that_do_not_match_the_grammar_are_refused() {
    let mut with_deflate = Policy::default();
    with_deflate.deflate = Some(Deflate::server());
    let error = HandshakeError::Malformed(header::SEC_WEBSOCKET_EXTENSIONS);
    for value in BAD_EXTENSIONS {
        assert!(extension::parse(value).is_err(), "{value:?}");
        let alone: Lines<'_> = &[("Sec-WebSocket-Extensions", &[value])];
        let rejection = refuse(&request(alone), &with_deflate, &error);
        assert_eq!(rejection.response.status(), 400);
        if !value.trim_matches([' ', ',']).is_empty() {
            let second: Lines<'_> = &[("Sec-WebSocket-Extensions", &["good; a", value])];
            refuse(&request(second), &with_deflate, &error);
        }
    }
}

#[test]
fn a_server_without_extensions_does_not_read_what_is_offered() {
    for value in BAD_EXTENSIONS {
        let lines: Lines<'_> = &[("Sec-WebSocket-Extensions", &[value])];
        let accepted = accept(&request(lines), &Policy::default());
        let headers = accepted.response.headers();
        assert!(!headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS), "{value}");
    }
}

/// RFC: 4.2.2-7, 9-1, 9.1-2, 9.1-4, 5.8-1, 11.3.2-1
#[test]
fn extensions_may_be_offered_in_several_lines_and_none_is_agreed_to() {
    let offers: [&[&str]; 3] = [
        &["permessage-deflate; client_max_window_bits"],
        &["foo", "permessage-deflate", "foo; bar=\"1\", ,baz"],
        &["foo", ""],
    ];
    for lines in offers {
        let accepted = accept(&request(&[("Sec-WebSocket-Extensions", lines)]), &Policy::default());
        let headers = accepted.response.headers();
        assert!(!headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS));
    }
}

#[test]
fn a_hostile_header_takes_linear_time() {
    let patterns =
        ["foo;", "\\\"", ",", " ", "a=\"\\", "foo; a=\"\\a\\b\", ", "x,", ";", "\"\"", "\t,"];
    for pattern in patterns {
        let value = pattern.repeat((64 << 10) / pattern.len());
        for value in [value.clone(), format!("foo; a=\"{value}")] {
            let started = Instant::now();
            let _good_or_bad = extension::parse(&value);
            let lines: Lines<'_> = &[("Sec-WebSocket-Protocol", &[&value])];
            let _accepted_or_not =
                bowsprit_proto::handshake::respond(&request(lines), &supported(&["x"]));
            // Quadratic time would be billions of steps, minutes in a debug build.
            assert!(started.elapsed() < Duration::from_secs(2), "{pattern:?}");
        }
    }
}
