//! The opening handshake and its grammars.

use bowsprit_proto::{
    Url, extension,
    handshake::{ClientHandshake, Offer, OriginPolicy, Policy, SubprotocolPolicy, respond},
    subprotocol::is_token,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

/// Adds lines of `name: value` to `headers`.
fn add_lines(headers: &mut HeaderMap, bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(parts.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(parts.next().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
}

/// A request is accepted with a proper 101, or refused with an error that closes the connection.
pub fn handshake_request(bytes: &[u8]) {
    let mut request = Request::new(());
    add_lines(request.headers_mut(), bytes);
    let mut policy = Policy::default();
    policy.accept_version_8 = bytes.len().is_multiple_of(2);
    policy.subprotocols = SubprotocolPolicy::First;
    if bytes.len().is_multiple_of(3) {
        policy.allowed_origins = OriginPolicy::Any;
    }
    match respond(&request, &policy) {
        Ok(accepted) => {
            assert_eq!(accepted.response.status(), 101);
            assert!(accepted.response.headers().contains_key("sec-websocket-accept"));
            assert!(accepted.negotiated.subprotocol.is_none_or(|name| is_token(&name)));
        }
        Err(rejection) => {
            assert!(rejection.response.status().is_client_error());
            let connection = rejection.response.headers()["connection"].to_str();
            assert!(connection.is_ok_and(|value| value.ends_with("close")));
        }
    }
}

/// A response is taken only with the right hash and a subprotocol that was asked for.
pub fn handshake_response(bytes: &[u8]) {
    let Ok(url) = "ws://example.com/".parse() else { unreachable!("this is a URL") };
    let mut offer = Offer::default();
    offer.subprotocols = vec!["chat".to_owned()];
    let Ok((handshake, _)) = ClientHandshake::new(&url, &offer, *b"the sample nonce") else {
        unreachable!("this offer is good")
    };
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    add_lines(response.headers_mut(), bytes);
    if let Ok(negotiated) = handshake.verify(&response) {
        assert_eq!(negotiated.subprotocol.as_deref(), Some("chat"));
        let accept = response.headers()["sec-websocket-accept"].to_str();
        assert!(accept.is_ok_and(|value| value.trim() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}

/// What is parsed consists of tokens, and there is something. It survives being written, and strict
/// reading takes nothing else.
pub fn extensions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let strict = extension::parse_strict(text);
    let lenient = extension::parse(text);
    assert!(strict.is_err() || strict == lenient);
    if let Ok(list) = lenient {
        assert!(!list.is_empty());
        for parameter in list.iter().flat_map(|extension| &extension.parameters) {
            assert!(is_token(parameter.name));
            assert!(parameter.value.as_deref().is_none_or(is_token));
        }
        let written = extension::format(&list);
        let read = written.as_deref().map(extension::parse_strict);
        assert_eq!(read, Some(Ok(list)));
    }
}

/// A URL that is parsed is displayed as one that means the same, and makes a request.
pub fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(url) = text.parse::<Url>() {
        assert_means_itself(&url);
        let made = ClientHandshake::new(&url, &Offer::default(), [0; 16]);
        assert!(made.is_ok_and(|(_, request)| *request.uri() == url.resource_name()));
    }
}

/// The first line is a URL, the rest a reference from there, as the `Location` of a redirect is.
///
/// Where it leads is a URL that means what it displays. Elsewhere it does not depend on the first
/// URL's user and password; at the same place those are kept, unless the reference names others.
pub fn url_join(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((base, reference)) = text.split_once('\n') else { return };
    let Ok(base) = base.parse::<Url>() else { return };
    let anonymous = base.clone().without_user_info();
    let joined = base.join(reference);
    let Ok(url) = &joined else { return assert_eq!(joined, anonymous.join(reference)) };
    assert_means_itself(url);
    assert_means_itself(&base);
    let Ok(same) = anonymous.join(reference) else { unreachable!("it depends on the user") };
    assert_eq!(url.clone().without_user_info(), same.clone().without_user_info());
    if url.is_same_origin(&base) && url.user_info() == base.user_info() {
        return;
    }
    assert_eq!(url.user_info(), same.user_info(), "{base} {reference:?}");
    assert!(reference.contains("//") || reference.contains(':'), "{reference:?} leads elsewhere");
}

/// Displayed and parsed, a URL is the same; user and password are not displayed.
fn assert_means_itself(url: &Url) {
    assert_eq!(url.to_string().parse::<Url>(), Ok(url.clone().without_user_info()));
}
