//! Reading header fields with the multiplicity that the RFC allows.

use alloc::{string::String, vec::Vec};

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::HandshakeError;
use crate::grammar::elements;

/// The value of a field that must be unique, as text.
///
/// `None` if the field is missing.
///
/// # Errors
///
/// If it is repeated, or is not visible ASCII.
pub(super) fn single<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, HandshakeError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| as_text(value, name)).transpose()?;
    match values.next() {
        None => Ok(value.map(str::trim)),
        Some(_) => Err(HandshakeError::Repeated(name.clone())),
    }
}

/// All values of a field, as text.
pub(super) fn all<'h>(
    headers: &'h HeaderMap,
    name: &'h HeaderName,
) -> impl Iterator<Item = Result<&'h str, HandshakeError>> {
    headers.get_all(name).iter().map(|value| as_text(value, name))
}

/// The values of a field that "MAY appear multiple times", joined into one list. `None` if it is
/// missing.
pub(super) fn list(
    headers: &HeaderMap,
    name: &HeaderName,
) -> Result<Option<String>, HandshakeError> {
    let values = all(headers, name).collect::<Result<Vec<_>, _>>()?;
    Ok((!values.is_empty()).then(|| values.join(",")))
}

/// Whether the comma-separated list in a field contains `token`, ignoring case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    // Most lists have one element, and need not be split.
    values.any(|value| {
        value.eq_ignore_ascii_case(token)
            || elements(value).any(|element| element.eq_ignore_ascii_case(token))
    })
}

/// Checks that `Connection` contains the token "Upgrade", which both requests, §4.2.1 (4), and
/// responses, §4.1 (3), need.
pub(super) fn check_connection(headers: &HeaderMap) -> Result<(), HandshakeError> {
    if !headers.contains_key(header::CONNECTION) {
        return Err(HandshakeError::Missing(header::CONNECTION));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(HandshakeError::Malformed(header::CONNECTION));
    }
    Ok(())
}

/// Whether a field belongs to the handshake, or would give it a body. Applications must not set it.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("sec-websocket-")
        || [
            header::CONNECTION,
            header::UPGRADE,
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::TE,
            header::TRAILER,
        ]
        .contains(name)
}

fn as_text<'h>(value: &'h HeaderValue, name: &HeaderName) -> Result<&'h str, HandshakeError> {
    value.to_str().map_err(|_| HandshakeError::Malformed(name.clone()))
}
