//! What people read: notes, and text from a peer, made safe to look at.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

/// Tells something on standard error.
pub(crate) fn note(text: &str) {
    // Whoever has closed it does not want to be told.
    let _unread = writeln!(io::stderr(), "{text}");
}

/// Writes control characters as escapes, so that a peer's text cannot move the cursor, change
/// colours, or pretend to be something else. Tabs and line feeds stay.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if (char.is_control() && !matches!(char, '\t' | '\n')) || turns_direction(char) {
            let _infallible = write!(safe, "{}", char.escape_unicode());
        } else {
            safe.push(char);
        }
    }
    safe
}

/// Marks that reorder the text around them.
const fn turns_direction(char: char) -> bool {
    matches!(char, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC: 5.5.1-2
    #[test]
    fn control_characters_of_a_peer_are_escaped() {
        assert_eq!(escaped("a\tb\nc é €"), "a\tb\nc é €");
        assert_eq!(escaped("\u{1b}[31m\u{9b}\u{7f}\r"), "\\u{1b}[31m\\u{9b}\\u{7f}\\u{d}");
        assert_eq!(escaped("\u{202e}"), "\\u{202e}");
    }
}
