//! Credentials in the request, RFC 7617 and RFC 6750.

use alloc::format;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;

/// Returns the value of `Authorization`, or of `Proxy-Authorization`, for a user name and a
/// password.
///
/// `None` if the user name contains a colon, or either contains control characters.
#[must_use]
pub fn basic_authorization(user: &str, password: &str) -> Option<HeaderValue> {
    if !are_basic(user, password) {
        return None;
    }
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    sensitive(&format!("Basic {encoded}"))
}

/// RFC 7617 §2: "a user-id containing a colon character is invalid", and "The user-id and password
/// MUST NOT contain any control characters".
pub(crate) fn are_basic(user: &str, password: &str) -> bool {
    !user.contains(':') && !user.chars().chain(password.chars()).any(char::is_control)
}

/// Returns the value of `Authorization` for a token, RFC 6750 §2.1.
///
/// `None` if the token is not allowed in a header.
#[must_use]
pub fn bearer_authorization(token: &str) -> Option<HeaderValue> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        return None;
    }
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
