//! The server's side of the opening handshake, RFC 6455 §4.2.

use bowsprit_proto::handshake::{
    Accepted, HandshakeError, Policy, Rejection, Version, asks_for_websocket, respond,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

/// Header fields to replace, each by any number of lines.
pub(crate) type Lines<'l> = &'l [(&'l str, &'l [&'l str])];

pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The request of §1.2, with some header fields replaced.
pub(crate) fn request(lines: Lines<'_>) -> Request<()> {
    let mut request = Request::get("/chat")
        .header("Host", "server.example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", KEY)
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap();
    replace(request.headers_mut(), lines);
    request
}

pub(crate) fn replace(headers: &mut HeaderMap, lines: Lines<'_>) {
    for (name, values) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.remove(&name);
        for value in *values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(name.clone(), value);
        }
    }
}

pub(crate) fn accept(request: &Request<()>, policy: &Policy) -> Accepted {
    respond(request, policy).unwrap_or_else(|rejection| panic!("{}", rejection.error))
}

/// Refuses, and asserts what every refusal has.
#[track_caller]
pub(crate) fn refuse(request: &Request<()>, policy: &Policy, error: &HandshakeError) -> Rejection {
    let rejection = *respond(request, policy).expect_err("this request must be refused");
    assert_eq!(&rejection.error, error, "{request:?}");
    let response = &rejection.response;
    assert_eq!(response.status(), error.status());
    assert!(response.status().is_client_error());
    assert_eq!(response.body(), &format!("{error}\n"));
    assert!(text(response, &header::CONNECTION).ends_with("close"), "{response:?}");
    assert!(!response.headers().contains_key(header::SEC_WEBSOCKET_ACCEPT));
    rejection
}

fn text<'r, B>(response: &'r Response<B>, name: &HeaderName) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// RFC: 4.2.1-6
#[test]
fn the_key_of_the_rfcs_own_example_is_accepted() {
    // §4.1 (7) prints it and clients copy it, although its last digit has a bit set that is
    // not part of the 16 bytes.
    let lines: Lines<'_> = &[("Sec-WebSocket-Key", &["AQIDBAUGBwgJCgsMDQ4PEC=="])];
    let accepted = accept(&request(lines), &Policy::default());
    assert_eq!(text(&accepted.response, &header::SEC_WEBSOCKET_ACCEPT).len(), 28);
}

#[track_caller]
fn assert_refused(lines: Lines<'_>, error: &HandshakeError, status: u16) -> Rejection {
    let rejection = refuse(&request(lines), &Policy::default(), error);
    assert_eq!(rejection.response.status(), status);
    rejection
}

const fn missing(name: HeaderName) -> HandshakeError {
    HandshakeError::Missing(name)
}

const fn repeated(name: HeaderName) -> HandshakeError {
    HandshakeError::Repeated(name)
}

const fn malformed(name: HeaderName) -> HandshakeError {
    HandshakeError::Malformed(name)
}

/// RFC: 4.2.2-8, 4.2.1-9
#[test]
fn the_example_of_section_1_2_is_accepted() {
    let lines: Lines<'_> = &[
        ("Sec-WebSocket-Protocol", &["chat, superchat"]),
        ("X-Unknown", &["whatever"]),
        ("Origin", &["http://server.example.com"]),
    ];
    let accepted = accept(&request(lines), &Policy::default());
    let response = &accepted.response;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(text(response, &header::UPGRADE), "websocket");
    assert_eq!(text(response, &header::CONNECTION), "Upgrade");
    assert_eq!(text(response, &header::SEC_WEBSOCKET_ACCEPT), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers().len(), 3, "{response:?}");
    assert_eq!(accepted.negotiated.version, Version::V13);
    assert_eq!(accepted.negotiated.subprotocol, None);
}

/// RFC: 4.2.1-1, 4.2.1-2
#[test]
fn only_get_is_accepted() {
    for method in [Method::POST, Method::HEAD, Method::PUT, Method::CONNECT, Method::OPTIONS] {
        let mut request = request(&[]);
        *request.method_mut() = method;
        let rejection = refuse(&request, &Policy::default(), &HandshakeError::Method);
        assert_eq!(rejection.response.status(), 405);
        assert_eq!(text(&rejection.response, &header::ALLOW), "GET");
    }
}

/// RFC: 4.2.1-2
#[test]
fn http_older_than_1_1_is_refused() {
    for version in [http::Version::HTTP_09, http::Version::HTTP_10] {
        let mut request = request(&[]);
        *request.version_mut() = version;
        let rejection = refuse(&request, &Policy::default(), &HandshakeError::HttpVersion);
        assert_eq!(rejection.response.status(), 400);
    }
}

