//! Comma-separated lists in header fields, RFC 9110 §5.6.1.

use crate::subprotocol::is_token_byte;

const WHITE_SPACE: [char; 2] = [' ', '\t'];

/// A position in a list. Errors are the index of the first invalid byte.
pub(crate) struct Cursor<'h> {
    value: &'h str,
    rest: &'h str,
    strict: bool,
    /// A comma has been read, or nothing yet.
    expects_element: bool,
}

impl<'h> Cursor<'h> {
    /// Accepts what §5.6.1.2 requires of recipients: "A recipient MUST parse and ignore a
    /// reasonable number of empty list elements".
    pub(crate) const fn lenient(value: &'h str) -> Self {
        Self { value, rest: value, strict: false, expects_element: true }
    }

    /// Accepts only what §5.6.1.1 lets senders generate.
    pub(crate) const fn strict(value: &'h str) -> Self {
        Self { strict: true, ..Self::lenient(value) }
    }

    /// The index of the next byte.
    pub(crate) const fn position(&self) -> usize {
        self.value.len() - self.rest.len()
    }

    /// Advances to the next element; `false` if there is none.
    pub(crate) fn begin_element(&mut self) -> Result<bool, usize> {
        if self.strict {
            let leading = self.position() == 0 && self.value.starts_with(WHITE_SPACE);
            return if leading { Err(0) } else { Ok(self.expects_element) };
        }
        while self.eat(',') {}
        Ok(!self.at_end())
    }

    /// Consumes the comma after an element, or checks for the end.
    pub(crate) fn end_element(&mut self) -> Result<(), usize> {
        self.expects_element = self.eat(',');
        if self.expects_element {
            return Ok(());
        }
        let trailing = self.strict && self.value.ends_with(WHITE_SPACE);
        if self.at_end() && !trailing { Ok(()) } else { Err(self.position()) }
    }

    pub(crate) fn token(&mut self) -> Result<&'h str, usize> {
        self.skip_white_space();
        let end = self.rest.bytes().position(|byte| !is_token_byte(byte));
        let (token, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if token.is_empty() {
            return Err(self.position());
        }
        self.rest = rest;
        Ok(token)
    }

    /// Consumes a separator, and the white space before it.
    pub(crate) fn eat(&mut self, separator: char) -> bool {
        self.skip_white_space();
        match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Consumes an equals sign. White space around it is accepted only by lenient cursors.
    pub(crate) fn eat_equals(&mut self) -> Result<bool, usize> {
        let before = self.rest.starts_with(WHITE_SPACE);
        if self.strict && before || !self.eat('=') {
            return Ok(false);
        }
        if self.strict && self.rest.starts_with(WHITE_SPACE) {
            return Err(self.position());
        }
        Ok(true)
    }

    pub(crate) fn next_char(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn at_end(&mut self) -> bool {
        self.skip_white_space();
        self.rest.is_empty()
    }

    fn skip_white_space(&mut self) {
        self.rest = self.rest.trim_start_matches(WHITE_SPACE);
    }
}
