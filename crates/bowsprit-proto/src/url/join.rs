//! Relative references, RFC 3986 §5, as in redirects.

use alloc::{format, string::String, vec::Vec};

use super::{InvalidUrl, Url, parse::resource_name};

impl Url {
    /// Resolves `reference`, such as the `Location` of a redirect, against this URL.
    ///
    /// A fragment, which RFC 9110 §10.2.2 allows there, is removed. User name and password are kept
    /// if the reference has neither scheme nor authority.
    ///
    /// # Errors
    ///
    /// The result is not a WebSocket URI.
    pub fn join(&self, reference: &str) -> Result<Self, InvalidUrl> {
        let reference = reference.split_once('#').map_or(reference, |(reference, _)| reference);
        if has_scheme(reference) {
            return Ok(self.zoned(reference.parse()?));
        }
        if reference.starts_with("//") {
            let scheme = if self.secure { "wss" } else { "ws" };
            return Ok(self.zoned(format!("{scheme}:{reference}").parse()?));
        }
        let resource_name = resource_name(&self.merged(reference))?;
        Ok(Self { resource_name, ..self.clone() })
    }

    /// Keeps the zone: a server does not know the zone through which it is reached, RFC 6874 §4, so
    /// it cannot include it.
    fn zoned(&self, mut url: Self) -> Self {
        if url.zone.is_none() && url.host == self.host {
            url.zone.clone_from(&self.zone);
        }
        url
    }

    /// §5.2.2, of references that name neither scheme nor authority.
    fn merged(&self, reference: &str) -> String {
        let (path, query) = split_query(reference);
        let (base, base_query) = split_query(&self.resource_name);
        match path {
            "" => format!("{base}{}", if query.is_empty() { base_query } else { query }),
            _ if path.starts_with('/') => without_dot_segments(path) + query,
            _ => {
                let folder = base.rfind('/').map_or("", |end| &base[..end]);
                without_dot_segments(&format!("{folder}/{path}")) + query
            }
        }
    }
}

/// The query keeps its question mark.
fn split_query(resource: &str) -> (&str, &str) {
    resource.split_at(resource.find('?').unwrap_or(resource.len()))
}

/// §3.1.
fn has_scheme(reference: &str) -> bool {
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|char: char| char.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme_byte)
    })
}

/// §5.2.4, of a path that begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}
