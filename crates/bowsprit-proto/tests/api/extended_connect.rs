//! WebSockets over HTTP/2, RFC 8441.

use bowsprit_proto::{
    deflate::Deflate,
    handshake::{
        ConnectProtocol, HandshakeError, HostPolicy, OriginPolicy, Policy, Rejection,
        SubprotocolPolicy, asks_for_websocket, respond,
    },
};
use http::{HeaderMap, Method, Request, Version, header};

/// The request of RFC 8441 §5.1, with a protocol.
fn request(protocol: Option<&str>) -> Request<()> {
    let mut request = Request::connect("https://server.example.com/chat")
        .version(Version::HTTP_2)
        .header("sec-websocket-protocol", "chat, superchat")
        .header("sec-websocket-extensions", "permessage-deflate")
        .header("sec-websocket-version", "13")
        .header("origin", "http://www.example.com")
        .body(())
        .unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(ConnectProtocol::new(protocol));
    }
    request
}

fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.allowed_origins = OriginPolicy::List(vec!["http://www.example.com".into()]);
    policy
}

/// Refuses; no field is one that HTTP/2 does not have.
#[track_caller]
fn refuse(request: &Request<()>, status: u16, error: &HandshakeError) -> Rejection {
    let rejection = *respond(request, &policy()).expect_err("this request must be refused");
    assert_eq!(&rejection.error, error);
    assert_eq!(rejection.response.status(), status);
    assert_eq!(rejection.response.body(), &format!("{error}\n"));
    assert_are_of_http_2(rejection.response.headers());
    rejection
}

#[track_caller]
fn assert_are_of_http_2(headers: &HeaderMap) {
    for name in [header::CONNECTION, header::UPGRADE, header::SEC_WEBSOCKET_ACCEPT] {
        assert!(!headers.contains_key(name), "{headers:?}");
    }
}

#[test]
fn the_example_of_section_5_1_is_accepted_with_200() {
    let mut policy = policy();
    policy.subprotocols = SubprotocolPolicy::First;
    policy.deflate = Some(Deflate::server());
    for version in [Version::HTTP_2, Version::HTTP_3] {
        let mut request = request(Some("websocket"));
        *request.version_mut() = version;
        assert!(asks_for_websocket(&request));
        let accepted = respond(&request, &policy).unwrap();
        assert_eq!(accepted.response.status(), 200);
        let headers = accepted.response.headers();
        assert_are_of_http_2(headers);
        assert_eq!(headers[header::SEC_WEBSOCKET_PROTOCOL], "chat");
        let extensions = headers[header::SEC_WEBSOCKET_EXTENSIONS].to_str().unwrap();
        assert!(extensions.starts_with("permessage-deflate"), "{extensions}");
        assert_eq!(headers.len(), 2);
        assert_eq!(accepted.negotiated.subprotocol.as_deref(), Some("chat"));
        assert!(accepted.negotiated.deflate.is_some());
    }
}

#[test]
fn a_request_over_http_2_is_an_extended_connect_for_websocket() {
    assert!(asks_for_websocket(&request(Some("WebSocket"))), "in any case");
    let other = HandshakeError::ConnectProtocol("connect-udp".into());
    assert!(!asks_for_websocket(&request(Some("connect-udp"))));
    refuse(&request(Some("connect-udp")), 501, &other);
    let tunnel = request(None);
    assert!(!asks_for_websocket(&tunnel));
    let rejection = refuse(&tunnel, 405, &HandshakeError::ExtendedConnect);
    assert_eq!(rejection.response.headers()[header::ALLOW], "CONNECT");
    let mut get = request(Some("websocket"));
    *get.method_mut() = Method::GET;
    assert!(!asks_for_websocket(&get));
    refuse(&get, 405, &HandshakeError::ExtendedConnect);
}

#[test]
fn http_1_has_no_extended_connect() {
    let mut request = request(Some("websocket"));
    request.headers_mut().insert(header::HOST, "server.example.com".parse().unwrap());
    *request.version_mut() = Version::HTTP_11;
    assert!(!asks_for_websocket(&request));
    let rejection = respond(&request, &policy()).unwrap_err();
    assert_eq!(rejection.error, HandshakeError::Method);
    assert_eq!(rejection.response.headers()[header::ALLOW], "GET");
}

#[test]
fn the_fields_of_rfc_6455_keep_their_rules() {
    let without = |name: &str| {
        let mut request = request(Some("websocket"));
        request.headers_mut().remove(name);
        request
    };
    let with = |name: &'static str, value: &str| {
        let mut request = without(name);
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let version = header::SEC_WEBSOCKET_VERSION;
    for (request, error) in [
        (without("sec-websocket-version"), HandshakeError::Missing(version.clone())),
        (with("sec-websocket-version", "12"), HandshakeError::Version),
    ] {
        let rejection = refuse(&request, 400, &error);
        assert_eq!(rejection.response.headers()[&version], "13");
    }
    let protocol = HandshakeError::Malformed(header::SEC_WEBSOCKET_PROTOCOL);
    refuse(&with("sec-websocket-protocol", "a, a"), 400, &protocol);
    let evil = "https://evil.example";
    refuse(&with("origin", evil), 403, &HandshakeError::Origin(evil.into()));
    refuse(&with("content-length", "5"), 400, &HandshakeError::Body);
}

#[test]
fn the_authority_is_the_host_and_a_host_field_must_not_differ() {
    let policy = HostPolicy::List(vec!["server.example.com".into()]);
    let check = |host: Option<&str>, authority: &str| {
        let mut request = request(Some("websocket"));
        *request.uri_mut() = format!("https://{authority}/chat").parse().unwrap();
        if let Some(host) = host {
            request.headers_mut().insert(header::HOST, host.parse().unwrap());
        }
        let checked = policy.check(&request, None);
        checked.map_err(|rejection| {
            assert_are_of_http_2(rejection.response.headers());
            rejection.response.status().as_u16()
        })
    };
    assert_eq!(check(None, "server.example.com"), Ok(()));
    assert_eq!(check(None, "server.example.com:8443"), Ok(()));
    assert_eq!(check(Some("Server.example.com"), "server.example.com"), Ok(()));
    assert_eq!(check(None, "evil.example"), Err(421));
    assert_eq!(check(Some("server.example.com"), "evil.example"), Err(400));
    assert_eq!(check(Some("evil.example"), "server.example.com"), Err(400));
    assert_eq!(check(None, "user@server.example.com"), Err(400));
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().insert(header::HOST, "server.example.com".parse().unwrap());
    assert!(policy.check(&request, None).is_ok(), "a request that was HTTP/1.1 once");
    request.headers_mut().remove(header::HOST);
    assert!(policy.check(&request, None).is_err());
}

#[test]
fn same_origin_is_that_of_the_authority() {
    for (origin, is_same) in
        [("https://server.example.com", true), ("https://www.example.com", false)]
    {
        let mut request = request(Some("websocket"));
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        assert_eq!(respond(&request, &Policy::default()).is_ok(), is_same, "{origin}");
    }
}
