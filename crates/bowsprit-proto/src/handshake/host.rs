//! The host names that a server accepts.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::net::IpAddr;

use http::{Request, header, uri::Authority};

use super::{HandshakeError, Policy, Rejection, connect, field, rejection::refuse};
use crate::url::split_authority;

/// The hosts that a request may be addressed to. Protects against DNS rebinding.
///
/// A page can point its own host name at the address of any server, such as one on the visitor's
/// machine that trusts everyone who can reach it. The browser then treats both as the same origin,
/// and so does [`OriginPolicy::Same`](super::OriginPolicy::Same). But the page cannot make the
/// browser request another host name than its own.
///
/// ```
/// use bowsprit_proto::handshake::HostPolicy;
/// use http::Request;
///
/// let policy = HostPolicy::List(vec!["chat.example.com".into()]);
/// let request = |host| Request::get("/").header("host", host).body(()).unwrap();
/// assert!(policy.check(&request("chat.example.com:8080"), None).is_ok());
/// assert!(policy.check(&request("rebound.example"), None).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPolicy {
    /// Any host. For servers that are open to everyone.
    #[default]
    Any,
    /// The local machine: `localhost`, names below it, and loopback addresses.
    Loopback,
    /// These names or addresses, case-insensitive and without a port; IPv6 addresses in brackets.
    List(Vec<String>),
}

impl HostPolicy {
    /// Checks the host that a request is addressed to: the host that a trusted proxy reports, else
    /// the one in the request's target, else its `Host`.
    ///
    /// # Errors
    ///
    /// 421, RFC 9110 §15.5.20: the request was "directed at a server that is unable or unwilling to
    /// produce an authoritative response for the target URI". 400 if `Host` is missing, malformed
    /// or repeated, or the target has no host or has user information.
    pub fn check<B>(
        &self,
        request: &Request<B>,
        forwarded: Option<&str>,
    ) -> Result<(), Box<Rejection>> {
        self.check_host(request, forwarded).map_err(|error| {
            let response = refuse(&error, &Policy::default(), request.version());
            Box::new(Rejection { response, error })
        })
    }

    fn check_host<B>(
        &self,
        request: &Request<B>,
        forwarded: Option<&str>,
    ) -> Result<(), HandshakeError> {
        if *self == Self::Any {
            return Ok(());
        }
        let host = match forwarded {
            Some(host) => host,
            None => requested(request)?,
        };
        let (name, _) = split_authority(host.strip_suffix(':').unwrap_or(host))
            .ok_or(HandshakeError::Malformed(header::HOST))?;
        if self.allows(name) { Ok(()) } else { Err(HandshakeError::Host(name.into())) }
    }

    fn allows(&self, name: &str) -> bool {
        // A fully qualified name may end in a dot, which makes no difference.
        let name = name.strip_suffix('.').unwrap_or(name);
        match self {
            Self::Any => true,
            Self::Loopback => is_loopback(name),
            Self::List(names) => names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)),
        }
    }
}

/// The host that a request is addressed to, with its port if there is one. It may be empty, and may
/// end in a bare colon.
///
/// # Errors
///
/// RFC 9112 §3.2: an HTTP/1.1 request without exactly one valid `Host` is rejected even if the
/// target has precedence. HTTP/2 has `:authority` instead.
pub(super) fn requested<B>(request: &Request<B>) -> Result<&str, HandshakeError> {
    const NAME: http::HeaderName = header::HOST;
    let host = field::single(request.headers(), &NAME)?;
    if host.is_some_and(|host| !host.is_empty() && !is_host(host)) {
        return Err(HandshakeError::Malformed(NAME));
    }
    let over_http2 = connect::is_used_by(request.version());
    let Some(authority) = request.uri().authority().map(Authority::as_str) else {
        return host.ok_or(HandshakeError::Missing(NAME));
    };
    match host {
        None if !over_http2 => Err(HandshakeError::Missing(NAME)),
        // RFC 9113 §8.3.1: a server "SHOULD treat a request as malformed if it contains a Host
        // header field that identifies an entity that differs" from `:authority`.
        Some(host) if over_http2 && !host.eq_ignore_ascii_case(authority) => {
            Err(HandshakeError::Malformed(NAME))
        }
        // RFC 9112 §3.2.2: of a request with an absolute target, the server "MUST ignore the
        // received Host header field (if any) and instead use the host information of the
        // request-target." User information is not part of a host, RFC 9110 §4.2.4.
        _ if is_host(authority) => Ok(authority),
        _ => Err(HandshakeError::RequestTarget),
    }
}

fn is_host(host: &str) -> bool {
    split_authority(host.strip_suffix(':').unwrap_or(host)).is_some()
}

/// RFC 6761 §6.3: names that end in `.localhost` never leave the machine.
fn is_loopback(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    last.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}
