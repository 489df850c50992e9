//! The response to a request that a server rejects.

use alloc::{format, string::String};

use http::{HeaderMap, HeaderValue, Response, StatusCode, Version, header};

use super::{HandshakeError, Policy, connect};

/// A rejected request: send the response, then close the connection (over HTTP/2, end the stream).
#[derive(Debug)]
#[non_exhaustive]
pub struct Rejection {
    /// A response that says what was wrong.
    pub response: Response<String>,
    /// What was wrong.
    pub error: HandshakeError,
}

/// The response to a rejected request. It ends the connection, so that nothing after it can be
/// taken for another request; over HTTP/2 it ends only the stream.
pub(super) fn refuse(error: &HandshakeError, policy: &Policy, http: Version) -> Response<String> {
    let mut response = Response::new(format!("{error}\n"));
    *response.status_mut() = error.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let upgrade_required = error.status() == StatusCode::UPGRADE_REQUIRED;
    match error {
        HandshakeError::Method => headers.insert(header::ALLOW, HeaderValue::from_static("GET")),
        HandshakeError::ExtendedConnect => {
            headers.insert(header::ALLOW, HeaderValue::from_static("CONNECT"))
        }
        _ => None,
    };
    // §4.4: the server answers "with one or more |Sec-WebSocket-Version| header fields indicating
    // the versions the server is willing to use."
    if upgrade_required || is_about_version(error) {
        let versions = if policy.accept_version_8 { "13, 8" } else { "13" };
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(versions));
    }
    if !connect::is_used_by(http) {
        say_what_becomes_of_the_connection(headers, upgrade_required);
    } else if upgrade_required {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    response
}

/// Adds the fields that HTTP/2 does not have, RFC 9113 §8.2.2.
fn say_what_becomes_of_the_connection(headers: &mut HeaderMap, upgrade_required: bool) {
    let mut connection = "close";
    // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response to
    // indicate the required protocol(s)"
    if upgrade_required {
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        connection = "Upgrade, close";
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static(connection));
}

fn is_about_version(error: &HandshakeError) -> bool {
    use HandshakeError::{Malformed, Missing, Repeated};
    matches!(error, Missing(name) | Repeated(name) | Malformed(name)
        if *name == header::SEC_WEBSOCKET_VERSION)
}
