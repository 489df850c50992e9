//! The client's side of the opening handshake, RFC 6455 §4.1.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};

use super::{HandshakeError, Negotiated, Version, basic_authorization, field, key};
use crate::{
    Url,
    deflate::{self, Deflate, Parameters},
    extension, subprotocol,
};

/// What a client requests in its handshake.
///
/// `Debug` shows the names of header fields without their values, and how many subprotocols there
/// are: all of these may be secrets.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Offer {
    /// The protocol version to request.
    pub version: Version,
    /// The origin to send. Browsers must send one, other clients may.
    pub origin: Option<HeaderValue>,
    /// The subprotocols to offer, the most preferred first.
    pub subprotocols: Vec<String>,
    /// Continue if subprotocols were offered but the server chose none. By default that is an
    /// error, as it is in browsers.
    pub subprotocol_optional: bool,
    /// The compression to offer, if any.
    pub deflate: Option<Deflate>,
    /// Additional header fields, such as cookies and credentials. Fields of the handshake itself
    /// are an error; `Host` may be replaced, and `Authorization` overrides the user information in
    /// the URL.
    pub headers: HeaderMap,
}

/// A client's opening handshake in progress.
#[derive(Clone)]
pub struct ClientHandshake {
    accept: String,
    version: Version,
    subprotocols: Vec<String>,
    subprotocol_optional: bool,
    deflate: Option<Deflate>,
    judges_as_ws: bool,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("version", &self.version)
            .field("origin", &self.origin)
            .field("subprotocols", &self.subprotocols.len())
            .field("subprotocol_optional", &self.subprotocol_optional)
            .field("deflate", &self.deflate)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake").field("version", &self.version).finish_non_exhaustive()
    }
}

impl ClientHandshake {
    /// Begins a handshake. Returns the request to send, and the state that is needed to verify the
    /// response.
    ///
    /// Header values that may be secret are marked as sensitive, so that `Debug` does not show
    /// them: the caller's fields, credentials and subprotocols.
    ///
    /// `nonce` must be random and fresh, §4.1 (7): "The nonce MUST be selected randomly for each
    /// connection."
    ///
    /// # Errors
    ///
    /// The offer contains an invalid subprotocol, or a header field that belongs to the handshake.
    pub fn new(
        url: &Url,
        offer: &Offer,
        nonce: [u8; 16],
    ) -> Result<(Self, Request<()>), HandshakeError> {
        if let Some(index) = subprotocol::first_invalid(&offer.subprotocols) {
            return Err(HandshakeError::InvalidSubprotocol(index));
        }
        check_headers(&offer.headers)?;
        let key = key::key_for(nonce);
        let handshake = Self {
            accept: key::accept_for(&key),
            version: offer.version,
            subprotocols: offer.subprotocols.clone(),
            subprotocol_optional: offer.subprotocol_optional,
            deflate: offer.deflate,
            judges_as_ws: false,
        };
        let request = request(url, offer, &key)?;
        Ok((handshake, request))
    }

    /// Continues the handshake of a driver that has made the request itself, with this
    /// `Sec-WebSocket-Key`, these subprotocols, and this offer of compression.
    ///
    /// ```
    /// use bowsprit_proto::handshake::{ClientHandshake, HandshakeError};
    /// use http::Response;
    ///
    /// let handshake = ClientHandshake::resume("dGhlIHNhbXBsZSBub25jZQ==", vec![], None);
    /// let response = Response::builder()
    ///     .status(101)
    ///     .header("Upgrade", "websocket")
    ///     .header("Connection", "Upgrade")
    ///     .header("Sec-WebSocket-Accept", "that of another key")
    ///     .body(())?;
    /// assert_eq!(handshake.verify(&response), Err(HandshakeError::Accept));
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn resume(key: &str, subprotocols: Vec<String>, deflate: Option<Deflate>) -> Self {
        Self {
            accept: key::accept_for(key),
            version: Version::V13,
            subprotocols,
            subprotocol_optional: false,
            deflate,
            judges_as_ws: false,
        }
    }

    /// Judges the extensions in the response as the npm package `ws` does: the list has to be as a
    /// sender may write it, see [`extension::parse_strict`], and if the same extension is listed
    /// several times, [`Deflate::verify_first`] decides. By default, what the RFCs let a recipient
    /// tolerate is accepted, and two answers are not.
    #[must_use]
    pub const fn with_extensions_as_ws(mut self) -> Self {
        self.judges_as_ws = true;
        self
    }

