//! WebSocket URIs, RFC 6455 §3, and parsing other common notations as such.

mod authority;
mod join;
mod parse;

use alloc::{
    borrow::Cow,
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::fmt;

pub use self::authority::UserInfo;
use self::authority::encoded;
pub(crate) use self::authority::split_authority;

/// A WebSocket URI, split into what §3 calls *host*, *port*, *resource name* and the *secure* flag.
///
/// ```
/// let url: bowsprit_proto::Url = "ws://example.com/chat?room=1".parse()?;
/// assert_eq!((url.host(), url.port()), ("example.com", 80));
/// assert_eq!(url.resource_name(), "/chat?room=1");
/// # Ok::<(), bowsprit_proto::InvalidUrl>(())
/// ```
///
/// `http:` and `https:` are read as `ws:` and `wss:`. A Unix socket is written as
/// `ws+unix:/path/of.sock:/resource?query`; the resource may be omitted.
///
/// User name and password are stored separately and shown neither by `Display` nor by `Debug`.
/// `Debug` omits the query as well, which may contain a token.
///
/// Spaces and control characters around a URL are trimmed, as in browsers. Inside of it, control
/// characters such as line breaks are an error, and other characters that are not allowed in URLs
/// are percent-encoded.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    secure: bool,
    /// As in the `Host` header, so an IPv6 address has its brackets.
    host: String,
    /// Percent-decoded.
    zone: Option<Box<str>>,
    port: u16,
    resource_name: String,
    user_info: Option<Box<UserInfo>>,
    socket_path: Option<Box<str>>,
}

/// Why a text is not a WebSocket URI.
///
/// ```
/// use bowsprit_proto::{InvalidUrl, Url};
///
/// assert_eq!("wss://example.com/#news".parse::<Url>(), Err(InvalidUrl::Fragment));
/// assert_eq!("ftp://example.com/".parse::<Url>(), Err(InvalidUrl::Scheme));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It does not match the grammar of URIs.
    Syntax,
    /// The scheme is not one for WebSocket connections.
    Scheme,
    /// It has a fragment, §3.
    Fragment,
    /// The user name or password is empty, not percent-encoded UTF-8, or not allowed in a header.
    UserInfo,
    /// It has no host.
    Host,
    /// The zone of an IPv6 address is not in the form of RFC 6874, `[fe80::1%25eth0]`.
    Zone,
    /// The host name is not ASCII, and either this build cannot convert it, or it cannot be
    /// converted.
    HostName,
    /// It has no path of a Unix socket.
    SocketPath,
    /// It contains a control character, such as a tab or a line break.
    ControlCharacter,
    /// It, or its path and query once percent-encoded, has more than 65,534 bytes.
    TooLong,
}

impl fmt::Display for InvalidUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "the URL is not well-formed",
            Self::Scheme => "the URL's scheme is not ws, wss, http, https or ws+unix",
            Self::Fragment => {
                "the URL has a fragment, which WebSocket URLs may not; elsewhere, # is written as %23"
            }
            Self::UserInfo => "the URL's user name or password is empty or not percent-encoded",
            Self::Host => "the URL names no host",
            Self::Zone => "the URL's IPv6 zone is not written as in [fe80::1%25eth0]",
            Self::HostName if cfg!(feature = "idna") => "the URL's host is no valid name",
            Self::HostName => "the URL's host is not ASCII, for which the feature idna is needed",
            Self::SocketPath => "the URL names no socket, as in ws+unix:/path/of.sock:/resource",
            Self::ControlCharacter => "the URL has a line break or another control character in it",
            Self::TooLong => "the URL is too long; at most 65,534 bytes can be sent",
        })
    }
}

impl core::error::Error for InvalidUrl {}

impl Url {
    /// Whether the connection is to be encrypted: the scheme is `wss` or `https`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host: a name or an address; IPv6 addresses without brackets. `localhost` for a Unix
    /// socket.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The zone of an IPv6 address, RFC 6874: the interface, by name or number, through which it is
    /// reached. It is meaningful only on this machine, and is not sent.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The port, by default 80 for `ws` and 443 for `wss`.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, the target of the request.
    #[must_use]
    pub fn resource_name(&self) -> &str {
        &self.resource_name
    }

    /// User name and password.
    #[must_use]
    pub fn user_info(&self) -> Option<&UserInfo> {
        self.user_info.as_deref()
    }

    /// The path of the Unix socket to connect to instead of host and port.
    #[must_use]
    pub fn socket_path(&self) -> Option<&str> {
        self.socket_path.as_deref()
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

    /// Whether both URLs have the same origin, so that credentials for one may be sent to the
    /// other.
    ///
    /// RFC 6454 §5 compares scheme, host and port; each Unix socket is an origin of its own.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        let place = |url: &Self| (url.secure, url.port);
        place(self) == place(other)
            && self.host == other.host
            && self.zone == other.zone
            && self.socket_path == other.socket_path
    }

    /// Returns this URL with the user name and password of another.
    ///
    /// ```
    /// use bowsprit_proto::Url;
    ///
    /// let first: Url = "wss://ann:secret@example.com/feed".parse()?;
    /// let second = "wss://example.com/news".parse::<Url>()?.with_user_info_of(&first);
    /// assert_eq!(second.user_info().map(|user| user.user()), Some("ann"));
    /// # Ok::<(), bowsprit_proto::InvalidUrl>(())
    /// ```
    #[must_use]
    pub fn with_user_info_of(mut self, other: &Self) -> Self {
        self.user_info.clone_from(&other.user_info);
        self
    }

    /// Returns this URL without user name and password.
    #[must_use]
    pub fn without_user_info(mut self) -> Self {
        self.user_info = None;
        self
    }
}

impl fmt::Display for Url {
    /// The URL without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.socket_path {
            // Two slashes would be taken for the beginning of an authority.
            let slashes = if path.starts_with("//") { "//" } else { "" };
            return write!(f, "ws+unix:{slashes}{path}:{}", self.resource_name);
        }
        let scheme = if self.secure { "wss" } else { "ws" };
        match (&self.zone, self.authority()) {
            (None, authority) => write!(f, "{scheme}://{authority}")?,
            (Some(zone), authority) => {
                let (address, port) = authority.split_once(']').unwrap_or((&authority, ""));
                write!(f, "{scheme}://{address}%25{}]{port}", encoded(zone))?;
            }
        }
        f.write_str(&self.resource_name)
    }
}

impl fmt::Debug for Url {
    /// As [`Display`](fmt::Display), but without the content of the query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.to_string();
        match shown.split_once('?') {
            Some((shown, _)) => write!(f, "Url({shown}?…)"),
            None => write!(f, "Url({shown})"),
        }
    }
}

/// §3: "The port component is OPTIONAL; the default for "ws" is port 80, while the default for
/// "wss" is port 443."
pub(crate) const fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}
