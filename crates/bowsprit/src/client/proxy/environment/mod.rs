//! Which proxy the environment names, as curl reads it.

#[cfg(test)]
mod tests;

use std::{env, net::IpAddr};

use super::{super::proxy_variables, Proxy};
use crate::{ConnectError, Url};

/// How a client chooses its proxy.
#[derive(Clone, Debug, Default)]
pub(in crate::client) enum Choice {
    #[default]
    Environment,
    Always(Proxy),
    Never,
}

impl Choice {
    /// The proxy for this URL, if there is one.
    ///
    /// A proxy that the environment names but that cannot be used is an error: to go around it
    /// would send what must not leave.
    pub(in crate::client) fn proxy_for(&self, url: &Url) -> Result<Option<Proxy>, ConnectError> {
        match self {
            _ if url.socket_path().is_some() => Ok(None),
            Self::Never => Ok(None),
            Self::Always(proxy) => Ok(Some(proxy.clone())),
            Self::Environment => from(url, |name| env::var(name).ok()),
        }
    }
}

/// The proxy that the environment names for a URL. That it does is told: whoever looks for the
/// reason why a connection takes another way, or fails, may not think of it.
fn from(
    url: &Url,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, ConnectError> {
    let named = proxy_variables::first(proxy_variables::for_url(url.is_secure()), &variable);
    let excepted = || proxy_variables::first(&["no_proxy", "NO_PROXY"], &variable);
    let Some((name, value)) = named else { return Ok(None) };
    if excepted().is_some_and(|(_, list)| is_excepted(url, &list)) {
        return Ok(None);
    }
    let proxy: Proxy = value.parse()?;
    tracing::debug!(variable = name, %proxy, "connecting through the environment's proxy");
    Ok(Some(proxy))
}

/// Whether a list says to go without a proxy: it is `*` and nothing else, or it has the URL's host,
/// a domain above it, or a network around it.
fn is_excepted(url: &Url, list: &str) -> bool {
    if list == "*" {
        return true;
    }
    // curl has taken blanks as well as commas for most of its life.
    let mut names = list.split([',', ' ', '\t']).filter(|name| !name.is_empty());
    match url.host().parse() {
        Ok(addr) => names.any(|network| is_in(addr, network).unwrap_or(false)),
        Err(_) => names.any(|domain| is_at_or_below(url.host(), domain)),
    }
}

/// Dots at either end of the domain mean nothing.
fn is_at_or_below(host: &str, domain: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = domain.strip_prefix('.').unwrap_or(domain).as_bytes();
    let Some(above) = host.len().checked_sub(domain.len()) else { return false };
    host[above..].eq_ignore_ascii_case(domain) && (above == 0 || host[above - 1] == b'.')
}

/// An address, or a network such as `10.0.0.0/8`; to curl, 0 bits are all. `None` if it is neither.
fn is_in(addr: IpAddr, network: &str) -> Option<bool> {
    let (base, bits) = network.split_once('/').unwrap_or((network, "0"));
    let (bits, most): (u32, u32) = (bits.parse().ok()?, if addr.is_ipv4() { 32 } else { 128 });
    let shared = match (addr, base.parse().ok()?) {
        (IpAddr::V4(addr), IpAddr::V4(base)) => (addr.to_bits() ^ base.to_bits()).leading_zeros(),
        (IpAddr::V6(addr), IpAddr::V6(base)) => (addr.to_bits() ^ base.to_bits()).leading_zeros(),
        _ => return None,
    };
    let wanted = if bits == 0 { most } else { bits };
    Some(wanted <= most && shared >= wanted)
}
