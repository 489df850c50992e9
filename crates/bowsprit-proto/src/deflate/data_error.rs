//! What is wrong with compressed data.

use core::fmt;

/// What is wrong with data that is not what RFC 1951 calls compressed, mostly in zlib's words.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataError {
    /// As short as an error on a hot path has to be.
    index: u8,
}

/// zlib's texts for what is wrong around the codes of a block, and ours for the rest.
const TEXTS: [&str; 11] = [
    "invalid data",
    "incomplete message",
    "invalid length or distance",
    "invalid block type",
    "invalid stored block lengths",
    "too many length or distance symbols",
    "invalid code lengths set",
    "invalid bit length repeat",
    "invalid code -- missing end-of-block",
    "invalid literal/lengths set",
    "invalid distances set",
];

impl DataError {
    /// The message was cut short, or does not end with a block. zlib has no text for that.
    pub(crate) const INCOMPLETE: Self = Self { index: 1 };

    /// The error for a text of a backend.
    pub(crate) fn new(text: Option<&str>) -> Self {
        let text = match text {
            // For whatever is wrong within the codes, zlib-rs has the last of these texts if much
            // input and output is there. How the input is cut may not show.
            Some(
                "invalid literal/length code"
                | "invalid distance code"
                | "invalid distance too far back"
                | "invalid distance code too far back"
                | "repeated call with bad state",
            ) => Some(TEXTS[2]),
            text => text,
        };
        let index = TEXTS.iter().position(|known| Some(*known) == text);
        Self { index: index.and_then(|index| u8::try_from(index).ok()).unwrap_or(0) }
    }

    /// The text, such as `invalid block type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        TEXTS[usize::from(self.index)]
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DataError").field(&self.as_str()).finish()
    }
}
