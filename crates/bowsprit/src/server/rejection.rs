//! Responses that reject a handshake.

use std::fmt;

use bowsprit_proto::handshake::{self, HandshakeError};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};

use crate::{AcceptError, Error};

/// The response that rejects a handshake.
///
/// It ends the connection; over HTTP/2, only the stream. A status below 300 would tell the client
/// that its request succeeded, so it becomes 500.
///
/// ```
/// use bowsprit::{http::StatusCode, server::Rejection};
///
/// let rejection = Rejection::new(StatusCode::FORBIDDEN).body("members only\n");
/// assert_eq!(rejection.response().status(), 403);
/// ```
#[derive(Debug)]
pub struct Rejection(Box<Inner>);

#[derive(Debug)]
struct Inner {
    response: Response<Bytes>,
    error: Option<HandshakeError>,
}

impl Rejection {
    /// Creates a response with this status; the body is the status's reason phrase.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        let status = if status.as_u16() < 300 { StatusCode::INTERNAL_SERVER_ERROR } else { status };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Self::from(response).body(format!("{}\n", status.canonical_reason().unwrap_or("refused")))
    }

    /// Sets a header field, replacing others of the same name.
    ///
    /// ```
    /// use bowsprit::{http::{HeaderValue, StatusCode, header}, server::Rejection};
    ///
    /// let rejection = Rejection::new(StatusCode::SERVICE_UNAVAILABLE)
    ///     .header(header::RETRY_AFTER, HeaderValue::from_static("30"));
    /// ```
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.response.headers_mut().insert(name, value);
        self
    }

    /// Sets this text as the body.
    ///
    /// ```
    /// use bowsprit::{http::StatusCode, server::Rejection};
    ///
    /// let rejection = Rejection::new(StatusCode::NOT_FOUND).body("there is no such room\n");
    /// assert_eq!(rejection.response().body(), "there is no such room\n");
    /// ```
    #[must_use]
    pub fn body(mut self, text: impl Into<String>) -> Self {
        *self.0.response.body_mut() = Bytes::from(text.into());
        self.header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
    }

    /// The response.
    #[must_use]
    pub const fn response(&self) -> &Response<Bytes> {
        &self.0.response
    }

    /// The response, to be sent.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        self.0.response
    }

    /// The protocol violation, if the request breaks the rules of the handshake.
    #[must_use]
    pub const fn error(&self) -> Option<&HandshakeError> {
        self.0.error.as_ref()
    }

    /// Removes the fields that this version of HTTP does not allow, RFC 9113 §8.2.2.
    pub(super) fn over(mut self, http: Version) -> Self {
        if http >= Version::HTTP_2 {
            self.0.response.headers_mut().remove(header::CONNECTION);
            self.0.response.headers_mut().remove(header::UPGRADE);
        }
        self
    }

    /// The rejection of a server that is shutting down.
    pub(super) fn shutting_down() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE).body("shutting down\n")
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND).body("nothing here\n")
    }
}

impl From<StatusCode> for Rejection {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

impl From<Response<Bytes>> for Rejection {
    fn from(mut response: Response<Bytes>) -> Self {
        if response.status().as_u16() < 300 {
            tracing::error!(status = %response.status(), "no status for a rejection; it becomes 500");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Self(Box::new(Inner { response, error: None }))
    }
}

impl From<Box<handshake::Rejection>> for Rejection {
    fn from(rejection: Box<handshake::Rejection>) -> Self {
        let handshake::Rejection { response, error, .. } = *rejection;
        Self(Box::new(Inner { response: response.map(Bytes::from), error: Some(error) }))
    }
}

impl From<Rejection> for AcceptError {
    fn from(rejection: Rejection) -> Self {
        match rejection.0.error {
            Some(error) => Self::Handshake(error),
            None => Self::Rejected(Box::new(rejection.0.response)),
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Accept(rejection.into())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.error {
            Some(error) => fmt::Display::fmt(error, f),
            None => write!(f, "refused: {}", self.0.response.status()),
        }
    }
}

impl std::error::Error for Rejection {}
