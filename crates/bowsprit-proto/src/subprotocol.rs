//! Subprotocol names and the `Sec-WebSocket-Protocol` header, RFC 6455 §1.9, §4.1 (10), §11.3.4.

use alloc::vec::Vec;

use crate::grammar::elements;

/// Whether `name` is a token, as a subprotocol or extension name has to be.
///
/// §4.1 (10): "The elements that comprise this value MUST be non-empty strings with characters in
/// the range U+0021 to U+007E not including separator characters as defined in \[RFC2616\]".
#[must_use]
pub const fn is_token(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !is_token_byte(bytes[i]) {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty()
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    let separator = matches!(
        byte,
        b'(' | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b':'
            | b'\\'
            | b'"'
            | b'/'
            | b'['
            | b']'
            | b'?'
            | b'='
            | b'{'
            | b'}'
    );
    byte.is_ascii_graphic() && !separator
}

/// Reads the subprotocols that a client asks for, in its order of preference.
///
/// `None` if one of them is no token or stands there twice: "and MUST all be unique strings".
/// The time taken is linear but for a factor of the logarithm.
pub(crate) fn parse_offers<'v>(values: impl Iterator<Item = &'v str>) -> Option<Vec<&'v str>> {
    let offers: Vec<&str> = values.flat_map(elements).collect();
    (offers.iter().all(|name| is_token(name)) && are_unique(&offers)).then_some(offers)
}

/// Whether no name stands there twice. Names are "matched case-sensitively", RFC 7936 §2.
pub(crate) fn are_unique<T: AsRef<str>>(names: &[T]) -> bool {
    let mut sorted: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}