/// RFC: 4.2.1-1, 4.2.1-2
#[test]
fn the_target_is_a_resource_name_or_an_absolute_http_uri() {
    for target in ["/", "/a?b", "//x", "http://example.com/", "https://example.com/chat?x"] {
        let mut request = request(&[]);
        *request.uri_mut() = target.parse().unwrap();
        accept(&request, &Policy::default());
    }
    let with_user =
        ["http://user@example.com/", "https://a:b@example.com/", "http://@example.com/"];
    for target in ["*", "example.com:80", "ftp://example.com/"].into_iter().chain(with_user) {
        let mut request = request(&[]);
        *request.uri_mut() = target.parse().unwrap();
        let rejection = refuse(&request, &Policy::default(), &HandshakeError::RequestTarget);
        assert_eq!(rejection.response.status(), 400);
    }
}

/// RFC: 4.2.1-1, 4.2.1-3
#[test]
fn there_is_one_host() {
    assert_refused(&[("Host", &[])], &missing(header::HOST), 400);
    assert_refused(&[("Host", &["a", "a"])], &repeated(header::HOST), 400);
    for wrong in ["a b", "user@host", "a/b", "a, b", "a:x", "::1", "[a]", "größe"] {
        assert_refused(&[("Host", &[wrong])], &malformed(header::HOST), 400);
    }
    for host in ["", "a", "a:80", "127.0.0.1:8080", "[::1]:80", "under_score", "a:"] {
        accept(&request(&[("Host", &[host])]), &Policy::default());
    }
}

/// RFC: 4.2.1-1
#[test]
fn a_request_with_a_body_is_refused() {
    for body in ["1", "00", "+0", "-1", "", "0, 0", "x"] {
        assert_refused(&[("Content-Length", &[body])], &HandshakeError::Body, 400);
    }
    for coding in ["chunked", "identity", ""] {
        assert_refused(&[("Transfer-Encoding", &[coding])], &HandshakeError::Body, 400);
    }
    let twice: Lines<'_> = &[("Content-Length", &["0", "0"])];
    assert_refused(twice, &repeated(header::CONTENT_LENGTH), 400);
    accept(&request(&[("Content-Length", &["0"])]), &Policy::default());
}

/// RFC: 4.2.1-4
#[test]
fn the_upgrade_header_has_to_name_websocket() {
    for upgrade in ["websocket", "WebSocket", "WEBSOCKET", "h2c, websocket", ",websocket ,"] {
        accept(&request(&[("Upgrade", &[upgrade])]), &Policy::default());
    }
    accept(&request(&[("Upgrade", &["h2c", "websocket"])]), &Policy::default());
    let rejection = assert_refused(&[("Upgrade", &[])], &HandshakeError::NoUpgrade, 426);
    assert_names_the_protocol(&rejection.response);
    for upgrade in ["", "websockets", "web socket", "websocket/13", "h2c", "größe", "\"websocket\""]
    {
        assert_refused(&[("Upgrade", &[upgrade])], &malformed(header::UPGRADE), 400);
    }
}

#[test]
fn a_policy_may_reject_requests_for_one_of_several_protocols() {
    let mut policy = Policy::default();
    policy.sole_upgrade = true;
    accept(&request(&[("Upgrade", &["WebSocket"])]), &policy);
    for upgrades in [&["h2c, websocket"][..], &[",websocket"], &["h2c", "websocket"]] {
        refuse(&request(&[("Upgrade", upgrades)]), &policy, &malformed(header::UPGRADE));
    }
}

#[test]
fn a_get_that_names_websocket_in_upgrade_asks_for_one() {
    for upgrade in ["websocket", "WebSocket", "h2c, websocket", ",websocket ,"] {
        assert!(asks_for_websocket(&request(&[("Upgrade", &[upgrade])])), "{upgrade}");
    }
    assert!(asks_for_websocket(&request(&[("Upgrade", &["h2c", "websocket"])])));
    assert!(asks_for_websocket(&request(&[("Host", &[]), ("Connection", &[])])), "if wrongly");
    for upgrade in ["h2c", "websockets", "", "TLS/1.0", "websocket/13", "größe"] {
        assert!(!asks_for_websocket(&request(&[("Upgrade", &[upgrade])])), "{upgrade}");
    }
    assert!(!asks_for_websocket(&request(&[("Upgrade", &[])])));
    for method in [Method::POST, Method::HEAD, Method::CONNECT] {
        let mut request = request(&[]);
        *request.method_mut() = method;
        assert!(!asks_for_websocket(&request), "{request:?}");
    }
}

/// RFC 9110 §15.5.22 and §7.8: a 426 names the protocol, and its `Connection` says so.
#[track_caller]
fn assert_names_the_protocol<B>(response: &Response<B>) {
    assert_eq!(text(response, &header::UPGRADE), "websocket");
    assert_eq!(text(response, &header::CONNECTION), "Upgrade, close");
    assert!(text(response, &header::SEC_WEBSOCKET_VERSION).starts_with("13"));
}