    /// Verifies the response. After `Ok`, frames follow the response's head.
    ///
    /// # Errors
    ///
    /// The server rejected the request ([`HandshakeError::Status`]) or violated a rule of §4.1.
    /// Close the connection.
    pub fn verify<B>(&self, response: &Response<B>) -> Result<Negotiated, HandshakeError> {
        let headers = response.headers();
        // §4.1 (1): "If the status code received from the server is not 101, the client handles the
        // response per HTTP procedures."
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HandshakeError::Status(response.status()));
        }
        if response.version() < http::Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        check_upgrade(headers)?;
        self.check_accept(headers)?;
        let subprotocol = self.subprotocol(headers)?;
        let deflate = self.deflate(headers)?;
        Ok(Negotiated { version: self.version, subprotocol, deflate })
    }

    /// §4.1 (5): if the response "indicates the use of an extension that was not present in the
    /// client's handshake [...], the client MUST _Fail the WebSocket Connection_". RFC 7692 §7.1:
    /// the same applies to invalid parameters.
    fn deflate(&self, headers: &HeaderMap) -> Result<Option<Parameters>, HandshakeError> {
        const NAME: HeaderName = header::SEC_WEBSOCKET_EXTENSIONS;
        let Some(value) = field::single(headers, &NAME)? else { return Ok(None) };
        let answers = match self.judges_as_ws {
            true => extension::parse_strict(value),
            false => extension::parse(value),
        };
        let answers = answers.map_err(|_| HandshakeError::Malformed(NAME))?;
        let is_one = answers.len() == 1 || self.judges_as_ws && !answers.is_empty();
        let is_offered = answers.iter().all(|answer| answer.name == deflate::NAME);
        match &self.deflate {
            Some(offered) if is_one && is_offered => {
                offered.verify_first(&answers).map(Some).map_err(HandshakeError::Deflate)
            }
            _ => Err(HandshakeError::Extension),
        }
    }

    /// §4.1 (4): the accept value has to be the hash of the key, "ignoring any leading and trailing
    /// whitespace".
    fn check_accept(&self, headers: &HeaderMap) -> Result<(), HandshakeError> {
        let name = header::SEC_WEBSOCKET_ACCEPT;
        let accept = field::single(headers, &name)?.ok_or(HandshakeError::Missing(name))?;
        if accept == self.accept { Ok(()) } else { Err(HandshakeError::Accept) }
    }

    /// §4.1 (6): "If the response includes a |Sec-WebSocket-Protocol| header field and this header
    /// field indicates the use of a subprotocol that was not present in the client's handshake
    /// [...] the client MUST _Fail the WebSocket Connection_."
    fn subprotocol(&self, headers: &HeaderMap) -> Result<Option<String>, HandshakeError> {
        match field::single(headers, &header::SEC_WEBSOCKET_PROTOCOL)? {
            Some(chosen) if self.subprotocols.iter().any(|asked| asked == chosen) => {
                Ok(Some(chosen.to_owned()))
            }
            Some(chosen) => Err(HandshakeError::Subprotocol(chosen.to_owned())),
            None if self.subprotocols.is_empty() || self.subprotocol_optional => Ok(None),
            None => Err(HandshakeError::NoSubprotocol),
        }
    }
}

fn request(url: &Url, offer: &Offer, key: &str) -> Result<Request<()>, HandshakeError> {
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = url.resource_name().parse().map_err(|_| HandshakeError::RequestTarget)?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, value(&url.authority(), header::HOST)?);
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_KEY, value(key, header::SEC_WEBSOCKET_KEY)?);
    headers.insert(header::SEC_WEBSOCKET_VERSION, u16::from(offer.version.number()).into());
    if !offer.subprotocols.is_empty() {
        let list = value(&offer.subprotocols.join(", "), header::SEC_WEBSOCKET_PROTOCOL)?;
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, sensitive(list));
    }
    if let Some(deflate) = &offer.deflate {
        let list = value(&deflate.offer().to_string(), header::SEC_WEBSOCKET_EXTENSIONS)?;
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, list);
    }
    if let Some(origin) = &offer.origin {
        headers.insert(offer.version.origin_header(), origin.clone());
    }
    if let Some(info) = url.user_info()
        && let Some(basic) = basic_authorization(info.user(), info.password())
    {
        headers.insert(header::AUTHORIZATION, sensitive(basic));
    }
    for name in [header::HOST, header::AUTHORIZATION] {
        if offer.headers.contains_key(&name) {
            headers.remove(name);
        }
    }
    let mut own = offer.headers.clone();
    own.values_mut().for_each(|value| value.set_sensitive(true));
    headers.extend(own);
    join_cookies(headers)?;
    Ok(request)
}

/// RFC 6265 §5.4: "the user agent MUST NOT attach more than one Cookie header field".
fn join_cookies(headers: &mut HeaderMap) -> Result<(), HandshakeError> {
    let cookies: Vec<_> =
        headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1 {
        let joined = HeaderValue::from_bytes(&cookies.join(&b"; "[..]));
        let joined = joined.map_err(|_| HandshakeError::Malformed(header::COOKIE))?;
        headers.insert(header::COOKIE, sensitive(joined));
    }
    Ok(())
}

/// Marks a value so that `Debug` does not show it.
fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn value(text: &str, name: HeaderName) -> Result<HeaderValue, HandshakeError> {
    HeaderValue::from_str(text).map_err(|_| HandshakeError::Malformed(name))
}

/// The caller's header fields must neither change the handshake nor give it a body.
fn check_headers(headers: &HeaderMap) -> Result<(), HandshakeError> {
    // RFC 9112 §3.2: a request with more than one is answered 400.
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Err(HandshakeError::Repeated(header::HOST));
    }
    match headers.keys().find(|name| field::is_reserved(name)) {
        Some(name) => Err(HandshakeError::ReservedHeader(name.clone())),
        None => Ok(()),
    }
}

fn check_upgrade(headers: &HeaderMap) -> Result<(), HandshakeError> {
    // §4.1 (2): "If the response lacks an |Upgrade| header field or the |Upgrade| header field
    // contains a value that is not an ASCII case-insensitive match for the value "websocket", the
    // client MUST _Fail the WebSocket Connection_."
    let upgrade = field::single(headers, &header::UPGRADE)?
        .ok_or(HandshakeError::Missing(header::UPGRADE))?;
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(HandshakeError::Malformed(header::UPGRADE));
    }
    // §4.1 (3): the same for |Connection| and the token "Upgrade".
    field::check_connection(headers)
}
