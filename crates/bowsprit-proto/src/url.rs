//! WebSocket URIs, RFC 6455 §3.

use alloc::{borrow::Cow, format, string::String};
use core::{fmt, fmt::Write, net::Ipv6Addr, str::FromStr};

/// A `ws:` or `wss:` URI, taken apart into what §3 calls *host*, *port*, *resource name* and the
/// *secure* flag.
///
/// ```
/// let url: bowsprit_proto::Url = "ws://example.com/chat?room=1".parse()?;
/// assert_eq!((url.host(), url.port()), ("example.com", 80));
/// assert_eq!(url.resource_name(), "/chat?room=1");
/// # Ok::<(), bowsprit_proto::InvalidUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    secure: bool,
    host: String,
    port: u16,
    resource_name: String,
}

/// A text that is no WebSocket URI, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It does not match the grammar of URIs.
    Syntax,
    /// The scheme is neither `ws` nor `wss`.
    Scheme,
    /// It has a fragment, §3.
    Fragment,
    /// It has a user or password; credentials belong into a header.
    UserInfo,
    /// It names no host.
    Host,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "the URL is not well-formed",
            Self::Scheme => "the URL's scheme is not ws or wss",
            Self::Fragment => "the URL has a fragment, which WebSocket URLs may not",
            Self::UserInfo => "the URL has a user name or password; send a header instead",
            Self::Host => "the URL names no host",
        })
    }
}

impl core::error::Error for InvalidUrl {}

impl Url {
    /// Whether the connection is to be encrypted: the scheme is `wss`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host: a name or an address; IPv6 addresses without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port, by default 80 for `ws` and 443 for `wss`.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query: what the request asks for.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// The value of the `Host` header, §4.1 (4): "the value contains /host/ plus optionally ":"
    /// followed by /port/ (when not using the default port)".
    #[must_use]
    pub fn authority(&self) -> Cow<'_, str> {
        if self.port == default_port(self.secure) {
            Cow::Borrowed(&self.host)
        } else {
            Cow::Owned(format!("{}:{}", self.host, self.port))
        }
    }
}

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
        // be used on these URIs."
        if text.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        let (secure, rest) = split_scheme(text)?;
        let authority_len = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(authority_len);
        let (host, port) = parse_authority(authority)?;
        let (host, port) = (host.to_ascii_lowercase(), port.unwrap_or(default_port(secure)));
        Ok(Self { secure, host, port, resource_name: resource_name(resource)? })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.resource_name)
    }
}

/// §3: "The port component is OPTIONAL; the default for "ws" is port 80, while the default for
/// "wss" is port 443."
pub(crate) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

fn split_scheme(text: &str) -> Result<(bool, &str), InvalidUrl> {
    let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Syntax)?;
    if scheme.eq_ignore_ascii_case("ws") {
        Ok((false, rest))
    } else if scheme.eq_ignore_ascii_case("wss") {
        Ok((true, rest))
    } else {
        Err(InvalidUrl::Scheme)
    }
}

fn parse_authority(authority: &str) -> Result<(&str, Option<u16>), InvalidUrl> {
    if authority.contains('@') {
        return Err(InvalidUrl::UserInfo);
    }
    if authority.is_empty() || authority.starts_with(':') {
        return Err(InvalidUrl::Host);
    }
    split_authority(authority).ok_or(InvalidUrl::Syntax)
}

/// Host and port, as RFC 3986 §3.2.2 and §3.2.3 write them; an IPv6 address keeps its brackets.
///
/// `None` if either is malformed, or the port left empty.
pub(crate) fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_len = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, _) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            address.len() + "[]".len()
        }
        None => authority.bytes().position(|byte| !is_host_byte(byte)).unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_len);
    let port = match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        _ => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// The unreserved characters and sub-delimiters of RFC 3986 §2. Nothing that needs escapes can be
/// looked up.
const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// §3: "/" indicating that the path component is empty, the path component, "?" indicating that the
/// query component is non-empty, the query component. §11.1.1: characters outside of ASCII are
/// percent-encoded as UTF-8.
fn resource_name(resource: &str) -> Result<String, InvalidUrl> {
    let mut name = String::with_capacity(resource.len() + 1);
    if !resource.starts_with('/') {
        name.push('/');
    }
    for byte in resource.bytes() {
        match byte {
            0..=0x1F | 0x7F => return Err(InvalidUrl::Syntax),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                let _infallible = write!(name, "%{byte:02X}");
            }
            byte => name.push(char::from(byte)),
        }
    }
    if name.find('?') == Some(name.len() - 1) {
        name.pop();
    }
    Ok(name)
}
