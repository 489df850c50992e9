//! The `Sec-WebSocket-Extensions` header, RFC 6455 §9.1.
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = extension-token *( ";" extension-param )
//! extension-param = token [ "=" (token | quoted-string) ]
//! ```
//!
//! "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
//! conform to the 'token' ABNF." Parsing takes linear time.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use crate::subprotocol::{is_token, is_token_byte};

/// One element of the header: a name and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension<'h> {
    /// A registered name, such as `permessage-deflate`.
    pub name: &'h str,
    /// In the order they stand; repeated ones are kept, for the extension to judge.
    pub parameters: Vec<Parameter<'h>>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter<'h> {
    /// The parameter's name.
    pub name: &'h str,
    /// What follows the equals sign, unquoted; always a token.
    pub value: Option<Cow<'h, str>>,
}

/// A header that does not match the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidExtensions;

impl fmt::Display for InvalidExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sec-WebSocket-Extensions does not match its grammar")
    }
}

impl core::error::Error for InvalidExtensions {}

/// Reads one header value. Several headers are one list: parse each and join the results.
///
/// # Errors
///
/// §9.1: "If a value is received by either the client or the server during negotiation that does
/// not conform to the ABNF below, the recipient of such malformed data MUST immediately _Fail the
/// WebSocket Connection_."
///
/// ```
/// let offers = bowsprit_proto::extension::parse("foo; bar=\"1\", foo")?;
/// assert_eq!(offers.len(), 2);
/// assert_eq!(offers[0].parameters[0].value.as_deref(), Some("1"));
/// # Ok::<(), bowsprit_proto::extension::InvalidExtensions>(())
/// ```
pub fn parse(value: &str) -> Result<Vec<Extension<'_>>, InvalidExtensions> {
    let mut cursor = Cursor { rest: value };
    let mut extensions = Vec::new();
    loop {
        // RFC 9110 §5.6.1.2: empty elements of a list count for nothing.
        while cursor.eat(',') {}
        if cursor.at_end() {
            break;
        }
        extensions.push(cursor.extension()?);
        if !cursor.at_end() && !cursor.eat(',') {
            return Err(InvalidExtensions);
        }
    }
    if extensions.is_empty() { Err(InvalidExtensions) } else { Ok(extensions) }
}

/// What is left of the header value.
struct Cursor<'h> {
    rest: &'h str,
}

impl<'h> Cursor<'h> {
    fn extension(&mut self) -> Result<Extension<'h>, InvalidExtensions> {
        let name = self.token()?;
        let mut parameters = Vec::new();
        while self.eat(';') {
            parameters.push(self.parameter()?);
        }
        Ok(Extension { name, parameters })
    }

    fn parameter(&mut self) -> Result<Parameter<'h>, InvalidExtensions> {
        let name = self.token()?;
        let value = if self.eat('=') { Some(self.value()?) } else { None };
        Ok(Parameter { name, value })
    }

    fn value(&mut self) -> Result<Cow<'h, str>, InvalidExtensions> {
        if !self.eat('"') {
            return self.token().map(Cow::Borrowed);
        }
        let value = self.quoted()?;
        if is_token(&value) { Ok(Cow::Owned(value)) } else { Err(InvalidExtensions) }
    }

    /// The inside of a quoted string whose first quote has been read, unescaped.
    fn quoted(&mut self) -> Result<String, InvalidExtensions> {
        let mut value = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => value.push(chars.next().ok_or(InvalidExtensions)?),
                Some(char) => value.push(char),
                None => return Err(InvalidExtensions),
            }
        }
        self.rest = chars.as_str();
        Ok(value)
    }

    fn token(&mut self) -> Result<&'h str, InvalidExtensions> {
        self.skip_white_space();
        let end = self.rest.bytes().position(|byte| !is_token_byte(byte));
        let (token, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if token.is_empty() { Err(InvalidExtensions) } else { Ok(token) }
    }

    fn eat(&mut self, separator: char) -> bool {
        self.skip_white_space();
        match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn at_end(&mut self) -> bool {
        self.skip_white_space();
        self.rest.is_empty()
    }

    fn skip_white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}
