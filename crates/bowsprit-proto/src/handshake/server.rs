//! The server's side of the opening handshake, RFC 6455 §4.2.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::{
    HandshakeError, Negotiated, OriginPolicy, Rejection, Version, connect, field, host, key,
    rejection::refuse,
};
use crate::{
    deflate::{Deflate, OfferPolicy, Parameters},
    extension, subprotocol,
};

/// What a server accepts.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Policy {
    /// Accept version 8 (HyBi drafts) as well as 13.
    pub accept_version_8: bool,
    /// How a subprotocol is chosen.
    pub subprotocols: SubprotocolPolicy,
    /// Which web pages may connect.
    pub allowed_origins: OriginPolicy,
    /// How messages are compressed if clients offer it. By default they are not.
    pub deflate: Option<Deflate>,
    /// What to do with offers of compression that cannot be accepted. By default they are declined.
    pub deflate_offers: OfferPolicy,
    /// Reject requests whose `Upgrade` names other protocols besides `websocket`. By default the
    /// others are ignored.
    pub sole_upgrade: bool,
}

/// How a server chooses among the subprotocols that a client requests.
///
/// ```
/// use bowsprit_proto::handshake::SubprotocolPolicy;
///
/// let policy = SubprotocolPolicy::Supported(vec!["v2.chat".into(), "v1.chat".into()]);
/// assert_ne!(policy, SubprotocolPolicy::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubprotocolPolicy {
    /// Chooses none.
    #[default]
    None,
    /// Chooses the first of the client's subprotocols, in the client's order, that is in this list.
    Supported(Vec<String>),
    /// Chooses the client's first.
    First,
}

/// What a server knows about a request beyond the request itself.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct RequestContext<'c> {
    /// The host that the client requested, if a trusted proxy reports another one than `Host`.
    pub host: Option<&'c str>,
    /// Whether the client is known to have encrypted its request.
    pub encrypted: bool,
    /// Chooses one of the subprotocols that the client offers, instead of the policy.
    #[expect(clippy::type_complexity, reason = "a name for it would not make it simpler")]
    pub choose_subprotocol: Option<&'c dyn Fn(&[&str]) -> Option<String>>,
}

impl fmt::Debug for RequestContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext").field("host", &self.host).finish_non_exhaustive()
    }
}

/// An accepted request: send the response, then exchange frames.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// The response: 101, or 200 to an extended CONNECT.
    pub response: Response<()>,
    /// The result of the negotiation.
    pub negotiated: Negotiated,
}

impl Accepted {
    /// Adds header fields to the response.
    ///
    /// # Errors
    ///
    /// One of them belongs to the handshake, or would give the response a body. None is added.
    pub fn add_headers(&mut self, headers: HeaderMap) -> Result<(), HandshakeError> {
        if let Some(name) = headers.keys().find(|name| field::is_reserved(name)) {
            return Err(HandshakeError::ReservedHeader(name.clone()));
        }
        self.response.headers_mut().extend(headers);
        Ok(())
    }
}

/// Whether a request asks for a WebSocket: a `GET` whose `Upgrade` has the token `websocket`, or
/// over HTTP/2 a `CONNECT` with the [`ConnectProtocol`](super::ConnectProtocol) `websocket`.
///
/// Pass such a request to [`respond`], which may still reject it. Any other request is plain HTTP,
/// even if it asks to upgrade to something else: RFC 9110 §7.8 has servers ignore unknown
/// protocols. It also has them ignore `Upgrade` in HTTP/1.0. Such a request counts as one for a
/// WebSocket here, so that the operator of a proxy that uses HTTP/1.0 sees what is wrong.
///
/// ```
/// use bowsprit_proto::handshake::asks_for_websocket;
/// use http::Request;
///
/// let request = |upgrade| Request::get("/").header("Upgrade", upgrade).body(()).unwrap();
/// assert!(asks_for_websocket(&request("WebSocket")));
/// assert!(!asks_for_websocket(&request("h2c")));
/// ```
#[must_use]
pub fn asks_for_websocket<B>(request: &Request<B>) -> bool {
    let names_websocket = || field::has_token(request.headers(), &header::UPGRADE, "websocket");
    let upgrades = request.method() == Method::GET && names_websocket();
    upgrades || connect::is_extended_connect(request)
}

