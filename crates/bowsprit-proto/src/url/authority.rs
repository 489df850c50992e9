//! The authority of a URL: user information, host and port, RFC 3986 §3.2.

use alloc::{borrow::Cow, boxed::Box, format, string::String};
use core::{
    fmt::{self, Write},
    net::Ipv6Addr,
};

use super::InvalidUrl;
use crate::{grammar::percent_decode, handshake::are_basic};

/// The user name and the password in a URL, percent-decoded.
///
/// ```
/// use bowsprit_proto::Url;
///
/// let url: Url = "wss://ann:s%40fe@example.com/".parse()?;
/// let user = url.user_info().unwrap();
/// assert_eq!((user.user(), user.password()), ("ann", "s@fe"));
/// # Ok::<(), bowsprit_proto::InvalidUrl>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserInfo {
    user: String,
    password: String,
}

impl UserInfo {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decode = |part| percent_decoded(part).ok_or(InvalidUrl::UserInfo);
        let info = Self { user: decode(user)?, password: decode(password)? };
        if text.is_empty() || !are_basic(&info.user, &info.password) {
            return Err(InvalidUrl::UserInfo);
        }
        Ok(info)
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password; empty if there is none.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for UserInfo {
    /// Shows no content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo").finish_non_exhaustive()
    }
}

/// `None` if a character must be encoded but is not, or the result is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    percent_decode(text, |byte| is_host_byte(byte) || byte == b':')
}

/// Splits the zone of an IPv6 address in brackets from the authority, RFC 6874 §2: "`IPv6addrz =
/// IPv6address "%25" ZoneID`".
pub(super) fn split_zone(authority: &str) -> Result<(Cow<'_, str>, Option<Box<str>>), InvalidUrl> {
    let zoned = authority.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((literal, port)) = zoned else { return Ok((authority.into(), None)) };
    let Some((address, zone)) = literal.split_once('%') else {
        return Ok((authority.into(), None));
    };
    let zone = zone.strip_prefix("25").and_then(percent_decoded);
    let zone = zone.filter(|zone| !zone.is_empty() && !zone.contains(char::is_control));
    let zone = zone.ok_or(InvalidUrl::Zone)?;
    Ok((format!("[{address}]{port}").into(), Some(zone.into())))
}

/// RFC 6874 §2: "`ZoneID = 1*( unreserved / pct-encoded )`".
pub(super) fn encoded(zone: &str) -> String {
    let mut encoded = String::with_capacity(zone.len());
    for byte in zone.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Splits host and port, RFC 3986 §3.2.2 and §3.2.3; an IPv6 address keeps its brackets.
///
/// `None` if either is malformed, or the port is empty.
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

/// The unreserved characters and sub-delimiters of RFC 3986 §2. Names that need escapes cannot be
/// resolved.
const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~')
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}
