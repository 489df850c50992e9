//! Which names a server answers to.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::net::IpAddr;

use http::{Request, header};

use super::{HandshakeError, Policy, Rejection, field, rejection::refuse};
use crate::url::split_authority;

/// Which hosts a request may be addressed to, against DNS rebinding.
///
/// A page can give its own name the address of any server, such as one on the visitor's machine
/// that trusts whoever can reach it. The browser then takes the two for the same origin, and so does
/// [`OriginPolicy::Same`](super::OriginPolicy::Same). What such a page cannot do is ask for another
/// name than its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPolicy {
    /// Any. Right for servers that everyone may reach.
    #[default]
    Any,
    /// The own machine: `localhost`, names below it, and loopback addresses.
    Loopback,
    /// These names or addresses, in any case, without a port; IPv6 addresses in brackets.
    List(Vec<String>),
}

impl HostPolicy {
    /// Checks the host that a request is addressed to: the one in its target, else its `Host`; or
    /// what the client has asked a trusted proxy for.
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
            Box::new(Rejection { response: refuse(&error, &Policy::default()), error })
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
        // The dot at the end of a complete name means nothing more.
        let name = name.strip_suffix('.').unwrap_or(name);
        match self {
            Self::Any => true,
            Self::Loopback => is_loopback(name),
            Self::List(names) => names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)),
        }
    }
}

/// The host that a request is addressed to, with its port if it names one. It may be empty, and may
/// end in a bare colon.
///
/// # Errors
///
/// RFC 9112 §3.2: without exactly one valid `Host`, the request is refused even where that is not
/// what counts.
pub(super) fn requested<B>(request: &Request<B>) -> Result<&str, HandshakeError> {
    let host = field::single(request.headers(), &header::HOST)?;
    let host = host.ok_or(HandshakeError::Missing(header::HOST))?;
    if !host.is_empty() && !is_host(host) {
        return Err(HandshakeError::Malformed(header::HOST));
    }
    // RFC 9112 §3.2.2: of a request with an absolute target, the server "MUST ignore the received
    // Host header field (if any) and instead use the host information of the request-target."
    match request.uri().authority() {
        None => Ok(host),
        // User information is not part of a host: RFC 9110 §4.2.4 wants it treated as an error.
        Some(authority) if is_host(authority.as_str()) => Ok(authority.as_str()),
        Some(_) => Err(HandshakeError::RequestTarget),
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