/// Accepts or rejects a client's request.
///
/// # Errors
///
/// §4.2.1: "If the server, while reading the handshake, finds that the client did not send a
/// handshake that matches the description below [...] the server MUST stop processing the client's
/// handshake and return an HTTP response with an appropriate error code".
pub fn respond<B>(request: &Request<B>, policy: &Policy) -> Result<Accepted, Box<Rejection>> {
    respond_with(RequestContext::default(), request, policy)
}

/// Accepts or rejects a client's request, with additional context.
///
/// # Errors
///
/// As [`respond`], and 500 if a subprotocol was chosen that was not offered.
pub fn respond_with<B>(
    context: RequestContext<'_>,
    request: &Request<B>,
    policy: &Policy,
) -> Result<Accepted, Box<Rejection>> {
    accept(context, request, policy).map_err(|error| {
        let response = refuse(&error, policy, request.version());
        Box::new(Rejection { response, error })
    })
}

fn accept<B>(
    context: RequestContext<'_>,
    request: &Request<B>,
    policy: &Policy,
) -> Result<Accepted, HandshakeError> {
    let headers = request.headers();
    let host = check_request(request)?;
    // RFC 8441 §5: extended CONNECT does without |Connection|, |Upgrade| and the key.
    let upgrades = !connect::is_used_by(request.version());
    if upgrades {
        check_upgrade(headers, policy)?;
    }
    let key = if upgrades { Some(key(headers)?) } else { None };
    let version = version(headers, policy)?;
    let offers: Vec<&str> = subprotocols(headers)?;
    let deflate = choose_deflate(headers, policy)?;
    let host = context.host.unwrap_or(host);
    policy.allowed_origins.check(headers, version, host, context.encrypted)?;
    let subprotocol = match context.choose_subprotocol {
        Some(choose) if !offers.is_empty() => choose_offered(choose, &offers)?,
        Some(_) => None,
        None => policy.subprotocols.choose(&offers).map(ToOwned::to_owned),
    };
    let negotiated = Negotiated { version, subprotocol, deflate };
    let mut response = match key {
        Some(key) => switching_protocols(key)?,
        None => Response::new(()),
    };
    tell(&negotiated, response.headers_mut())?;
    Ok(Accepted { response, negotiated })
}

/// §4.2.1 (1), (2): a GET of HTTP/1.1 or higher with one |Host|; over HTTP/2, a CONNECT. A body is
/// not allowed: the server might take it for frames and a proxy in front of it for a request, or
/// vice versa.
///
/// Returns the host that the request is addressed to.
fn check_request<B>(request: &Request<B>) -> Result<&str, HandshakeError> {
    if connect::is_used_by(request.version()) {
        connect::check(request)?;
    } else if request.method() != Method::GET {
        return Err(HandshakeError::Method);
    }
    if request.version() < http::Version::HTTP_11 {
        return Err(HandshakeError::HttpVersion);
    }
    check_target(request.uri())?;
    let host = host::requested(request)?;
    let headers = request.headers();
    let empty = field::single(headers, &header::CONTENT_LENGTH)?.is_none_or(|len| len == "0");
    if !empty || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(HandshakeError::Body);
    }
    Ok(host)
}

/// §4.2.1 (1): "The "Request-URI" matching the /resource name/ [...] or an absolute HTTP/HTTPS
/// URI".
fn check_target(target: &Uri) -> Result<(), HandshakeError> {
    let is_http = matches!(target.scheme_str(), None | Some("http" | "https"));
    if is_http && target.path().starts_with('/') {
        Ok(())
    } else {
        Err(HandshakeError::RequestTarget)
    }
}

/// §4.2.1 (3), (4): |Upgrade| "containing the value "websocket"", |Connection| "that includes the
/// token "Upgrade"", both case-insensitive.
fn check_upgrade(headers: &HeaderMap, policy: &Policy) -> Result<(), HandshakeError> {
    if !headers.contains_key(header::UPGRADE) {
        return Err(HandshakeError::NoUpgrade);
    }
    let is_named = field::has_token(headers, &header::UPGRADE, "websocket");
    if !is_named || policy.sole_upgrade && !is_only_websocket(headers) {
        return Err(HandshakeError::Malformed(header::UPGRADE));
    }
    field::check_connection(headers)
}

fn is_only_websocket(headers: &HeaderMap) -> bool {
    let only = field::single(headers, &header::UPGRADE);
    only.is_ok_and(|upgrade| upgrade.is_some_and(|name| name.eq_ignore_ascii_case("websocket")))
}

