//! Where the lists of extensions and subprotocols stop to match, RFC 6455 §4.1 (10), §9.1.
//!
//! The positions of strict reading are those of npm `ws` 8.23, whose parsers gave the same answers
//! to 200,000 random values.

use bowsprit_proto::{
    extension::{self, Extension, InvalidExtensions},
    subprotocol::{self, InvalidSubprotocols},
};

/// Values with the first byte that does not fit: for a strict reader, and for a lenient one if that
/// takes offence at all.
const BAD_EXTENSIONS: [(&str, usize, Option<usize>); 32] = [
    ("", 0, Some(0)),
    (",", 0, Some(1)),
    (" foo", 0, None),
    ("foo ", 4, None),
    ("foo\t", 4, None),
    ("foo,", 4, None),
    ("foo,,bar", 4, None),
    ("foo, ,bar", 5, None),
    (";", 0, Some(0)),
    ("foo;", 4, Some(4)),
    ("foo; ", 5, Some(5)),
    ("foo;;a", 4, Some(4)),
    ("foo; ,", 5, Some(5)),
    ("foo bar", 4, Some(4)),
    ("foo; a b", 7, Some(7)),
    ("foo=1", 3, Some(3)),
    ("foo; a=", 7, Some(7)),
    ("foo; a=;", 7, Some(7)),
    ("foo; =1", 5, Some(5)),
    ("foo; a =1", 7, None),
    ("foo; a= 1", 7, None),
    ("foo; a=1=2", 8, Some(8)),
    ("foo; a=\"", 8, Some(8)),
    ("foo; a=\"1", 9, Some(9)),
    ("foo; a=\"1\\", 10, Some(10)),
    ("foo; a=\"1\\\"", 10, Some(10)),
    ("foo; a=\"\"", 8, Some(8)),
    ("foo; a=\"1 2\"", 9, Some(9)),
    ("foo; a=\"1\"2", 10, Some(10)),
    ("foo; a=1\"", 8, Some(8)),
    ("foo/1", 3, Some(3)),
    ("größe", 2, Some(2)),
];

/// RFC: 9.1-1, 9.1-3
#[test]
fn an_extension_list_fails_where_it_stops_to_match() {
    for (value, strict, lenient) in BAD_EXTENSIONS {
        let seen = extension::parse_strict(value).map_err(|error| error.position);
        assert_eq!(seen, Err(strict), "{value:?}");
        let seen = extension::parse(value).map_err(|error| error.position);
        assert_eq!(seen.err(), lenient, "{value:?}");
    }
}

/// RFC: 9.1-1
#[test]
fn a_strict_reader_of_extensions_takes_what_a_sender_may_write() {
    for value in [
        "foo",
        "foo,bar",
        "foo , bar",
        "foo;a;b=1;c=\"2\"",
        "foo ; a ;\tb=\"\\x\\y\" , foo; a",
        "foo; a; a",
    ] {
        assert_eq!(extension::parse_strict(value), extension::parse(value), "{value}");
        assert!(extension::parse(value).is_ok(), "{value}");
    }
}

#[test]
fn an_error_says_where_the_extensions_are_wrong() {
    let error: InvalidExtensions = extension::parse("foo; =1").unwrap_err();
    assert_eq!(error.to_string(), "Sec-WebSocket-Extensions does not match its grammar at byte 5");
}

/// RFC: 9.1-1
#[test]
fn a_list_of_extensions_that_is_written_is_read_back() {
    let list = [
        Extension::new("foo"),
        Extension::new("bar").with_flag("a").with_parameter("b", "1").with_flag("a"),
        Extension::new("foo").with_parameter("c", String::from("x-y")),
    ];
    let value = extension::format(&list).unwrap();
    assert_eq!(value, "foo, bar; a; b=1; a, foo; c=x-y");
    assert_eq!(extension::parse_strict(&value).unwrap(), list);
    assert_eq!(extension::format(&[]).as_deref(), Some(""));
}

/// RFC: 9.1-1
#[test]
fn nothing_but_tokens_is_written() {
    for bad in ["", "a b", "a,b", "a\r\nb", "a;b", "a=b", "\"a\"", "größe"] {
        for extension in [
            Extension::new(bad),
            Extension::new("foo").with_flag(bad),
            Extension::new("foo").with_parameter(bad, "1"),
            Extension::new("foo").with_parameter("a", bad),
        ] {
            assert_eq!(extension::format(&[Extension::new("foo"), extension]), None, "{bad:?}");
        }
    }
}

/// RFC: 4.2.1-1
#[test]
fn a_subprotocol_list_fails_where_it_stops_to_match() {
    let bad = [
        ("", 0, None),
        (",", 0, None),
        (" a", 0, None),
        ("a ", 2, None),
        ("a,", 2, None),
        ("a,,b", 2, None),
        ("a, ,b", 3, None),
        ("a b", 2, Some(2)),
        ("a, b=c", 4, Some(4)),
        ("a;b", 1, Some(1)),
        ("\"a\"", 0, Some(0)),
        ("größe", 2, Some(2)),
    ];
    for (value, strict, lenient) in bad {
        let error = Err(InvalidSubprotocols::Position(strict));
        assert_eq!(subprotocol::parse_strict(value), error, "{value:?}");
        let error = lenient.map(InvalidSubprotocols::Position);
        assert_eq!(subprotocol::parse(value).err(), error, "{value:?}");
    }
}

#[test]
fn subprotocols_keep_their_order_and_stand_there_once() {
    for parse in [subprotocol::parse, subprotocol::parse_strict] {
        assert_eq!(parse("b, a ,C,c"), Ok(vec!["b", "a", "C", "c"]));
        assert_eq!(parse("a, b, a, b"), Err(InvalidSubprotocols::Duplicate(6..7)));
        assert_eq!(parse("a,a b"), Err(InvalidSubprotocols::Position(4)), "what comes first");
    }
    assert_eq!(subprotocol::parse(", ,"), Ok(Vec::new()));
}

#[test]
fn an_error_about_subprotocols_does_not_name_them() {
    let error = subprotocol::parse("secret, secret").unwrap_err();
    assert_eq!(error.to_string(), "Sec-WebSocket-Protocol repeats a subprotocol at byte 8");
    let error = subprotocol::parse("a secret").unwrap_err();
    assert_eq!(error.to_string(), "Sec-WebSocket-Protocol does not match its grammar at byte 2");
}
