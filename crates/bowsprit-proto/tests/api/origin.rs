//! Whose pages may connect, RFC 6455 §10.2.

use bowsprit_proto::handshake::{
    HandshakeError, OriginPolicy, Policy, RequestContext, respond, respond_with,
};
use http::{HeaderName, header};

use super::opening_server::{Lines, accept, refuse, request};

fn policy(origins: OriginPolicy) -> Policy {
    let mut policy = Policy::default();
    policy.accept_version_8 = true;
    policy.allowed_origins = origins;
    policy
}

fn is_let_in(host: &str, origin: &str, origins: OriginPolicy) -> bool {
    let request = request(&[("Host", &[host]), ("Origin", &[origin])]);
    match respond(&request, &policy(origins.clone())) {
        Ok(_) => true,
        Err(_) => {
            let error = HandshakeError::Origin(origin.to_owned());
            let rejection = refuse(&request, &policy(origins), &error);
            assert_eq!(rejection.response.status(), 403);
            false
        }
    }
}

/// RFC: 4.2.1-8, 4.2.2-2, 4.2.2-3, 10.2-1, 10.2-2
#[test]
fn by_default_only_pages_of_the_same_host_and_port_are_let_in() {
    let same = [
        ("example.com", "http://example.com"),
        ("example.com", "https://example.com"),
        ("Example.COM", "https://example.com"),
        ("example.com", "HTTPS://EXAMPLE.COM"),
        ("example.com:80", "http://example.com"),
        ("example.com", "http://example.com:80"),
        ("example.com:443", "https://example.com"),
        ("example.com:8080", "http://example.com:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
    ];
    for (host, origin) in same {
        assert!(is_let_in(host, origin, OriginPolicy::Same), "{origin} to {host}");
    }
    let foreign = [
        ("example.com", "https://evil.example"),
        ("example.com", "null"),
        ("example.com", ""),
        ("example.com", "https://sub.example.com"),
        ("sub.example.com", "https://example.com"),
        ("example.com", "https://example.com.evil.example"),
        ("example.com", "https://evilexample.com"),
        ("example.com", "https://example.com@evil.example"),
        ("example.com", "https://evil.example@example.com"),
        ("example.com", "https://example.com:8443"),
        ("example.com:8443", "https://example.com"),
        ("example.com", "http://example.com:443"),
        ("example.com:443", "http://example.com"),
        ("example.com", "ftp://example.com"),
        ("example.com", "chrome-extension://example.com"),
        ("example.com", "file://"),
        ("example.com", "example.com"),
        ("example.com", "https://"),
        ("", "https://example.com"),
    ];
    for (host, origin) in foreign {
        assert!(!is_let_in(host, origin, OriginPolicy::Same), "{origin} to {host}");
    }
}

/// RFC: 10.2-1
#[test]
fn a_request_that_was_encrypted_is_of_the_origin_of_encrypted_pages() {
    let mut context = RequestContext::default();
    context.encrypted = true;
    for (host, origin, same) in [
        ("example.com", "https://example.com", true),
        ("example.com:443", "https://example.com", true),
        ("example.com:8443", "https://example.com:8443", true),
        ("example.com", "http://example.com", false),
        ("example.com:80", "http://example.com", false),
        ("example.com:8443", "http://example.com:8443", false),
    ] {
        let request = request(&[("Host", &[host]), ("Origin", &[origin])]);
        let judged = respond_with(context, &request, &policy(OriginPolicy::Same));
        assert_eq!(judged.is_ok(), same, "{origin} to {host}");
        let list = policy(OriginPolicy::List(vec![origin.to_owned()]));
        assert!(respond_with(context, &request, &list).is_ok(), "{origin} in a list");
    }
}

/// RFC 9112 §3.2.2.
#[test]
fn the_host_of_an_absolute_target_is_what_an_origin_is_compared_with() {
    let (good, evil) = ("http://example.com", "http://evil.example");
    for (target, host, origin, same) in [
        ("http://example.com/chat", "evil.example", good, true),
        ("http://example.com:80/chat", "", good, true),
        ("http://example.com/chat", "evil.example", evil, false),
        ("http://evil.example/chat", "example.com", good, false),
        ("http://evil.example/chat", "example.com", evil, true),
        ("http://example.com:8080/chat", "example.com", good, false),
    ] {
        let mut request = request(&[("Host", &[host]), ("Origin", &[origin])]);
        *request.uri_mut() = target.parse().unwrap();
        let judged = respond(&request, &policy(OriginPolicy::Same));
        assert_eq!(judged.is_ok(), same, "{origin} to {target} with {host}");
    }
}

/// RFC: 4.2.1-8
#[test]
fn without_an_origin_everyone_passes() {
    for origins in [OriginPolicy::Same, OriginPolicy::List(Vec::new()), OriginPolicy::Any] {
        accept(&request(&[]), &policy(origins));
    }
}

/// RFC: 10.2-1, 10.2-2
#[test]
fn a_list_lets_in_what_it_has() {
    let list = || OriginPolicy::List(vec!["https://a.example".to_owned(), "null".to_owned()]);
    for origin in ["https://a.example", "HTTPS://A.example", "null"] {
        assert!(is_let_in("other.example", origin, list()), "{origin}");
    }
    for origin in ["http://a.example", "https://a.example:444", "https://other.example", ""] {
        assert!(!is_let_in("other.example", origin, list()), "{origin}");
    }
}

#[test]
fn any_lets_everyone_in() {
    for origin in ["https://evil.example", "null", "garbage", ""] {
        assert!(is_let_in("example.com", origin, OriginPolicy::Any));
    }
}

/// RFC: 4.2.1-1, 4.2.2-3
#[test]
fn an_origin_that_is_repeated_or_no_text_is_refused_under_every_policy() {
    let origin = "https://server.example.com";
    for origins in [OriginPolicy::Same, OriginPolicy::List(vec![origin.to_owned()])] {
        let twice = request(&[("Origin", &[origin, origin])]);
        refuse(&twice, &policy(origins.clone()), &HandshakeError::Repeated(header::ORIGIN));
        let strange = request(&[("Origin", &["https://größe.example"])]);
        refuse(&strange, &policy(origins), &HandshakeError::Malformed(header::ORIGIN));
    }
}

/// RFC: V8-2
#[test]
fn in_version_8_both_names_of_the_header_count_and_must_agree() {
    let (good, evil) = ("http://server.example.com", "http://evil.example");
    let ask = |old: &[&str], new: &[&str]| {
        let lines: Lines<'_> =
            &[("Sec-WebSocket-Version", &["8"]), ("Sec-WebSocket-Origin", old), ("Origin", new)];
        request(lines)
    };
    let policy = policy(OriginPolicy::Same);
    for (old, new) in [(&[good][..], &[][..]), (&[], &[good]), (&[good], &[good]), (&[], &[])] {
        accept(&ask(old, new), &policy);
    }
    let origin = HandshakeError::Origin(evil.to_owned());
    refuse(&ask(&[evil], &[]), &policy, &origin);
    refuse(&ask(&[], &[evil]), &policy, &origin);
    let draft = HeaderName::from_static("sec-websocket-origin");
    refuse(&ask(&[good], &[evil]), &policy, &HandshakeError::Malformed(draft.clone()));
    refuse(&ask(&[evil], &[good]), &policy, &HandshakeError::Malformed(draft.clone()));
    refuse(&ask(&[good, good], &[]), &policy, &HandshakeError::Repeated(draft));
    let version_13 = request(&[("Sec-WebSocket-Origin", &[evil]), ("Origin", &[good])]);
    accept(&version_13, &policy);
}

#[test]
fn pages_of_the_same_host_and_of_a_list_are_let_in() {
    let policy = || OriginPolicy::SameAnd(vec!["https://app.example".to_owned()]);
    assert!(is_let_in("example.com", "https://example.com", policy()));
    assert!(is_let_in("example.com", "https://APP.example", policy()));
    assert!(!is_let_in("example.com", "https://evil.example", policy()));
    assert!(!is_let_in("example.com", "null", policy()));
}

#[test]
fn a_function_lets_origins_in() {
    let subdomains = OriginPolicy::matching(|origin| {
        origin.strip_prefix("https://").is_some_and(|host| host.ends_with(".example.com"))
    });
    assert!(is_let_in("example.com", "https://a.example.com", subdomains.clone()));
    assert!(!is_let_in("example.com", "http://a.example.com", subdomains.clone()));
    assert!(!is_let_in("example.com", "https://example.com", subdomains.clone()));
    assert_eq!(subdomains, subdomains.clone());
    assert_ne!(subdomains, OriginPolicy::matching(|_| true));
}
