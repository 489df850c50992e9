//! Subprotocol names and the `Sec-WebSocket-Protocol` header, RFC 6455 §1.9, §4.1 (10), §11.3.4.

use alloc::{collections::BTreeSet, vec::Vec};
use core::{fmt, ops::Range};

use crate::header_list::Cursor;

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

/// The index of the first of these names that a client may not request: it is no token, or the
/// same as an earlier one. `None` if all of them may be requested.
///
/// §4.1 (10): the names "MUST be non-empty strings" of token characters and "MUST all be unique
/// strings".
///
/// ```
/// use bowsprit_proto::subprotocol::first_invalid;
///
/// assert_eq!(first_invalid(&["chat", "superchat"]), None);
/// assert_eq!(first_invalid(&["chat", "a b"]), Some(1));
/// assert_eq!(first_invalid(&["chat", "superchat", "chat"]), Some(2));
/// ```
#[must_use]
pub fn first_invalid(names: &[impl AsRef<str>]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    names.iter().map(AsRef::as_ref).position(|name| !is_token(name) || !seen.insert(name))
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

/// A header that does not match the grammar, or names a subprotocol twice.
///
/// It contains positions but no names, as subprotocols may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSubprotocols {
    /// The index of the first invalid byte, or the length of a header that ends too early.
    Position(usize),
    /// The position of a name that already occurred in the header.
    Duplicate(Range<usize>),
}

impl fmt::Display for InvalidSubprotocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sec-WebSocket-Protocol ")?;
        match self {
            Self::Position(position) => {
                write!(f, "does not match its grammar at byte {position}")
            }
            Self::Duplicate(range) => {
                write!(f, "repeats a subprotocol at byte {}", range.start)
            }
        }
    }
}

impl core::error::Error for InvalidSubprotocols {}

/// Parses one header value: the subprotocols that a client offers, in its order of preference.
///
/// A header without a name offers none.
///
/// # Errors
///
/// §4.1 (10): the names "MUST be non-empty strings with characters in the range U+0021 to U+007E
/// not including separator characters" and "MUST all be unique strings".
///
/// ```
/// use bowsprit_proto::subprotocol::{InvalidSubprotocols, parse};
///
/// assert_eq!(parse("chat, ,superchat"), Ok(vec!["chat", "superchat"]));
/// assert_eq!(parse("chat, a b"), Err(InvalidSubprotocols::Position(8)));
/// assert_eq!(parse("chat, chat"), Err(InvalidSubprotocols::Duplicate(6..10)));
/// ```
pub fn parse(value: &str) -> Result<Vec<&str>, InvalidSubprotocols> {
    let mut offers = Vec::new();
    read(Cursor::lenient(value), &mut BTreeSet::new(), &mut offers)?;
    Ok(offers)
}

/// Like [`parse`], but accepts only what a sender may generate: at least one name, no empty
/// elements, and white space only next to commas.
///
/// # Errors
///
/// As [`parse`], and for what RFC 9110 §5.6.1.2 requires recipients to tolerate.
pub fn parse_strict(value: &str) -> Result<Vec<&str>, InvalidSubprotocols> {
    let mut offers = Vec::new();
    read(Cursor::strict(value), &mut BTreeSet::new(), &mut offers)?;
    Ok(offers)
}

/// Parses several headers as one list.
pub(crate) fn parse_all<'v>(
    values: impl Iterator<Item = &'v str>,
) -> Result<Vec<&'v str>, InvalidSubprotocols> {
    let (mut seen, mut offers) = (BTreeSet::new(), Vec::new());
    for value in values {
        read(Cursor::lenient(value), &mut seen, &mut offers)?;
    }
    Ok(offers)
}

/// Names are "matched case-sensitively", RFC 7936 §2. Takes time O(n log n).
fn read<'v>(
    mut cursor: Cursor<'v>,
    seen: &mut BTreeSet<&'v str>,
    offers: &mut Vec<&'v str>,
) -> Result<(), InvalidSubprotocols> {
    while cursor.begin_element().map_err(InvalidSubprotocols::Position)? {
        let name = cursor.token().map_err(InvalidSubprotocols::Position)?;
        let end = cursor.position();
        cursor.end_element().map_err(InvalidSubprotocols::Position)?;
        if !seen.insert(name) {
            return Err(InvalidSubprotocols::Duplicate(end - name.len()..end));
        }
        offers.push(name);
    }
    Ok(())
}
