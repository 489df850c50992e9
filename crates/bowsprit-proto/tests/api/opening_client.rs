//! The client's side of the opening handshake, RFC 6455 §4.1.

use bowsprit_proto::{
    Url,
    deflate::{Deflate, NegotiationError},
    handshake::{
        ClientHandshake, HandshakeError, Negotiated, Offer, Policy, Version, accept_for, respond,
    },
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use super::opening_server::{KEY, Lines, replace};

/// The nonce of §1.3.
const NONCE: [u8; 16] = *b"the sample nonce";

fn begin(url: &str, offer: &Offer) -> Result<(ClientHandshake, Request<()>), HandshakeError> {
    ClientHandshake::new(&url.parse().unwrap(), offer, NONCE)
}

fn offering(subprotocols: &[&str]) -> Offer {
    let mut offer = Offer::default();
    offer.subprotocols = subprotocols.iter().map(ToString::to_string).collect();
    offer
}

fn with_headers(lines: Lines<'_>) -> Offer {
    let mut offer = Offer::default();
    replace(&mut offer.headers, lines);
    offer
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// The response of §1.2, with some header fields replaced.
fn response(lines: Lines<'_>) -> Response<()> {
    let mut response = Response::builder()
        .status(101)
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(())
        .unwrap();
    replace(response.headers_mut(), lines);
    response
}

fn verify(offer: &Offer, response: &Response<()>) -> Result<Negotiated, HandshakeError> {
    begin("ws://example.com/", offer).unwrap().0.verify(response)
}

#[track_caller]
fn assert_fails(lines: Lines<'_>, error: HandshakeError) {
    assert_eq!(verify(&offering(&["chat"]), &response(lines)), Err(error));
}

/// RFC: 4.1-14, 4.1-15, 4.1-16, 4.1-17, 4.1-18, 4.1-19, 4.1-21, 9.1-4
#[test]
fn the_request_is_as_section_4_1_says() {
    let (_, request) = begin("ws://Example.com:8080/chat?x=1", &Offer::default()).unwrap();
    assert_eq!(request.method(), Method::GET);
    assert_eq!(request.version(), http::Version::HTTP_11);
    assert_eq!(request.uri(), "/chat?x=1");
    let headers = request.headers();
    assert_eq!(text(headers, "Host"), "example.com:8080");
    assert_eq!(text(headers, "Upgrade"), "websocket");
    assert_eq!(text(headers, "Connection"), "Upgrade");
    assert_eq!(text(headers, "Sec-WebSocket-Key"), "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(text(headers, "Sec-WebSocket-Version"), "13");
    assert_eq!(headers.len(), 5, "no Origin, subprotocols or extensions unless asked: {headers:?}");
}

/// RFC: 4.1-19
#[test]
fn the_key_is_the_nonce_in_base64() {
    for nonce in [[0; 16], [0xFF; 16], NONCE] {
        let url: Url = "ws://example.com".parse().unwrap();
        let (_, request) = ClientHandshake::new(&url, &Offer::default(), nonce).unwrap();
        let accepted = respond(&request, &Policy::default()).expect("our own server takes it");
        assert!(accepted.response.headers().contains_key("Sec-WebSocket-Accept"));
    }
    let url: Url = "ws://example.com".parse().unwrap();
    let (_, request) = ClientHandshake::new(&url, &Offer::default(), [0; 16]).unwrap();
    assert_eq!(text(request.headers(), "Sec-WebSocket-Key"), "AAAAAAAAAAAAAAAAAAAAAA==");
}

/// RFC: 4.1-16
#[test]
fn the_host_has_a_port_only_if_it_is_not_the_default_one() {
    let hosts = [
        ("ws://a.example/", "a.example"),
        ("ws://a.example:80/", "a.example"),
        ("ws://a.example:443/", "a.example:443"),
        ("wss://a.example:443/", "a.example"),
        ("wss://a.example:80/", "a.example:80"),
        ("ws://[::1]/", "[::1]"),
        ("ws://[::1]:8080/", "[::1]:8080"),
    ];
    for (url, host) in hosts {
        let (_, request) = begin(url, &Offer::default()).unwrap();
        assert_eq!(text(request.headers(), "Host"), host, "{url}");
    }
}

/// RFC: 4.1-20, V8-2
#[test]
fn the_origin_is_sent_if_there_is_one_under_the_name_of_the_version() {
    let mut offer = Offer::default();
    offer.origin = Some(HeaderValue::from_static("https://page.example"));
    let (_, request) = begin("ws://example.com", &offer).unwrap();
    assert_eq!(text(request.headers(), "Origin"), "https://page.example");
    offer.version = Version::V8;
    let (handshake, request) = begin("ws://example.com", &offer).unwrap();
    let headers = request.headers();
    assert_eq!(text(headers, "Sec-WebSocket-Origin"), "https://page.example");
    assert_eq!(text(headers, "Sec-WebSocket-Version"), "8");
    assert!(!headers.contains_key("Origin"));
    assert_eq!(handshake.verify(&response(&[])).unwrap().version, Version::V8);
}

/// RFC: 4.1-22
#[test]
fn subprotocols_are_sent_in_order_and_only_if_they_are_unique_tokens() {
    let (_, request) = begin("ws://example.com", &offering(&["b", "a", "A"])).unwrap();
    assert_eq!(text(request.headers(), "Sec-WebSocket-Protocol"), "b, a, A");
    for (wrong, index) in [
        (&["a b"][..], 0),
        (&[""], 0),
        (&["a", "b,c"], 1),
        (&["a", "b", "a"], 2),
        (&["é"], 0),
        (&["a\r\nx: y"], 0),
    ] {
        let refused = begin("ws://example.com", &offering(wrong));
        let expected = HandshakeError::InvalidSubprotocol(index);
        assert_eq!(refused.err(), Some(expected), "{wrong:?}");
    }
}

/// RFC: 4.1-23
#[test]
fn other_headers_may_be_added_but_not_the_handshakes_own() {
    let offer = with_headers(&[("Cookie", &["a=1"]), ("Authorization", &["Basic x"])]);
    let (_, request) = begin("ws://example.com", &offer).unwrap();
    assert_eq!(text(request.headers(), "Cookie"), "a=1");
    assert_eq!(text(request.headers(), "Authorization"), "Basic x");
    let other_host = with_headers(&[("Host", &["virtual.example"])]);
    let (_, request) = begin("ws://example.com", &other_host).unwrap();
    let hosts = request.headers().get_all("Host");
    assert!(hosts.iter().eq(["virtual.example"]), "replaced, not added");
    for name in [
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Sec-WebSocket-Origin",
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
    ] {
        let error = HandshakeError::ReservedHeader(name.parse().unwrap());
        let refused = begin("ws://example.com", &with_headers(&[(name, &["x"])]));
        assert_eq!(refused.map(|_| ()), Err(error));
    }
    let hosts = with_headers(&[("Host", &["a", "b"])]);
    let refused = begin("ws://example.com", &hosts);
    assert_eq!(refused.map(|_| ()), Err(HandshakeError::Repeated("host".parse().unwrap())));
}

/// RFC: 4.1-26, 4.1-27, 4.1-28, 4.1-30, 11.3.5-1
#[test]
fn the_response_of_section_1_2_is_taken() {
    let chat = offering(&["chat", "superchat"]);
    let negotiated = verify(&chat, &response(&[("Sec-WebSocket-Protocol", &["superchat"])]));
    let negotiated = negotiated.unwrap();
    assert_eq!(negotiated.subprotocol.as_deref(), Some("superchat"));
    assert_eq!(negotiated.version, Version::V13);
    let variants: [Lines<'_>; 4] = [
        &[("Upgrade", &["WebSocket"]), ("Connection", &["keep-alive, upgrade"])],
        &[("Connection", &["keep-alive", "UPGRADE"])],
        &[("Sec-WebSocket-Accept", &["  s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\t"])],
        &[("Server", &["x"]), ("Sec-WebSocket-Version", &["13", "8"])],
    ];
    for lines in variants {
        assert_eq!(verify(&Offer::default(), &response(lines)).unwrap().subprotocol, None);
    }
}

/// RFC: 4.1-25, 10.7-2
#[test]
fn any_status_but_101_is_a_refusal() {
    for status in [100, 102, 200, 204, 301, 302, 401, 403, 404, 426, 500, 503] {
        let mut response = response(&[("Sec-WebSocket-Protocol", &["chat"])]);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let error = HandshakeError::Status(response.status());
        assert_eq!(error.status(), response.status());
        assert_eq!(verify(&offering(&["chat"]), &response), Err(error));
    }
}

/// RFC: 4.1-26, 4.1-27, 4.1-31
#[test]
fn a_response_without_an_upgrade_to_websocket_fails() {
    assert_fails(&[("Upgrade", &[])], HandshakeError::Missing(header::UPGRADE));
    let twice: Lines<'_> = &[("Upgrade", &["websocket", "websocket"])];
    assert_fails(twice, HandshakeError::Repeated(header::UPGRADE));
    for wrong in ["", "h2c", "websocket, h2c", "websocket/13", "größe"] {
        assert_fails(&[("Upgrade", &[wrong])], HandshakeError::Malformed(header::UPGRADE));
    }
    assert_fails(&[("Connection", &[])], HandshakeError::Missing(header::CONNECTION));
    for wrong in ["", "close", "upgraded", "keep-alive"] {
        assert_fails(&[("Connection", &[wrong])], HandshakeError::Malformed(header::CONNECTION));
    }
    let mut old = response(&[]);
    *old.version_mut() = http::Version::HTTP_10;
    assert_eq!(verify(&Offer::default(), &old), Err(HandshakeError::HttpVersion));
}

/// RFC: 4.1-28, 11.3.3-1
#[test]
fn a_response_that_does_not_answer_the_key_fails() {
    let name = header::SEC_WEBSOCKET_ACCEPT;
    let right = accept_for("dGhlIHNhbXBsZSBub25jZQ==");
    assert_fails(&[("Sec-WebSocket-Accept", &[])], HandshakeError::Missing(name.clone()));
    let twice: Lines<'_> = &[("Sec-WebSocket-Accept", &[&right, &right])];
    assert_fails(twice, HandshakeError::Repeated(name.clone()));
    let of_another = accept_for("AAAAAAAAAAAAAAAAAAAAAA==");
    let lower = right.to_lowercase();
    for wrong in ["", "dGhlIHNhbXBsZSBub25jZQ==", &of_another, &lower, &right[..27]] {
        assert_fails(&[("Sec-WebSocket-Accept", &[wrong])], HandshakeError::Accept);
    }
    let strange: Lines<'_> = &[("Sec-WebSocket-Accept", &["größe"])];
    assert_fails(strange, HandshakeError::Malformed(name));
}

/// RFC: 4.1-29, 9-1, 9.1-1, 9.1-4, 11.3.2-1
#[test]
fn a_response_with_an_extension_fails_as_none_was_offered() {
    let assert_fails = |value: &str, error| {
        let response = response(&[("Sec-WebSocket-Extensions", &[value])]);
        assert_eq!(verify(&Offer::default(), &response), Err(error), "{value}");
    };
    for value in ["permessage-deflate", "foo; bar"] {
        assert_fails(value, HandshakeError::Extension);
    }
    for value in ["", ";;", "größe"] {
        assert_fails(value, HandshakeError::Malformed(header::SEC_WEBSOCKET_EXTENSIONS));
    }
}

/// RFC: 4.1-29
#[test]
fn a_driver_that_makes_the_request_has_the_response_verified() {
    let deflate = Some(Deflate::client());
    let resumed = || ClientHandshake::resume(KEY, vec!["chat".to_owned()], deflate);
    let lines: Lines<'_> = &[("Sec-WebSocket-Protocol", &["chat"])];
    let negotiated = resumed().verify(&response(lines)).unwrap();
    assert_eq!(negotiated.subprotocol.as_deref(), Some("chat"));
    assert_eq!(resumed().verify(&response(&[])), Err(HandshakeError::NoSubprotocol));

    let malformed = Err(HandshakeError::Malformed(header::SEC_WEBSOCKET_EXTENSIONS));
    let other = Err(HandshakeError::Extension);
    let unknown = NegotiationError::UnknownParameter { offer: 0, name: "x".to_owned() };
    let unknown = Err(HandshakeError::Deflate(unknown));
    for (value, by_default, as_ws) in [
        ("permessage-deflate", Ok(true), Ok(true)),
        ("permessage-deflate,", Ok(true), malformed.clone()),
        ("permessage-deflate, permessage-deflate", other.clone(), Ok(true)),
        ("permessage-deflate, permessage-deflate; x", other.clone(), unknown),
        ("permessage-deflate, other", other.clone(), other),
        ("", malformed.clone(), malformed),
    ] {
        let lines: Lines<'_> =
            &[("Sec-WebSocket-Protocol", &["chat"]), ("Sec-WebSocket-Extensions", &[value])];
        let response = response(lines);
        let compresses = |handshake: ClientHandshake| {
            handshake.verify(&response).map(|negotiated| negotiated.deflate.is_some())
        };
        assert_eq!(compresses(resumed()), by_default, "{value}");
        assert_eq!(compresses(resumed().with_extensions_as_ws()), as_ws, "{value}");
    }
}

/// RFC: 4.1-30, 11.3.4-1
#[test]
fn a_response_with_a_subprotocol_that_was_not_asked_for_fails() {
    for wrong in ["superchat", "Chat", "chat, chat", "", "chat;x"] {
        let error = HandshakeError::Subprotocol(wrong.to_owned());
        assert_fails(&[("Sec-WebSocket-Protocol", &[wrong])], error);
    }
    let unasked = verify(&Offer::default(), &response(&[("Sec-WebSocket-Protocol", &["chat"])]));
    assert_eq!(unasked, Err(HandshakeError::Subprotocol("chat".to_owned())));
    let twice: Lines<'_> = &[("Sec-WebSocket-Protocol", &["chat", "chat"])];
    assert_fails(twice, HandshakeError::Repeated(header::SEC_WEBSOCKET_PROTOCOL));
}

#[test]
fn a_response_without_a_subprotocol_fails_unless_it_was_optional() {
    assert_fails(&[], HandshakeError::NoSubprotocol);
    let mut offer = offering(&["chat"]);
    offer.subprotocol_optional = true;
    assert_eq!(verify(&offer, &response(&[])).unwrap().subprotocol, None);
}

#[test]
fn a_client_and_a_server_of_this_crate_agree() {
    let mut policy = Policy::default();
    policy.accept_version_8 = true;
    policy.subprotocols =
        bowsprit_proto::handshake::SubprotocolPolicy::Supported(vec!["b".to_owned()]);
    for version in [Version::V8, Version::V13] {
        let mut offer = offering(&["a", "b"]);
        offer.version = version;
        offer.origin = Some(HeaderValue::from_static("http://example.com"));
        let (handshake, request) = begin("ws://example.com/x", &offer).unwrap();
        let accepted = respond(&request, &policy).expect("accepted");
        assert_eq!(handshake.verify(&accepted.response), Ok(accepted.negotiated.clone()));
        assert_eq!(accepted.negotiated.subprotocol.as_deref(), Some("b"));
        assert_eq!(accepted.negotiated.version, version);
    }
}

#[test]
fn credentials_in_the_url_become_basic_authorization_unless_a_header_is_given() {
    let asked = |url, offer: &Offer| begin(url, offer).unwrap().1;
    // The example of RFC 7617 §2.
    let request = asked("ws://Aladdin:open%20sesame@example.com/x", &Offer::default());
    let authorization = &request.headers()["authorization"];
    assert_eq!(authorization, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert!(authorization.is_sensitive());
    assert_eq!((text(request.headers(), "host"), request.uri().path()), ("example.com", "/x"));
    let offer = with_headers(&[("Authorization", &["Bearer 1"])]);
    let request = asked("ws://user:secret@example.com/", &offer);
    let all: Vec<_> = request.headers().get_all("authorization").iter().collect();
    assert_eq!(all, ["Bearer 1"]);
    let request = asked("ws://example.com/", &Offer::default());
    assert!(!request.headers().contains_key("authorization"));
}

#[test]
fn credentials_that_a_header_cannot_carry_are_refused() {
    use bowsprit_proto::handshake::{basic_authorization, bearer_authorization};
    assert_eq!(basic_authorization("us\u{e9}r", "p:w").unwrap(), "Basic dXPDqXI6cDp3");
    for (user, password) in [("a:b", ""), ("a\r\nx", ""), ("a", "\0"), ("a", "\u{7f}")] {
        assert_eq!(basic_authorization(user, password), None, "{user:?} {password:?}");
    }
    assert_eq!(bearer_authorization("mF_9.B5f-4.1JqM=").unwrap(), "Bearer mF_9.B5f-4.1JqM=");
    for token in ["", "a b", "a\r\nx: y", "t\u{f6}ken"] {
        assert_eq!(bearer_authorization(token), None, "{token:?}");
    }
}

#[test]
fn debug_shows_no_secrets() {
    let mut offer = Offer::default();
    offer.subprotocols = vec!["s3cret".to_owned()];
    for name in ["authorization", "cookie", "x-api-key"] {
        offer.headers.insert(name, "s3cret".parse().unwrap());
    }
    for url in ["ws://a/", "ws://user:s3cret@a/"] {
        let url = url.parse().unwrap();
        for plain in [false, true] {
            let mut offer = offer.clone();
            if plain {
                offer.headers.clear();
            }
            let (handshake, request) = ClientHandshake::new(&url, &offer, [0; 16]).unwrap();
            let shown = format!("{offer:?} {handshake:?} {request:?}");
            assert!(!shown.contains("s3cret") && !shown.contains("czNjcmV0"), "{shown}");
            assert!(plain || shown.contains("x-api-key"), "{shown}");
            // And yet they are sent.
            assert_eq!(request.headers()["sec-websocket-protocol"], "s3cret");
        }
    }
}
