//! How names of header fields are spelled.
//!
//! Names are compared in any case, RFC 9110 §5.1, but not by every peer: those of the RFCs leave as
//! the RFCs write them, and those of the application as it has written them.

#[cfg(feature = "client")]
use http::{HeaderMap, HeaderName, header::InvalidHeaderName};

/// Appends a name in the spelling of the RFCs, or else with capitals at the beginning of its words.
pub(super) fn write_name(name: &str, out: &mut Vec<u8>) {
    let (prefix, rest) = match name.strip_prefix("sec-websocket-") {
        Some(rest) => ("Sec-WebSocket-", rest),
        None => match name {
            "www-authenticate" => ("WWW-Authenticate", ""),
            "etag" => ("ETag", ""),
            "te" => ("TE", ""),
            "dnt" => ("DNT", ""),
            _ => ("", name),
        },
    };
    out.extend_from_slice(prefix.as_bytes());
    let start = out.len();
    out.extend_from_slice(rest.as_bytes());
    let mut before = b'-';
    for byte in &mut out[start..] {
        if before == b'-' {
            byte.make_ascii_uppercase();
        }
        before = *byte;
    }
}

/// The name of a header field for [`Client::header`](crate::Client::header): text, which is sent as
/// it is spelled, or a [`HeaderName`], which is sent as the RFCs spell it.
///
/// ```
/// use bowsprit::{Client, client::FieldName, http::{HeaderName, HeaderValue}};
///
/// fn with_secret(client: Client, name: impl FieldName, secret: &str) -> Client {
///     match HeaderValue::from_str(secret) {
///         Ok(mut value) => {
///             value.set_sensitive(true);
///             client.header(name, value)
///         }
///         Err(_) => client,
///     }
/// }
///
/// let client = with_secret(Client::new(), "X-API-Key", "1234");
/// let client = with_secret(client, HeaderName::from_static("x-session"), "5678");
/// ```
#[cfg(feature = "client")]
pub trait FieldName {
    /// The name, and its spelling if that is known.
    ///
    /// # Errors
    ///
    /// The text contains characters that are not allowed in names.
    fn into_field_name(self) -> Result<(HeaderName, Option<Box<str>>), InvalidHeaderName>;
}

#[cfg(feature = "client")]
macro_rules! text_is_a_field_name {
    ($($text:ty),*) => {$(
        impl FieldName for $text {
            fn into_field_name(self) -> Result<(HeaderName, Option<Box<str>>), InvalidHeaderName> {
                Ok((HeaderName::from_bytes(self.as_bytes())?, Some(Box::from(&self[..]))))
            }
        }
    )*};
}

#[cfg(feature = "client")]
text_is_a_field_name!(&str, String, &String);

#[cfg(feature = "client")]
impl FieldName for HeaderName {
    fn into_field_name(self) -> Result<(HeaderName, Option<Box<str>>), InvalidHeaderName> {
        Ok((self, None))
    }
}

#[cfg(feature = "client")]
impl FieldName for &HeaderName {
    fn into_field_name(self) -> Result<(HeaderName, Option<Box<str>>), InvalidHeaderName> {
        Ok((self.clone(), None))
    }
}

/// The application's spelling of names. Of a name that it spells in several ways, the first counts.
#[cfg(feature = "client")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Spelling(Vec<(HeaderName, Box<str>)>);

#[cfg(feature = "client")]
impl Spelling {
    pub(crate) fn add(&mut self, name: HeaderName, spelled: Box<str>) {
        self.0.push((name, spelled));
    }

    /// Forgets how these names are spelled, as others come in their place.
    pub(crate) fn forget(&mut self, names: &HeaderMap) {
        self.0.retain(|(name, _)| !names.contains_key(name));
    }

    pub(super) fn get(&self, name: &HeaderName) -> Option<&str> {
        let (_, spelled) = self.0.iter().find(|(known, _)| known == name)?;
        Some(spelled)
    }
}
