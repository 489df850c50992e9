//! Requests as programs have them that were written for other clients.

use bowsprit_proto::{grammar::elements, handshake::HandshakeError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

use super::Client;
use crate::{ConnectError, WebSocket};

impl Client {
    /// Adds header fields to the request. They replace fields of the same names; otherwise as
    /// [`header`](Self::header).
    ///
    /// ```
    /// use bowsprit::{Client, http::{HeaderMap, HeaderValue, header}};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(header::USER_AGENT, HeaderValue::from_static("weather/1.0"));
    /// let client = Client::new().headers(headers);
    /// ```
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.spelling.forget(&headers);
        self.offer.headers.extend(headers);
        self
    }

    /// Connects to the URL of a request with its header fields, which replace the client's fields
    /// of the same names. For programs that were written for other libraries.
    ///
    /// The request does not need the header fields of the opening handshake. If they are present,
    /// the client honours them or returns an error: each `Sec-WebSocket-Protocol` is
    /// [requested](Self::subprotocol), `Origin` is sent, and what the client writes itself is left
    /// out. That is `Connection: Upgrade`, `Upgrade: websocket`, the version, the key, which is
    /// always a fresh one, and the extensions, which [`deflate`](Self::deflate) determines.
    ///
    /// ```no_run
    /// use bowsprit::{Client, http::Request};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::get("wss://example.com/feed").header("x-api-key", "1234").body(())?;
    /// let ws = Client::new().connect_request(request).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); also [`ConnectError::Url`] if the request's URI has no scheme
    /// or host, and [`ConnectError::Handshake`] if its method is not `GET`, or if one of its
    /// handshake fields has another value.
    ///
    /// # Panics
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the attempt.
    pub async fn connect_request(&self, request: Request<()>) -> Result<WebSocket, ConnectError> {
        if request.method() != Method::GET {
            return Err(HandshakeError::Method.into());
        }
        let url = request.uri().to_string();
        let mut client = self.clone();
        client.take_over(request.headers())?;
        client.connect(&url).await
    }

    /// Takes over the fields of a request; the handshake refuses those that it does not allow.
    fn take_over(&mut self, headers: &HeaderMap) -> Result<(), ConnectError> {
        let version = self.offer.version.number().to_string();
        let mut others = HeaderMap::new();
        for (name, value) in headers {
            if *name == header::SEC_WEBSOCKET_PROTOCOL {
                self.offer.subprotocols.extend(subprotocols(value)?);
            } else if *name == header::ORIGIN {
                self.offer.origin = Some(value.clone());
            } else if !is_written_anyway(name, value, &version) {
                others.append(name, value.clone());
            }
        }
        self.spelling.forget(&others);
        self.offer.headers.extend(others);
        Ok(())
    }
}

fn subprotocols(value: &HeaderValue) -> Result<Vec<String>, ConnectError> {
    let malformed = |_| HandshakeError::Malformed(header::SEC_WEBSOCKET_PROTOCOL);
    let names = elements(value.to_str().map_err(malformed)?);
    Ok(names.map(str::to_owned).collect())
}

/// Whether a field says what the client says in any case.
fn is_written_anyway(name: &HeaderName, value: &HeaderValue, version: &str) -> bool {
    let is = |text: &str| value.as_bytes().trim_ascii().eq_ignore_ascii_case(text.as_bytes());
    match *name {
        header::CONNECTION => is("upgrade"),
        header::UPGRADE => is("websocket"),
        header::SEC_WEBSOCKET_VERSION => is(version),
        header::SEC_WEBSOCKET_KEY | header::SEC_WEBSOCKET_EXTENSIONS => true,
        _ => false,
    }
}
