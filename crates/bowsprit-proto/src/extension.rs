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

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use crate::{
    header_list::Cursor,
    subprotocol::{is_token, is_token_byte},
};

/// One element of the header: a name and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension<'h> {
    /// A registered name, such as `permessage-deflate`.
    pub name: &'h str,
    /// The parameters in order. Repeated ones are kept, for the extension to check.
    pub parameters: Vec<Parameter<'h>>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter<'h> {
    /// The parameter's name.
    pub name: &'h str,
    /// The value after the equals sign, unquoted; always a token.
    pub value: Option<Cow<'h, str>>,
}

impl<'h> Extension<'h> {
    /// Creates an extension without parameters.
    #[must_use]
    pub const fn new(name: &'h str) -> Self {
        Self { name, parameters: Vec::new() }
    }

    /// Adds a parameter without a value.
    #[must_use]
    pub fn with_flag(mut self, name: &'h str) -> Self {
        self.parameters.push(Parameter { name, value: None });
        self
    }

    /// Adds a parameter with a value.
    #[must_use]
    pub fn with_parameter(mut self, name: &'h str, value: impl Into<Cow<'h, str>>) -> Self {
        self.parameters.push(Parameter { name, value: Some(value.into()) });
        self
    }

    fn is_valid(&self) -> bool {
        let value_is_token = |value: &Option<Cow<'_, str>>| value.as_deref().is_none_or(is_token);
        let is_valid = |p: &Parameter<'_>| is_token(p.name) && value_is_token(&p.value);
        is_token(self.name) && self.parameters.iter().all(is_valid)
    }
}

/// Writes the extension as in a header. [`format`] validates it as well.
impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for Parameter { name, value } in &self.parameters {
            write!(f, "; {name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Formats a header value: the offers of a client, the most preferred first, or the response of a
/// server.
///
/// `None` if a name or a value is not a token, as the grammar requires.
///
/// ```
/// use bowsprit_proto::extension::{Extension, format};
///
/// let offers = [
///     Extension::new("permessage-deflate").with_parameter("server_max_window_bits", "10"),
///     Extension::new("permessage-deflate").with_flag("client_max_window_bits"),
/// ];
/// let value = "permessage-deflate; server_max_window_bits=10, \
///              permessage-deflate; client_max_window_bits";
/// assert_eq!(format(&offers).as_deref(), Some(value));
/// assert_eq!(format(&[Extension::new("two words")]), None);
/// ```
#[must_use]
pub fn format(extensions: &[Extension<'_>]) -> Option<String> {
    if !extensions.iter().all(Extension::is_valid) {
        return None;
    }
    let elements: Vec<String> = extensions.iter().map(ToString::to_string).collect();
    Some(elements.join(", "))
}

/// A header that does not match the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidExtensions {
    /// The index of the first invalid byte, or the length of a header that ends too early.
    pub position: usize,
}

impl fmt::Display for InvalidExtensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sec-WebSocket-Extensions does not match its grammar at byte {}", self.position)
    }
}

impl core::error::Error for InvalidExtensions {}

/// Parses one header value. Several headers are one list: parse each and join the results.
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
    read(Cursor::lenient(value))
}

/// Like [`parse`], but accepts only what a sender may generate: no empty elements, and white space
/// only next to commas and semicolons.
///
/// # Errors
///
/// As [`parse`], and for what RFC 9110 §5.6.1.2 requires recipients to tolerate.
pub fn parse_strict(value: &str) -> Result<Vec<Extension<'_>>, InvalidExtensions> {
    read(Cursor::strict(value))
}

fn read(mut cursor: Cursor<'_>) -> Result<Vec<Extension<'_>>, InvalidExtensions> {
    let invalid = |position| InvalidExtensions { position };
    let mut extensions = Vec::new();
    while cursor.begin_element().map_err(invalid)? {
        extensions.push(extension(&mut cursor).map_err(invalid)?);
        cursor.end_element().map_err(invalid)?;
    }
    if extensions.is_empty() { Err(invalid(cursor.position())) } else { Ok(extensions) }
}

fn extension<'h>(cursor: &mut Cursor<'h>) -> Result<Extension<'h>, usize> {
    let name = cursor.token()?;
    let mut parameters = Vec::new();
    while cursor.eat(';') {
        parameters.push(parameter(cursor)?);
    }
    Ok(Extension { name, parameters })
}

fn parameter<'h>(cursor: &mut Cursor<'h>) -> Result<Parameter<'h>, usize> {
    let name = cursor.token()?;
    let value = if cursor.eat_equals()? { Some(parameter_value(cursor)?) } else { None };
    Ok(Parameter { name, value })
}

fn parameter_value<'h>(cursor: &mut Cursor<'h>) -> Result<Cow<'h, str>, usize> {
    if cursor.eat('"') { quoted(cursor).map(Cow::Owned) } else { cursor.token().map(Cow::Borrowed) }
}

/// Parses the rest of a quoted string after its opening quote; returns its unescaped content.
fn quoted(cursor: &mut Cursor<'_>) -> Result<String, usize> {
    let mut value = String::new();
    loop {
        let mut position = cursor.position();
        let mut char = cursor.next_char();
        match char {
            Some('"') if !value.is_empty() => return Ok(value),
            Some('\\') => {
                position = cursor.position();
                char = cursor.next_char();
            }
            _ => {}
        }
        // "the value after quoted-string unescaping MUST conform to the 'token' ABNF."
        match char {
            Some(char) if u8::try_from(char).is_ok_and(is_token_byte) => value.push(char),
            _ => return Err(position),
        }
    }
}
