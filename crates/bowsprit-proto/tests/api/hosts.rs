//! What a server knows beyond the request: allowed hosts, proxies, its own choices.

use bowsprit_proto::handshake::{
    HandshakeError, HostPolicy, Policy, RequestContext, respond, respond_with,
};
use http::{HeaderMap, HeaderValue, Request, header};

fn request() -> Request<()> {
    Request::builder()
        .header("host", "backend.internal")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap()
}

fn check(policy: &HostPolicy, host: &str) -> Result<(), u16> {
    check_target(policy, "/", host)
}

fn check_target(policy: &HostPolicy, target: &str, host: &str) -> Result<(), u16> {
    let request = Request::get(target).header(header::HOST, host).body(()).unwrap();
    policy.check(&request, None).map_err(|rejection| rejection.response.status().as_u16())
}

#[test]
fn the_own_machine_answers_to_its_own_names_only() {
    let own = ["localhost", "LocalHost:8080", "localhost.", "a.localhost:1", "127.0.0.1:80"];
    for host in own.into_iter().chain(["127.1.2.3", "[::1]", "[::1]:8080", "localhost:"]) {
        assert_eq!(check(&HostPolicy::Loopback, host), Ok(()), "{host}");
    }
    let others = ["evil.example", "localhost.evil.example", "evillocalhost", "192.168.0.1"];
    for host in others.into_iter().chain(["127.0.0.1.evil.example", "[::2]", "0.0.0.0"]) {
        assert_eq!(check(&HostPolicy::Loopback, host), Err(421), "{host}");
    }
    for host in ["a b", "localhost:x", "localhost@evil", ""] {
        assert_eq!(check(&HostPolicy::Loopback, host), Err(400), "{host}");
    }
    let none = HostPolicy::Loopback.check(&Request::new(()), None).unwrap_err();
    assert_eq!(none.error, HandshakeError::Missing(header::HOST));
}

/// RFC 9112 §3.2.2.
#[test]
fn the_host_of_an_absolute_target_counts_and_the_field_does_not() {
    for (target, host, answered) in [
        ("http://localhost/", "evil.example", Ok(())),
        ("http://localhost:8080/", "evil.example", Ok(())),
        ("http://localhost:/", "evil.example", Ok(())),
        ("http://localhost/", "", Ok(())),
        ("https://[::1]/", "evil.example", Ok(())),
        ("http://evil.example/", "localhost", Err(421)),
        ("http://evil.example/", "", Err(421)),
        ("http://localhost@evil.example/", "localhost", Err(400)),
        ("http://evil.example@localhost/", "localhost", Err(400)),
        ("http://user:password@localhost/", "localhost", Err(400)),
        ("http://@localhost/", "localhost", Err(400)),
        ("http://localhost/", "a b", Err(400)),
    ] {
        assert_eq!(check_target(&HostPolicy::Loopback, target, host), answered, "{target} {host}");
    }
    let mut twice = Request::get("http://localhost/").header(header::HOST, "localhost");
    let without = Request::get("http://localhost/").body(()).unwrap();
    assert!(HostPolicy::Loopback.check(&without, None).is_err());
    twice = twice.header(header::HOST, "localhost");
    assert!(HostPolicy::Loopback.check(&twice.body(()).unwrap(), None).is_err());
}

#[test]
fn a_list_of_hosts_is_compared_without_ports() {
    let policy = HostPolicy::List(vec!["example.com".into(), "[2001:db8::1]".into()]);
    for host in ["example.com", "EXAMPLE.com:8080", "[2001:DB8::1]:1", "example.com."] {
        assert_eq!(check(&policy, host), Ok(()), "{host}");
    }
    for host in ["www.example.com", "example.com.evil", "localhost"] {
        assert_eq!(check(&policy, host), Err(421), "{host}");
    }
    assert_eq!(check(&HostPolicy::Any, "whatever"), Ok(()));
    assert!(policy.check(&Request::new(()), Some("example.com")).is_ok());
    assert!(policy.check(&request(), Some("evil.example")).is_err());
}

#[test]
fn the_host_that_a_proxy_tells_takes_the_place_of_the_requests() {
    let mut request = request();
    request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static("https://example.com"));
    let policy = Policy::default();
    assert!(matches!(respond(&request, &policy).unwrap_err().error, HandshakeError::Origin(_)));
    let mut context = RequestContext::default();
    for (host, allowed) in
        [("example.com", true), ("EXAMPLE.COM:443", true), ("example.org", false), ("", false)]
    {
        context.host = Some(host);
        assert_eq!(respond_with(context, &request, &policy).is_ok(), allowed, "{host}");
    }
}

/// RFC: 4.2.2-6
#[test]
fn a_function_may_choose_only_what_was_offered() {
    let mut request = request();
    let names = HeaderValue::from_static("chat, superchat");
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, names);
    let choose = |offers: &[&str]| {
        assert_eq!(offers, ["chat", "superchat"]);
        Some(offers[1].to_owned())
    };
    let mut context = RequestContext::default();
    context.choose_subprotocol = Some(&choose);
    let accepted = respond_with(context, &request, &Policy::default()).unwrap();
    assert_eq!(accepted.negotiated.subprotocol.as_deref(), Some("superchat"));
    assert_eq!(accepted.response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "superchat");
    for choice in ["", "other", "chat, superchat", "chat\r\nX-Evil: 1"] {
        let choose = |_: &[&str]| Some(choice.to_owned());
        let mut context = RequestContext::default();
        context.choose_subprotocol = Some(&choose);
        let rejection = respond_with(context, &request, &Policy::default()).unwrap_err();
        assert_eq!(rejection.response.status(), 500);
        assert!(matches!(rejection.error, HandshakeError::UnofferedSubprotocol(_)));
    }
    let unasked = |_: &[&str]| panic!("asked");
    context.choose_subprotocol = Some(&unasked);
    respond_with(context, &self::request(), &Policy::default()).unwrap();
}

#[test]
fn what_an_application_adds_may_not_touch_the_handshake() {
    let mut accepted = respond(&request(), &Policy::default()).unwrap();
    for name in ["upgrade", "connection", "sec-websocket-accept", "sec-websocket-extensions"] {
        for name in [name, "content-length", "transfer-encoding"] {
            let mut headers = HeaderMap::new();
            headers.insert("x-good", HeaderValue::from_static("1"));
            headers.insert(name, HeaderValue::from_static("1"));
            let error = accepted.add_headers(headers).unwrap_err();
            assert_eq!(error, HandshakeError::ReservedHeader(name.parse().unwrap()));
            assert_eq!(error.status(), 500);
        }
    }
    assert_eq!(accepted.response.headers().len(), 3);
    let mut headers = HeaderMap::new();
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    accepted.add_headers(headers).unwrap();
    let cookies: Vec<_> = accepted.response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}
