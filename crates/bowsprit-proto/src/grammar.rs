//! Grammars that several header fields and URLs share: lists, cookies and percent-encoding.
//!
//! All of it takes linear time, whatever a peer sends.

use alloc::{string::String, vec::Vec};

/// The elements of a comma-separated list of tokens, without the white space around them.
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

/// The parts of a text between separators that do not stand in a quoted string, RFC 9110 §5.6.4,
/// without the white space around them and without empty ones. Quotes are kept.
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

/// The names and values in a `Cookie` field, RFC 6265 §4.2.1. What has no name and value is left
/// out.
///
/// ```
/// use bowsprit_proto::grammar::cookies;
///
/// assert_eq!(cookies("a=1; b=2").collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
/// ```
pub fn cookies(field: &str) -> impl Iterator<Item = (&str, &str)> {
    field.split(';').filter_map(name_and_value)
}

/// The name and value in a `Set-Cookie` field, without the attributes, RFC 6265 §5.2 (1) to (5).
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

/// Undoes percent-encoding, RFC 3986 §2.1. Bytes outside of an escape, a `%` without two
/// hexadecimal digits among them, have to be literals to be taken as they are.
///
/// `None` if there is a byte that is not, or the result is not UTF-8.
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

/// The byte that an escape at the beginning of a text stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let digit = |digit| u8::try_from(char::from(digit).to_digit(16)?).ok();
    Some((digit(high)? << 4) | digit(low)?)
}
