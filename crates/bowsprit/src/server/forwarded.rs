//! Client information from proxies: `Forwarded`, RFC 7239, and the older `X-Forwarded-` fields.

use std::net::{IpAddr, SocketAddr};

use bowsprit_proto::{grammar::split_unquoted, subprotocol::is_token};
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The proxies that are trusted to report the client's address, the requested host, and whether the
/// client used TLS.
///
/// Any client can send these header fields. So the list of hops is read from its end, where the
/// last proxy has appended, and only as far as the proxies are trusted. There are two families of
/// fields. A proxy writes only one of them; the other is never read, because it may come from the
/// client.
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

/// What is known about the client that sent a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClientInfo {
    pub(super) addr: Option<IpAddr>,
    /// The requested host, if it is not the `Host` of the request.
    pub(super) host: Option<String>,
    /// Whether the client encrypted its request; `None` if unknown.
    pub(super) encrypted: Option<bool>,
}

impl TrustedProxies {
    /// Trusts proxies in these networks that write `X-Forwarded-For`, `X-Forwarded-Host` and
    /// `X-Forwarded-Proto`.
    ///
    /// All three fields are trusted, so the proxies must set or remove each of them. A field that a
    /// proxy passes on unchanged is under the client's control: the client can then claim that its
    /// request was encrypted, or choose the host that its origin is compared with.
    /// docs/deployment.md shows the configuration of nginx and HAProxy.
    pub fn x_forwarded(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Family::XForwarded)
    }

    /// Trusts proxies in these networks that write `Forwarded`.
    pub fn forwarded(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(networks, Family::Forwarded)
    }

    /// Also trusts peers on Unix sockets, which have no IP address. If another HTTP server reads
    /// the requests, [`UnixPeer`](crate::server::UnixPeer) marks those that came over a Unix
    /// socket.
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

    /// Follows a request from the peer that sent it back to the first address that is not trusted.
    ///
    /// An unknown or obfuscated address ends the search: entries before it may be written by
    /// anyone.
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
            // The outermost trusted proxy reports the requested host and scheme.
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

/// Whether an address is in one of the networks. IPv4-mapped addresses count as IPv4.
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

/// Whether a scheme implies TLS. Some proxies write the scheme of the WebSocket URL.
fn is_encrypted(scheme: &str) -> bool {
    ["https", "wss"].iter().any(|encrypted| scheme.eq_ignore_ascii_case(encrypted))
}

/// The elements of a list, across all fields of this name. A field that is not text is one invalid
/// element.
fn elements(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let fields = headers.get_all(name).iter().map(|field| field.to_str().unwrap_or("?"));
    fields.flat_map(|field| split_unquoted(field, ',')).map(str::to_owned).collect()
}

/// The value of a token or quoted string.
///
/// A client could leave a quotation mark open, so that what a proxy appends becomes part of the
/// client's own element. So misplaced quotation marks make a value invalid.
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

/// RFC 7239 §6: an address with or without a port; IPv6 addresses are in brackets. X-Forwarded-For
/// also has IPv6 addresses without brackets. Obfuscated identifiers are not addresses.
fn parse_node(node: &str) -> Option<IpAddr> {
    let bracketed = || node.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || node.parse::<SocketAddr>().ok().map(|addr| addr.ip());
    node.parse().ok().or_else(bracketed).or_else(with_port).map(|addr| addr.to_canonical())
}

#[cfg(test)]
mod tests;