/// RFC: 4.2.1-5
#[test]
fn the_connection_header_has_to_have_the_token_upgrade() {
    for connection in ["Upgrade", "upgrade", "keep-alive, Upgrade", " UPGRADE ,close"] {
        accept(&request(&[("Connection", &[connection])]), &Policy::default());
    }
    accept(&request(&[("Connection", &["keep-alive", "upgrade"])]), &Policy::default());
    assert_refused(&[("Connection", &[])], &missing(header::CONNECTION), 400);
    for connection in ["", "close", "upgrades", "keep-alive", "up grade", "größe"] {
        assert_refused(&[("Connection", &[connection])], &malformed(header::CONNECTION), 400);
    }
}

/// RFC: 4.2.1-7, 4.2.2-4, 4.4-1, 11.3.5-1, V8-1, V8-6
#[test]
fn another_version_is_refused_with_the_list_of_those_spoken() {
    let name = header::SEC_WEBSOCKET_VERSION;
    let mut with_8 = Policy::default();
    with_8.accept_version_8 = true;
    let assert_lists = |lines: Lines<'_>, error: &HandshakeError, status: u16| {
        for (policy, versions) in [(&Policy::default(), "13"), (&with_8, "13, 8")] {
            let rejection = refuse(&request(lines), policy, error);
            assert_eq!(rejection.response.status(), status);
            assert_eq!(text(&rejection.response, &name), versions);
            if status == 426 {
                assert_names_the_protocol(&rejection.response);
            }
        }
    };
    for wrong in ["7", "9", "12", "14", "0", "013", "+13", "08", "13.0", "13, 8", "x", "", "269"] {
        let lines: Lines<'_> = &[("Sec-WebSocket-Version", &[wrong])];
        assert_lists(lines, &HandshakeError::Version, 426);
    }
    assert_lists(&[("Sec-WebSocket-Version", &[])], &missing(name.clone()), 400);
    let twice: Lines<'_> = &[("Sec-WebSocket-Version", &["13", "13"])];
    assert_lists(twice, &repeated(name.clone()), 400);
    assert_lists(&[("Sec-WebSocket-Version", &["größe"])], &malformed(name.clone()), 400);
    let without_key: Lines<'_> = &[("Sec-WebSocket-Version", &["7"]), ("Sec-WebSocket-Key", &[])];
    assert_refused(without_key, &missing(header::SEC_WEBSOCKET_KEY), 400);
    let version_8: Lines<'_> = &[("Sec-WebSocket-Version", &["8"])];
    assert_refused(version_8, &HandshakeError::Version, 426);
    assert_eq!(accept(&request(version_8), &with_8).negotiated.version, Version::V8);
    assert_eq!(accept(&request(&[]), &with_8).negotiated.version, Version::V13);
}

/// RFC: 4.2.1-6, 11.3.1-1
#[test]
fn the_key_is_16_bytes_in_base64_once() {
    let name = header::SEC_WEBSOCKET_KEY;
    assert_refused(&[("Sec-WebSocket-Key", &[])], &missing(name.clone()), 400);
    assert_refused(&[("Sec-WebSocket-Key", &[KEY, KEY])], &repeated(name.clone()), 400);
    for wrong in [
        "",
        "x",
        "dGhlIHNhbXBsZSBub25jZQ",      // no padding
        "dGhlIHNhbXBsZSBub25j",        // 15 bytes
        "dGhlIHNhbXBsZSBub25jZWE=",    // 17 bytes
        "dGhlIHNhbXBsZSBub25jZWFi",    // 18 bytes
        "dGhlIHNhbXBsZSBub25jZQ=====", // padding
        "dGhlIHNhbXBsZSBub25-ZQ==",    // another alphabet
        "dGhlIHNhbXBs ZSBub25jZQ==",   // white space
        "dGhlIHNhbXBsZSBub25jZQ==, x",
        "dGhlIHNhbXBsZSBub25jZé==",
    ] {
        assert_refused(&[("Sec-WebSocket-Key", &[wrong])], &malformed(name.clone()), 400);
    }
    let padded: Lines<'_> = &[("Sec-WebSocket-Key", &[" dGhlIHNhbXBsZSBub25jZQ==\t"])];
    let accepted = accept(&request(padded), &Policy::default());
    let accept = text(&accepted.response, &header::SEC_WEBSOCKET_ACCEPT);
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "white space around is no part of it");
}

/// RFC: V8-3
#[test]
fn version_8_gets_by_with_nothing_that_13_does_not() {
    let mut policy = Policy::default();
    policy.accept_version_8 = true;
    let cases: [(&str, &[&str], HandshakeError); 6] = [
        ("Host", &[], missing(header::HOST)),
        ("Upgrade", &[], HandshakeError::NoUpgrade),
        ("Connection", &["close"], malformed(header::CONNECTION)),
        ("Sec-WebSocket-Key", &["short"], malformed(header::SEC_WEBSOCKET_KEY)),
        ("Sec-WebSocket-Key", &[KEY, KEY], repeated(header::SEC_WEBSOCKET_KEY)),
        ("Content-Length", &["5"], HandshakeError::Body),
    ];
    for (name, values, error) in cases {
        let lines: Lines<'_> = &[("Sec-WebSocket-Version", &["8"]), (name, values)];
        refuse(&request(lines), &policy, &error);
    }
}