/// §4.2.1 (6).
fn version(headers: &HeaderMap, policy: &Policy) -> Result<Version, HandshakeError> {
    let name = header::SEC_WEBSOCKET_VERSION;
    let number = field::single(headers, &name)?.ok_or(HandshakeError::Missing(name))?;
    // "08" and "+8" are not valid versions.
    match number {
        "13" => Ok(Version::V13),
        "8" if policy.accept_version_8 => Ok(Version::V8),
        _ => Err(HandshakeError::Version),
    }
}

/// §4.2.1 (5), and §11.3.1: it "MUST NOT appear more than once".
fn key(headers: &HeaderMap) -> Result<&str, HandshakeError> {
    let name = header::SEC_WEBSOCKET_KEY;
    match field::single(headers, &name)? {
        None => Err(HandshakeError::Missing(name)),
        Some(key) if key::is_valid(key) => Ok(key),
        Some(_) => Err(HandshakeError::Malformed(name)),
    }
}

/// §4.2.1 (8); the header "MAY appear multiple times", §11.3.4. Its grammar has at least one
/// element, but some clients (React Native on iOS) send it empty to ask for none.
fn subprotocols(headers: &HeaderMap) -> Result<Vec<&str>, HandshakeError> {
    const NAME: http::HeaderName = header::SEC_WEBSOCKET_PROTOCOL;
    let values = field::all(headers, &NAME).collect::<Result<Vec<_>, _>>()?;
    subprotocol::parse_all(values.into_iter()).map_err(|_| HandshakeError::Malformed(NAME))
}

/// §9.1: a list that does not match the grammar fails the handshake, whether or not the extension
/// is known; but a server without extensions does not parse it. An offer that matches the grammar
/// but cannot be accepted is declined, RFC 7692 §7.1, unless the policy is to reject the request.
fn choose_deflate(
    headers: &HeaderMap,
    policy: &Policy,
) -> Result<Option<Parameters>, HandshakeError> {
    const NAME: http::HeaderName = header::SEC_WEBSOCKET_EXTENSIONS;
    let Some(deflate) = &policy.deflate else { return Ok(None) };
    let Some(extensions) = field::list(headers, &NAME)? else { return Ok(None) };
    let offers = extension::parse(&extensions).map_err(|_| HandshakeError::Malformed(NAME))?;
    deflate.accept(&offers, policy.deflate_offers).map_err(HandshakeError::Deflate)
}

/// §4.2.2 (4): "The value chosen MUST be derived from the client's handshake".
fn choose_offered(
    choose: &dyn Fn(&[&str]) -> Option<String>,
    offers: &[&str],
) -> Result<Option<String>, HandshakeError> {
    match choose(offers) {
        Some(name) if !offers.contains(&name.as_str()) => {
            Err(HandshakeError::UnofferedSubprotocol(name))
        }
        chosen => Ok(chosen),
    }
}

impl SubprotocolPolicy {
    /// §4.2.2 (4): "The value chosen MUST be derived from the client's handshake".
    fn choose<'o>(&self, offers: &[&'o str]) -> Option<&'o str> {
        match self {
            Self::None => None,
            Self::Supported(supported) => {
                offers.iter().copied().find(|offer| supported.iter().any(|name| name == offer))
            }
            Self::First => offers.first().copied(),
        }
    }
}

/// §4.2.2 (5).
fn switching_protocols(key: &str) -> Result<Response<()>, HandshakeError> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    insert(headers, header::SEC_WEBSOCKET_ACCEPT, &key::accept_for(key))?;
    Ok(response)
}

/// Adds the result of the negotiation to the response.
fn tell(negotiated: &Negotiated, headers: &mut HeaderMap) -> Result<(), HandshakeError> {
    if let Some(name) = &negotiated.subprotocol {
        insert(headers, header::SEC_WEBSOCKET_PROTOCOL, name)?;
    }
    if let Some(parameters) = &negotiated.deflate {
        insert(headers, header::SEC_WEBSOCKET_EXTENSIONS, &parameters.to_string())?;
    }
    Ok(())
}

fn insert(
    headers: &mut HeaderMap,
    name: http::HeaderName,
    value: &str,
) -> Result<(), HandshakeError> {
    let value = HeaderValue::from_str(value);
    headers.insert(name.clone(), value.map_err(|_| HandshakeError::Malformed(name))?);
    Ok(())
}
