use http::HeaderValue;

use super::*;

/// The proxies are 10.0.0.0/8 and `2001:db8::/32`.
fn networks() -> [IpNet; 2] {
    ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn seen(peer: &str) -> ClientInfo {
    ClientInfo { addr: Some(peer.parse().unwrap()), ..ClientInfo::default() }
}

fn follow(proxies: &TrustedProxies, peer: &str, fields: &[(&'static str, &str)]) -> String {
    let client = proxies.client(seen(peer), &headers(fields));
    client.addr.unwrap().to_string()
}

#[test]
fn the_way_is_followed_from_its_end_as_far_as_it_is_trusted() {
    let proxies = TrustedProxies::x_forwarded(networks());
    for (peer, field, client) in [
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("192.0.2.9", "6.6.6.6", "192.0.2.9"),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db9::1", "2001:db9::1"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        ("10.0.0.1", "[2001:db9::1]", "2001:db9::1"),
        // What a proxy does not tell ends the way where it is.
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "6.6.6.6, \u{e4}", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1; evil", "10.0.0.1"),
    ] {
        let fields = [("x-forwarded-for", field), ("forwarded", "for=7.7.7.7")];
        assert_eq!(follow(&proxies, peer, &fields), client, "{peer} {field}");
    }
}

#[test]
fn several_fields_are_one_list() {
    let proxies = TrustedProxies::x_forwarded(networks());
    let fields = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.1,10.0.0.2")];
    assert_eq!(follow(&proxies, "10.0.0.1", &fields), "192.0.2.1");
}

/// RFC 7239 §4 and §6 have the examples.
#[test]
fn forwarded_is_read_as_the_rfc_writes_it() {
    let proxies = TrustedProxies::forwarded(networks());
    for (field, client) in [
        ("for=192.0.2.43", "192.0.2.43"),
        ("For=\"[2001:db9:cafe::17]:4711\"", "2001:db9:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("for=6.6.6.6, for=198.51.100.17", "198.51.100.17"),
        ("for=192.0.2.1;host=\"a,for=6.6.6.6;\\\"\"", "192.0.2.1"),
        ("for=6.6.6.6, for=\"_mystery\"", "10.0.0.1"),
        ("for=6.6.6.6, for=\"unclosed", "10.0.0.1"),
        ("for=6.6.6.6, secret", "10.0.0.1"),
        ("for=6.6.6.6, proto=https", "10.0.0.1"),
    ] {
        let fields = [("forwarded", field), ("x-forwarded-for", "7.7.7.7")];
        assert_eq!(follow(&proxies, "10.0.0.1", &fields), client, "{field}");
    }
}

#[test]
fn an_open_quotation_mark_does_not_swallow_what_the_proxy_appends() {
    let proxies = TrustedProxies::forwarded(networks());
    for forged in [
        "for=6.6.6.6;x=\"",
        "for=6.6.6.6;x=a\"",
        "for=6.6.6.6;\"",
        "for=6.6.6.6;x=\"a\\",
        "for=6.6.6.6\"",
        "for=\"6.6.6.6",
    ] {
        for appended in ["for=192.0.2.1", "for=\"192.0.2.1\"", "for=\"192.0.2.1\";x=\"y\""] {
            let field = format!("{forged}, {appended}");
            let client = follow(&proxies, "10.0.0.1", &[("forwarded", &field)]);
            assert!(["10.0.0.1", "192.0.2.1"].contains(&client.as_str()), "{field}: {client}");
        }
    }
}

#[test]
fn the_host_is_what_trusted_proxies_tell() {
    let x_forwarded = TrustedProxies::x_forwarded(networks());
    let forwarded = TrustedProxies::forwarded(networks());
    let host = |proxies: &TrustedProxies, peer: &str, fields: &[(&'static str, &str)]| {
        proxies.client(seen(peer), &headers(fields)).host
    };
    let x = [("x-forwarded-host", "evil.example, example.com"), ("forwarded", "host=evil.example")];
    assert_eq!(host(&x_forwarded, "10.0.0.1", &x).as_deref(), Some("example.com"));
    assert_eq!(host(&x_forwarded, "192.0.2.1", &x), None);
    let chain = [(
        "forwarded",
        "for=6.6.6.6;host=evil.example, for=192.0.2.1;host=example.com, for=10.0.0.2;host=inner",
    )];
    assert_eq!(host(&forwarded, "10.0.0.1", &chain).as_deref(), Some("example.com"));
    assert_eq!(host(&forwarded, "10.0.0.1", &x[..1]), None);
}

#[test]
fn peers_without_an_address_are_trusted_when_told() {
    let fields = headers(&[("x-forwarded-for", "192.0.2.1")]);
    let proxies = TrustedProxies::x_forwarded([]);
    assert_eq!(proxies.client(ClientInfo::default(), &fields), ClientInfo::default());
    let client = proxies.and_unix_sockets().client(ClientInfo::default(), &fields).addr;
    assert_eq!(client, Some("192.0.2.1".parse().unwrap()));
}

#[test]
fn whether_the_client_has_encrypted_is_what_the_outermost_trusted_proxy_tells() {
    let encrypted = |proxies: &TrustedProxies, peer, own, fields: &[_]| {
        let seen = ClientInfo { encrypted: own, ..seen(peer) };
        proxies.client(seen, &headers(fields)).encrypted
    };
    let x_forwarded = TrustedProxies::x_forwarded(networks());
    for (peer, own, field, told) in [
        ("10.0.0.1", None, "https", Some(true)),
        ("10.0.0.1", None, "WSS", Some(true)),
        ("10.0.0.1", Some(true), "http", Some(false)),
        ("10.0.0.1", Some(true), "", None),
        ("10.0.0.1", None, "https, http", Some(false)),
        ("192.0.2.9", None, "https", None),
        ("192.0.2.9", Some(true), "http", Some(true)),
    ] {
        let fields = [("x-forwarded-proto", field), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(encrypted(&x_forwarded, peer, own, &fields), told, "{peer} {field}");
    }
    let forwarded = TrustedProxies::forwarded(networks());
    for (field, told) in [
        ("for=192.0.2.1;proto=https", Some(true)),
        ("for=192.0.2.1;proto=http", Some(false)),
        ("for=192.0.2.1", None),
        ("for=6.6.6.6;proto=http, for=192.0.2.1;proto=https", Some(true)),
        ("for=192.0.2.1;proto=https, for=10.0.0.2;proto=http", Some(true)),
        ("for=192.0.2.1, for=10.0.0.2;proto=https", None),
    ] {
        let fields = [("forwarded", field), ("x-forwarded-proto", "https")];
        assert_eq!(encrypted(&forwarded, "10.0.0.1", None, &fields), told, "{field}");
    }
}
