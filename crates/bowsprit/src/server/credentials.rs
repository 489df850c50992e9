//! Credentials in the `Authorization` header: Basic, RFC 7617, and Bearer, RFC 6750.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

use super::Refusal;

/// Whether two secrets are the same. The time that the answer takes depends on their lengths, not
/// on where they differ.
///
/// ```
/// assert!(bowsprit::server::constant_time_eq("secret", b"secret"));
/// ```
pub fn constant_time_eq(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    one.as_ref().ct_eq(other.as_ref()).into()
}

/// A user name and password, as `Authorization: Basic …` has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Basic {
    user: String,
    password: String,
}

impl Basic {
    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password. To compare it, take [`matches`](Self::matches) or [`constant_time_eq`].
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Whether these are that user and password, found out by [`constant_time_eq`].
    #[must_use]
    pub fn matches(&self, user: &str, password: &str) -> bool {
        // Both are always compared, so that the time does not tell which of them is wrong.
        constant_time_eq(&self.user, user) & constant_time_eq(&self.password, password)
    }

    /// A 401 that asks for a user name and password.
    #[must_use]
    pub fn challenge(realm: &str) -> Refusal {
        challenge(&format!("Basic realm=\"{}\", charset=\"UTF-8\"", quotable(realm)))
    }

    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let decoded = BASE64_STANDARD.decode(credentials(headers, "basic")?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self { user: user.into(), password: password.into() })
    }
}

/// A token, as `Authorization: Bearer …` has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bearer<'r>(&'r str);

impl<'r> Bearer<'r> {
    /// The token. To compare it, take [`matches`](Self::matches) or [`constant_time_eq`].
    #[must_use]
    pub const fn token(&self) -> &'r str {
        self.0
    }

    /// Whether this is that token, found out by [`constant_time_eq`].
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        constant_time_eq(self.0, token)
    }

    /// A 401 that asks for a token.
    #[must_use]
    pub fn challenge(realm: &str) -> Refusal {
        challenge(&format!("Bearer realm=\"{}\"", quotable(realm)))
    }

    pub(super) fn from_headers(headers: &'r HeaderMap) -> Option<Self> {
        credentials(headers, "bearer").filter(|token| !token.is_empty()).map(Self)
    }
}

/// What follows the scheme. `None` if there is no such field, or more than one.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next()?.to_str().ok()?;
    let (name, credentials) = field.split_once(' ')?;
    (fields.next().is_none() && name.eq_ignore_ascii_case(scheme)).then(|| credentials.trim())
}

/// RFC 9110 §15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate header
/// field".
fn challenge(challenge: &str) -> Refusal {
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED);
    match HeaderValue::from_str(challenge) {
        Ok(challenge) => refusal.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => refusal,
    }
}

/// The inside of a quoted string, RFC 9110 §5.6.4; what cannot stand there becomes a space.
fn quotable(text: &str) -> String {
    let mut quotable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quotable.extend(['\\', character]),
            character if character.is_control() => quotable.push(' '),
            character => quotable.push(character),
        }
    }
    quotable
}

impl fmt::Debug for Basic {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for Bearer<'_> {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bearer").finish_non_exhaustive()
    }
}
