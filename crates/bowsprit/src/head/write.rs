//! From the types of the `http` crate to bytes.

#[cfg(feature = "server")]
use std::time::SystemTime;

#[cfg(feature = "client")]
use http::Request;
use http::{HeaderMap, HeaderName};
#[cfg(feature = "server")]
use http::{HeaderValue, Response, StatusCode, header};

#[cfg(feature = "client")]
use super::spelling::Spelling;
use super::spelling::write_name;

/// Writes the head of a request, with the application's spelling of names.
#[cfg(feature = "client")]
pub(crate) fn write_request(request: &Request<()>, spelling: &Spelling, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.uri().to_string().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write_fields(request.headers(), out, |name, out| match spelling.get(name) {
        Some(spelled) => out.extend_from_slice(spelled.as_bytes()),
        None => write_name(name.as_str(), out),
    });
}

/// Writes the head of a response.
#[cfg(feature = "server")]
pub(crate) fn write_response<B>(response: &Response<B>, out: &mut Vec<u8>) {
    write_status(response.status(), out);
    write_fields(response.headers(), out, |name, out| write_name(name.as_str(), out));
}

/// Writes a response that is no upgrade: its head, with the date and the body's length, and its
/// body. The connection ends with it.
#[cfg(feature = "server")]
pub(crate) fn write_rejection<B: AsRef<[u8]>>(mut response: Response<B>, out: &mut Vec<u8>) {
    let headers = response.headers_mut();
    remove_framing(headers);
    let date = httpdate::fmt_http_date(SystemTime::now());
    if let Ok(date) = HeaderValue::from_maybe_shared(bytes::Bytes::from(date)) {
        headers.entry(header::DATE).or_insert(date);
    }
    // RFC 9110 §15.4.5: "A 304 response is terminated by the end of the header section; it cannot
    // contain content or trailers."
    let has_body = response.status() != StatusCode::NOT_MODIFIED;
    if has_body {
        let len = response.body().as_ref().len();
        response.headers_mut().insert(header::CONTENT_LENGTH, len.into());
    }
    write_response(&response, out);
    if has_body {
        out.extend_from_slice(response.body().as_ref());
    }
}

/// Removes what says how long a body is: the body itself does, whatever the application has set.
#[cfg(feature = "server")]
pub(crate) fn remove_framing(headers: &mut HeaderMap) {
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
}

#[cfg(feature = "server")]
fn write_status(status: StatusCode, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_fields(
    headers: &HeaderMap,
    out: &mut Vec<u8>,
    write_name: impl Fn(&HeaderName, &mut Vec<u8>),
) {
    for (name, value) in headers {
        write_name(name, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
