//! Grammar shared by header fields and URLs: lists, cookies and percent-encoding.
//!
//! Everything here takes linear time on any input.

use alloc::{string::String, vec::Vec};

/// Returns the elements of a comma-separated list of tokens, trimmed.
///
/// RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list
/// elements".
///
/// ```
/// use bowsprit_proto::grammar::elements;
///
/// assert_eq!(elements("keep-alive, ,Upgrade").collect::<Vec<_>>(), ["keep-alive", "Upgrade"]);
/// ```
pub fn elements(list: &str) -> impl Iterator<Item = &str> {
    trimmed(list.split(','))
}

/// Splits a text at separators outside of quoted strings, RFC 9110 §5.6.4. The parts are trimmed;
/// empty ones are skipped. Quotes are kept.
///
/// ```
/// use bowsprit_proto::grammar::split_unquoted;
///
/// let parts = split_unquoted(r#"by="a,b", for=192.0.2.1"#, ',');
/// assert_eq!(parts.collect::<Vec<_>>(), [r#"by="a,b""#, "for=192.0.2.1"]);
/// ```
pub fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    trimmed(text.split(move |c| {
        let separates = !quoted && c == separator;
        if !escaped && c == '"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && c == '\\';
        separates
    }))
}

fn trimmed<'t>(parts: impl Iterator<Item = &'t str>) -> impl Iterator<Item = &'t str> {
    parts.map(|part| part.trim_matches([' ', '\t'])).filter(|part| !part.is_empty())
}

/// Returns the names and values in a `Cookie` field, RFC 6265 §4.2.1. Parts without a name and a
/// value are skipped.
///
/// ```
/// use bowsprit_proto::grammar::cookies;
///
/// assert_eq!(cookies("a=1; b=2").collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
/// ```
pub fn cookies(field: &str) -> impl Iterator<Item = (&str, &str)> {
    field.split(';').filter_map(name_and_value)
}

/// Returns the name and value in a `Set-Cookie` field, without the attributes, RFC 6265 §5.2 (1) to
/// (5).
///
/// ```
/// use bowsprit_proto::grammar::set_cookie;
///
/// assert_eq!(set_cookie("id=1; Path=/"), Some(("id", "1")));
/// ```
#[must_use]
pub fn set_cookie(field: &str) -> Option<(&str, &str)> {
    name_and_value(field.split(';').next()?)
}

fn name_and_value(pair: &str) -> Option<(&str, &str)> {
    let (name, value) = pair.split_once('=')?;
    Some((name.trim(), value.trim()))
}

/// Decodes percent-encoding, RFC 3986 §2.1. Bytes outside of escapes, including a `%` without two
/// hexadecimal digits, are kept if `is_literal` accepts them.
///
/// `None` if it rejects a byte, or the result is not UTF-8.
///
/// ```
/// use bowsprit_proto::grammar::percent_decode;
///
/// assert_eq!(percent_decode("50%25 r%C3%A4um", |_| true).as_deref(), Some("50% räum"));
/// assert_eq!(percent_decode("50%", |byte| byte != b'%'), None);
/// ```
#[must_use]
pub fn percent_decode(text: &str, is_literal: impl Fn(u8) -> bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let byte;
        (byte, rest) = match escaped(rest) {
            Some(byte) => (byte, &rest["%00".len()..]),
            None if is_literal(*first) => (*first, others),
            None => return None,
        };
        decoded.push(byte);
    }
    String::from_utf8(decoded).ok()
}

/// Decodes the escape at the beginning of a text.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let digit = |digit| u8::try_from(char::from(digit).to_digit(16)?).ok();
    Some((digit(high)? << 4) | digit(low)?)
}
