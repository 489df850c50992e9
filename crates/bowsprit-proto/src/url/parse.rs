//! Parsing URLs.

use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    string::String,
};
use core::{fmt::Write, str::FromStr};

use super::{InvalidUrl, Url, UserInfo, authority::split_zone, default_port, split_authority};

/// The maximum length of a request target, a limit of the crate `http`.
const MAX_LEN: usize = 65_534;

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        // WHATWG URL §4.4: "Remove any leading and trailing C0 control or space from /input/."
        let text = text.trim_matches(|char| char <= ' ');
        if text.len() > MAX_LEN {
            return Err(InvalidUrl::TooLong);
        }
        // WHATWG also removes tabs and line breaks inside. That would turn what is most likely a
        // mistake into another URL.
        if text.contains(|char: char| char.is_ascii_control()) {
            return Err(InvalidUrl::ControlCharacter);
        }
        // §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT
        // be used on these URIs."
        if text.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        if let Some(rest) = strip_scheme(text, "ws+unix") {
            return unix(rest);
        }
        let (secure, rest) = split_scheme(text)?;
        let authority_len = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, resource) = rest.split_at(authority_len);
        let (user_info, authority) = match authority.rsplit_once('@') {
            Some((user_info, authority)) => (Some(UserInfo::parse(user_info)?), authority),
            None => (None, authority),
        };
        let (authority, zone) = split_zone(authority)?;
        let (host, port) = parse_authority(&authority)?;
        Ok(Self {
            secure,
            host,
            zone,
            port: port.unwrap_or(default_port(secure)),
            resource_name: resource_name(resource)?,
            user_info: user_info.map(Box::new),
            socket_path: None,
        })
    }
}

/// Parses the rest of a `ws+unix` URL. The socket's path ends at the first colon.
fn unix(rest: &str) -> Result<Url, InvalidUrl> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, resource) = rest.split_once(':').unwrap_or((rest, ""));
    if path.is_empty() || path.contains(|char: char| char.is_control()) {
        return Err(InvalidUrl::SocketPath);
    }
    Ok(Url {
        secure: false,
        host: "localhost".to_owned(),
        zone: None,
        port: default_port(false),
        resource_name: resource_name(resource)?,
        user_info: None,
        socket_path: Some(path.into()),
    })
}

fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (found, rest) = text.split_once(':')?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn split_scheme(text: &str) -> Result<(bool, &str), InvalidUrl> {
    let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Syntax)?;
    let is_one_of = |names: [&str; 2]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if is_one_of(["ws", "http"]) {
        Ok((false, rest))
    } else if is_one_of(["wss", "https"]) {
        Ok((true, rest))
    } else {
        Err(InvalidUrl::Scheme)
    }
}

fn parse_authority(authority: &str) -> Result<(String, Option<u16>), InvalidUrl> {
    if authority.is_empty() || authority.starts_with(':') {
        return Err(InvalidUrl::Host);
    }
    let authority = ascii(authority)?;
    let (host, port) = split_authority(&authority).ok_or(InvalidUrl::Syntax)?;
    Ok((host.to_ascii_lowercase(), port))
}

/// Converts the host name to its DNS form, §3 by way of RFC 3986 §3.2.2.
fn ascii(authority: &str) -> Result<Cow<'_, str>, InvalidUrl> {
    if authority.is_ascii() {
        return Ok(Cow::Borrowed(authority));
    }
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let mut ascii = name_to_ascii(host)?;
    ascii.push_str(port);
    Ok(Cow::Owned(ascii))
}

#[cfg(feature = "idna")]
fn name_to_ascii(name: &str) -> Result<String, InvalidUrl> {
    let ascii = idna::domain_to_ascii_cow(name.as_bytes(), idna::AsciiDenyList::URL);
    ascii.map(Cow::into_owned).map_err(|_| InvalidUrl::HostName)
}

#[cfg(not(feature = "idna"))]
const fn name_to_ascii(_: &str) -> Result<String, InvalidUrl> {
    Err(InvalidUrl::HostName)
}

/// §3: "/" indicating that the path component is empty, the path component, "?" indicating that the
/// query component is non-empty, the query component. §11.1.1: characters outside of ASCII are
/// percent-encoded as UTF-8.
pub(super) fn resource_name(resource: &str) -> Result<String, InvalidUrl> {
    let mut name = String::with_capacity(resource.len() + 1);
    if !resource.starts_with('/') {
        name.push('/');
    }
    for byte in resource.bytes() {
        match byte {
            0..=0x1F | 0x7F => return Err(InvalidUrl::ControlCharacter),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                let _infallible = write!(name, "%{byte:02X}");
            }
            byte => name.push(char::from(byte)),
        }
    }
    if name.find('?') == Some(name.len() - 1) {
        name.pop();
    }
    if name.len() > MAX_LEN {
        return Err(InvalidUrl::TooLong);
    }
    Ok(name)
}
