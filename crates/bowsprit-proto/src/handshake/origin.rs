//! The origin of a web page, RFC 6455 §10.2.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use http::{HeaderMap, HeaderName, header};

use super::{HandshakeError, Version, field};
use crate::url::{default_port, split_authority};

/// The origin header of the HyBi drafts.
pub(super) const SEC_WEBSOCKET_ORIGIN: HeaderName = HeaderName::from_static("sec-websocket-origin");

/// Which web pages may connect.
///
/// §10.2: "Servers that are not intended to process input from any web page but only for certain
/// sites SHOULD verify the |Origin| field is an origin they expect." Browsers send this header and
/// do not let pages forge it; other clients may send anything or nothing, so this keeps out foreign
/// *pages*, not foreign *programs*. Requests without the header are accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Only pages from the host and port that the request is addressed to, by its target or `Host`,
    /// or according to a trusted proxy. If the request is known to be encrypted, the page must be
    /// as well.
    #[default]
    Same,
    /// Only these origins, written as browsers do: `https://example.com`.
    List(Vec<String>),
    /// Pages from the same host and port, as with [`Same`](Self::Same), and from these origins.
    SameAnd(Vec<String>),
    /// Origins that a function accepts; see [`matching`](Self::matching).
    Matching(OriginMatcher),
    /// Pages of any origin. Do not rely on cookies then, as any page can make a browser send them.
    Any,
}

impl OriginPolicy {
    /// Accepts origins for which `matches` returns true, such as all subdomains of a site. It is
    /// passed the origin as it is in the request, in any case.
    ///
    /// ```
    /// use bowsprit_proto::handshake::OriginPolicy;
    ///
    /// let policy = OriginPolicy::matching(|origin| {
    ///     let host = origin.strip_prefix("https://").unwrap_or_default();
    ///     host == "example.com" || host.ends_with(".example.com")
    /// });
    /// ```
    pub fn matching(matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::Matching(OriginMatcher(Arc::new(matches)))
    }

    /// Checks a request's origin. `host` is the one that the client requested.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        version: Version,
        host: &str,
        encrypted: bool,
    ) -> Result<(), HandshakeError> {
        let Some(origin) = request_origin(headers, version)? else { return Ok(()) };
        let allowed = match self {
            Self::Any => true,
            Self::List(origins) => is_listed(origin, origins),
            Self::Same => is_same(origin, host, encrypted),
            Self::SameAnd(origins) => {
                is_listed(origin, origins) || is_same(origin, host, encrypted)
            }
            Self::Matching(OriginMatcher(matches)) => matches(origin),
        };
        if allowed { Ok(()) } else { Err(HandshakeError::Origin(String::from(origin))) }
    }
}

/// The function of [`OriginPolicy::matching`]. Two are equal if one is a clone of the other.
///
/// ```
/// use bowsprit_proto::handshake::OriginPolicy;
///
/// let policy = OriginPolicy::matching(|origin| origin.ends_with(".preview.example.com"));
/// let OriginPolicy::Matching(matcher) = &policy else { unreachable!() };
/// assert_eq!(OriginPolicy::Matching(matcher.clone()), policy);
/// ```
#[derive(Clone)]
pub struct OriginMatcher(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl PartialEq for OriginMatcher {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for OriginMatcher {}

impl fmt::Debug for OriginMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginMatcher").finish_non_exhaustive()
    }
}

fn is_listed(origin: &str, origins: &[String]) -> bool {
    origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

/// The origin of a request. In version 8 the header has another name. Later drafts of that version
/// already used the new one; if both are present, they must agree.
fn request_origin(headers: &HeaderMap, version: Version) -> Result<Option<&str>, HandshakeError> {
    let origin = field::single(headers, &header::ORIGIN)?;
    if version == Version::V13 {
        return Ok(origin);
    }
    let draft = field::single(headers, &SEC_WEBSOCKET_ORIGIN)?;
    match (origin, draft) {
        (Some(origin), Some(draft)) if origin != draft => {
            Err(HandshakeError::Malformed(SEC_WEBSOCKET_ORIGIN))
        }
        _ => Ok(origin.or(draft)),
    }
}

/// Whether an origin has the host and port that a request is addressed to. An omitted port is the
/// default port of the origin's scheme. The origin `null` has no host.
///
/// RFC 6454 §5: origins are the same only if their schemes are. A proxy may have decrypted the
/// request, so its scheme is known only if it is known to be encrypted.
fn is_same(origin: &str, host: &str, encrypted: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let secure = scheme.eq_ignore_ascii_case("https");
    if !secure && (encrypted || !scheme.eq_ignore_ascii_case("http")) {
        return false;
    }
    let (Some((origin, origin_port)), Some((host, host_port))) =
        (split_authority(authority), split_authority(host))
    else {
        return false;
    };
    let port = default_port(secure);
    origin.eq_ignore_ascii_case(host) && origin_port.unwrap_or(port) == host_port.unwrap_or(port)
}
