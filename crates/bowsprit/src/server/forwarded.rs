//! What proxies tell of the clients behind them: `Forwarded`, RFC 7239, and the `X-Forwarded-`
//! fields that came before it.

use std::net::{IpAddr, SocketAddr};

use bowsprit_proto::{grammar::split_unquoted, subprotocol::is_token};
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies whose word is taken for where a client is, which host it has asked for, and whether
/// encrypted.
///
/// Anybody can send these header fields. What a request says of its way is read from its end, where
/// the last proxy has written, and only as far as the proxies are trusted. There are two families
/// of fields and proxies write one of them, so the other is never read: it may be the client's.
///
/// ```
/// use bowsprit::{Server, server::TrustedProxies};
///
/// let nginx = TrustedProxies::x_forwarded(["127.0.0.1/32".parse()?, "10.0.0.0/8".parse()?]);
/// let server = Server::builder().trusted_proxies(nginx);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    family: Family,
    local: bool,
}

#[derive(Clone, Copy, Debug)]
enum Family {
    XForwarded,
    Forwarded,
}

/// What is known of the client that has sent a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClientInfo {
    pub(super) addr: Option<IpAddr>,
    /// The host that it has asked for, where that is not the `Host` of the request.
    pub(super) host: Option<String>,
    /// Whether it has encrypted its request; `None` where that is not known.
    pub(super) encrypted: Option<bool>,
}

impl TrustedProxies {
    /// Proxies in these networks that write `X-Forwarded-For`, `X-Forwarded-Host` and
    /// `X-Forwarded-Proto`.
    ///
    /// All three are believed, so the proxies must set or remove each of them. One that they pass
    /// on as it came is the client's, who then chooses whether it has encrypted its request, or
    /// which host its origin is compared with. docs/deployment.md has what to write into the
    /// configuration of nginx and HAProxy.
    pub fn x_forwarded(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Family::XForwarded)
    }

    /// Proxies in these networks that write `Forwarded`.
    pub fn forwarded(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Family::Forwarded)
    }

    /// Also trusts peers without an IP address: those of Unix sockets. Where another HTTP server
    /// has read the request, [`UnixPeer`](crate::server::UnixPeer) says that it is one of them.
    #[must_use]
    pub const fn and_unix_sockets(mut self) -> Self {
        self.local = true;
        self
    }

    fn new(networks: impl IntoIterator<Item = IpNet>, family: Family) -> Self {
        Self { networks: networks.into_iter().collect(), family, local: false }
    }

    pub(super) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            Some(peer) => contains(&self.networks, peer),
            None => self.local,
        }
    }

    /// Follows a request from the peer that has sent it to the first address that is not trusted.
    ///
    /// Whatever a trusted proxy could not or would not tell ends the way: nobody knows who has
    /// written what stands before it.
    pub(super) fn client(&self, seen: ClientInfo, headers: &HeaderMap) -> ClientInfo {
        if !self.trusts(seen.addr) {
            return seen;
        }
        // That a proxy encrypts does not tell whether the client does.
        let mut client = ClientInfo { encrypted: None, ..seen };
        let mut hops = match self.family {
            Family::XForwarded => x_forwarded_for(headers),
            Family::Forwarded => forwarded(headers),
        };
        if let Family::XForwarded = self.family {
            client.host = elements(headers, &X_FORWARDED_HOST).pop();
            client.encrypted =
                elements(headers, &X_FORWARDED_PROTO).pop().map(|proto| is_encrypted(&proto));
        }
        while let Some(hop) = hops.pop() {
            // What was asked for, and how, is what the outermost trusted proxy tells.
            client.host = hop.host.or(client.host);
            if let Family::Forwarded = self.family {
                client.encrypted = hop.encrypted;
            }
            let Some(addr) = hop.addr else { break };
            client.addr = Some(addr);
            if !self.trusts(Some(addr)) {
                break;
            }
        }
        client
    }
}

/// Whether an address is in one of the networks. An IPv4 address is the same however it is written.
pub(super) fn contains(networks: &[IpNet], addr: IpAddr) -> bool {
    let addr = addr.to_canonical();
    networks.iter().any(|network| network.contains(&addr))
}

fn x_forwarded_for(headers: &HeaderMap) -> Vec<ClientInfo> {
    let elements = elements(headers, &X_FORWARDED_FOR).into_iter();
    elements
        .map(|element| ClientInfo { addr: parse_node(&element), ..ClientInfo::default() })
        .collect()
}

/// RFC 7239 §4: elements with `;` between their pairs. An element that is malformed has no address.
fn forwarded(headers: &HeaderMap) -> Vec<ClientInfo> {
    let elements = elements(headers, &header::FORWARDED).into_iter();
    elements.map(|element| parse_element(&element).unwrap_or_default()).collect()
}

fn parse_element(element: &str) -> Option<ClientInfo> {
    let mut client = ClientInfo::default();
    for pair in split_unquoted(element, ';') {
        let (name, value) = pair.split_once('=')?;
        let value = unquote(value.trim()).filter(|_| is_token(name.trim()))?;
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => client.addr = parse_node(&value),
            "host" => client.host = Some(value),
            "proto" => client.encrypted = Some(is_encrypted(&value)),
            _ => {}
        }
    }
    Some(client)
}

/// Whether a scheme is one of TLS. Some proxies write that of a WebSocket's URL.
fn is_encrypted(scheme: &str) -> bool {
    ["https", "wss"].iter().any(|encrypted| scheme.eq_ignore_ascii_case(encrypted))
}

/// The elements of a list, over all fields of a name. A field that is no text is one bad element.
fn elements(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let fields = headers.get_all(name).iter().map(|field| field.to_str().unwrap_or("?"));
    fields.flat_map(|field| split_unquoted(field, ',')).map(str::to_owned).collect()
}

/// The value of a token or quoted string.
///
/// A client may leave a quotation mark open, to have what a proxy appends taken for a part of its
/// own element. So nothing passes that has a quotation mark where none may stand.
fn unquote(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        let plain = value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        return plain.then(|| value.to_owned());
    };
    let (mut unquoted, mut characters) = (String::new(), quoted.strip_suffix('"')?.chars());
    while let Some(c) = characters.next() {
        match c {
            '"' => return None,
            '\\' => unquoted.push(characters.next()?),
            c => unquoted.push(c),
        }
    }
    Some(unquoted)
}

/// RFC 7239 §6: an address, in brackets if it is one of IPv6, with or without a port.
/// X-Forwarded-For has IPv6 addresses without brackets as well. Names that hide who it was are no
/// addresses.
fn parse_node(node: &str) -> Option<IpAddr> {
    let bracketed = || node.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || node.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    node.parse().ok().or_else(bracketed).or_else(with_port).map(|addr| addr.to_canonical())
}

#[cfg(test)]
mod tests;
