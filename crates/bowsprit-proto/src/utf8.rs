//! UTF-8 validation of text messages and close reasons, RFC 6455 §8.1.
//!
//! [`Validator`] checks a text piece by piece, wherever it is split, and fails at the first invalid
//! byte. [`Utf8Bytes`] is validated text in shared memory.

use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, ops::Deref, str};

use bytes::Bytes;

/// Below this length the standard library's loop beats the vectorised one.
const SIMD_MIN_LEN: usize = 32;

/// Bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text is not valid UTF-8")
    }
}

impl core::error::Error for InvalidUtf8 {}

/// Checks that a text which arrives in pieces is UTF-8.
///
/// ```
/// let mut validator = bowsprit_proto::utf8::Validator::new();
/// let (head, tail) = "€".as_bytes().split_at(1);
/// validator.push(head)?;
/// assert_eq!(validator.pending(), 1);
/// validator.push(tail)?;
/// validator.finish()?;
/// # Ok::<(), bowsprit_proto::utf8::InvalidUtf8>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Validator {
    /// The start of an incomplete character.
    carry: [u8; 4],
    carried: u8,
}

impl Validator {
    /// Creates a validator at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { carry: [0; 4], carried: 0 }
    }

    /// Checks the next piece.
    ///
    /// # Errors
    ///
    /// Fails at the first byte that cannot continue valid UTF-8.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let piece = self.complete_carried(piece)?;
        let valid_len = valid_prefix_len(piece)?;
        let tail = &piece[valid_len..];
        for (slot, byte) in self.carry.iter_mut().zip(tail) {
            *slot = *byte;
            self.carried += 1;
        }
        Ok(())
    }

    /// The number of bytes of an incomplete character: 0 to 3.
    #[must_use]
    pub fn pending(&self) -> usize {
        usize::from(self.carried)
    }

    /// Checks that the text may end here.
    ///
    /// # Errors
    ///
    /// Fails inside a character.
    pub const fn finish(&self) -> Result<(), InvalidUtf8> {
        if self.carried == 0 { Ok(()) } else { Err(InvalidUtf8) }
    }

    /// Completes the incomplete character, and returns the rest of `piece`.
    fn complete_carried<'p>(&mut self, mut piece: &'p [u8]) -> Result<&'p [u8], InvalidUtf8> {
        while self.carried > 0 {
            let Some((&byte, rest)) = piece.split_first() else { break };
            piece = rest;
            self.carry[self.pending()] = byte;
            self.carried += 1;
            if valid_prefix_len(&self.carry[..self.pending()])? > 0 {
                self.carried = 0;
            }
        }
        Ok(piece)
    }
}

/// Returns the length of the valid text at the front of `bytes`, if only an incomplete character
/// follows it.
fn valid_prefix_len(bytes: &[u8]) -> Result<usize, InvalidUtf8> {
    let (valid_len, invalid) = if bytes.len() < SIMD_MIN_LEN {
        match str::from_utf8(bytes) {
            Ok(text) => (text.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        }
    } else {
        match simdutf8::compat::from_utf8(bytes) {
            Ok(text) => (text.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some()),
        }
    };
    if invalid { Err(InvalidUtf8) } else { Ok(valid_len) }
}

/// Validates `bytes` as text with the vectorised check.
///
/// # Errors
///
/// Fails if `bytes` are not UTF-8.
pub fn from_utf8(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    if bytes.len() < SIMD_MIN_LEN {
        str::from_utf8(bytes).map_err(|_| InvalidUtf8)
    } else {
        simdutf8::basic::from_utf8(bytes).map_err(|_| InvalidUtf8)
    }
}

/// Text in shared memory: a [`Bytes`] that is known to be UTF-8.
///
/// Cloning shares the memory. Text made from bytes is validated once. As this crate has no unsafe
/// code, viewing it as a `str` validates it again, at memory speed (tens of GB/s for ASCII).
/// [`as_bytes`](Self::as_bytes), [`len`](Self::len) and forwarding it cost nothing.
///
/// ```
/// use bowsprit_proto::Utf8Bytes;
/// use bytes::Bytes;
///
/// let text = Utf8Bytes::try_from(Bytes::from_static(b"hello")).unwrap();
/// assert_eq!(text, "hello");
/// assert!(Utf8Bytes::try_from(Bytes::from_static(b"\xff")).is_err());
/// let shared = text.clone();
/// assert_eq!(shared.as_str().to_uppercase(), "HELLO");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// Creates it from static text, without a copy.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// For the receiver, which has checked every byte.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert!(from_utf8(&bytes).is_ok(), "the receiver checks text");
        Self(bytes)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked at construction, so the fallback is never taken.
        from_utf8(&self.0).unwrap_or_default()
    }

    /// The text's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text's bytes, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Cow<'_, str>> for Utf8Bytes {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

impl From<Box<str>> for Utf8Bytes {
    fn from(text: Box<str>) -> Self {
        String::from(text).into()
    }
}

impl From<Arc<str>> for Utf8Bytes {
    /// Shares the memory.
    fn from(text: Arc<str>) -> Self {
        Self(Bytes::from_owner(Arc::<[u8]>::from(text)))
    }
}

impl From<Utf8Bytes> for String {
    /// Reuses the memory if nothing else shares it.
    fn from(text: Utf8Bytes) -> Self {
        // Checked at construction, so the fallback is never taken.
        Self::from_utf8(Vec::from(text.0)).unwrap_or_default()
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, InvalidUtf8> {
        from_utf8(&bytes)?;
        Ok(Self(bytes))
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}
