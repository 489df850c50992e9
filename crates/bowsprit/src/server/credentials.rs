//! Credentials in the `Authorization` header: Basic, RFC 7617, and Bearer, RFC 6750.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

use super::Rejection;

/// Whether two secrets are equal. The time that the comparison takes depends on their lengths, not
/// on where they differ.
///
/// ```
/// assert!(bowsprit::server::constant_time_eq("secret", b"secret"));
/// ```
pub fn constant_time_eq(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    one.as_ref().ct_eq(other.as_ref()).into()
}

/// The user name and password from `Authorization: Basic …`.
///
/// ```
/// use bowsprit::{http::Request, server::{Basic, Rejection, RequestExt}};
///
/// fn user<B>(request: &Request<B>) -> Result<String, Rejection> {
///     match request.basic() {
///         Some(login) if login.matches("ann", "secret") => Ok(login.user().to_owned()),
///         _ => Err(Basic::challenge("chat")),
///     }
/// }
///
/// let rejection = user(&Request::new(())).unwrap_err();
/// assert_eq!(rejection.response().status(), 401);
/// ```
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

    /// The password. Compare it with [`matches`](Self::matches) or [`constant_time_eq`].
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Whether these credentials equal this user and password, compared by [`constant_time_eq`].
    #[must_use]
    pub fn matches(&self, user: &str, password: &str) -> bool {
        // Both are always compared, so that the time does not tell which of them is wrong.
        constant_time_eq(&self.user, user) & constant_time_eq(&self.password, password)
    }

    /// Returns a 401 that asks for a user name and password.
    #[must_use]
    pub fn challenge(realm: &str) -> Rejection {
        challenge(&format!("Basic realm=\"{}\", charset=\"UTF-8\"", quotable(realm)))
    }

    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let decoded = BASE64_STANDARD.decode(credentials(headers, "basic")?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Self { user: user.into(), password: password.into() })
    }
}

/// The token from `Authorization: Bearer …`.
///
/// ```
/// use bowsprit::{http::Request, server::{Bearer, Rejection, RequestExt}};
///
/// fn check<B>(request: &Request<B>) -> Result<(), Rejection> {
///     match request.bearer() {
///         Some(token) if token.matches("1234") => Ok(()),
///         _ => Err(Bearer::challenge("chat")),
///     }
/// }
///
/// let rejection = check(&Request::new(())).unwrap_err();
/// assert_eq!(rejection.response().status(), 401);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bearer<'r>(&'r str);

impl<'r> Bearer<'r> {
    /// The token. Compare it with [`matches`](Self::matches) or [`constant_time_eq`].
    #[must_use]
    pub const fn token(&self) -> &'r str {
        self.0
    }

    /// Whether this equals `token`, compared by [`constant_time_eq`].
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        constant_time_eq(self.0, token)
    }

    /// Returns a 401 that asks for a token.
    #[must_use]
    pub fn challenge(realm: &str) -> Rejection {
        challenge(&format!("Bearer realm=\"{}\"", quotable(realm)))
    }

    pub(super) fn from_headers(headers: &'r HeaderMap) -> Option<Self> {
        credentials(headers, "bearer").filter(|token| !token.is_empty()).map(Self)
    }
}

/// The credentials after the scheme. `None` if there is no such field, or more than one.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next()?.to_str().ok()?;
    let (name, credentials) = field.split_once(' ')?;
    (fields.next().is_none() && name.eq_ignore_ascii_case(scheme)).then(|| credentials.trim())
}

/// RFC 9110 §15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate header
/// field".
fn challenge(challenge: &str) -> Rejection {
    let rejection = Rejection::new(StatusCode::UNAUTHORIZED);
    match HeaderValue::from_str(challenge) {
        Ok(challenge) => rejection.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => rejection,
    }
}

/// The contents of a quoted string, RFC 9110 §5.6.4; characters that are not allowed become spaces.
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
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for Bearer<'_> {
    /// Omits the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bearer").finish_non_exhaustive()
    }
}
