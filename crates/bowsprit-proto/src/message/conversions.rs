//! Conversions into messages, and comparisons with them.

use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};

use bytes::{Bytes, BytesMut};

use super::Message;
use crate::Utf8Bytes;

impl From<&Self> for Message {
    /// Shares the payload.
    fn from(message: &Self) -> Self {
        message.clone()
    }
}

/// Conversions from everything that makes a [`Utf8Bytes`].
macro_rules! from_text {
    ($($text:ty),+) => {
        $(impl From<$text> for Message {
            fn from(text: $text) -> Self {
                Self::Text(text.into())
            }
        })+
    };
}

from_text!(Utf8Bytes, &str, String, &String, Cow<'_, str>, Box<str>, Arc<str>);

/// Conversions from everything that makes a [`Bytes`] without a copy.
macro_rules! from_bytes {
    ($($bytes:ty),+) => {
        $(impl From<$bytes> for Message {
            fn from(bytes: $bytes) -> Self {
                Self::Binary(bytes.into())
            }
        })+
    };
}

from_bytes!(Bytes, BytesMut, Vec<u8>, Box<[u8]>);

impl From<Arc<[u8]>> for Message {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Binary(Bytes::from_owner(bytes))
    }
}

impl From<Cow<'_, [u8]>> for Message {
    fn from(bytes: Cow<'_, [u8]>) -> Self {
        bytes.into_owned().into()
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(bytes: &[u8; N]) -> Self {
        bytes[..].into()
    }
}

impl PartialEq<str> for Message {
    fn eq(&self, text: &str) -> bool {
        matches!(self, Self::Text(this) if this == text)
    }
}

impl PartialEq<[u8]> for Message {
    fn eq(&self, bytes: &[u8]) -> bool {
        matches!(self, Self::Binary(this) if this == bytes)
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Message {
    fn eq(&self, bytes: &[u8; N]) -> bool {
        *self == bytes[..]
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Message {
    fn eq(&self, bytes: &&[u8; N]) -> bool {
        *self == bytes[..]
    }
}

/// Comparisons with everything that can be viewed as text or bytes.
macro_rules! equals {
    ($($other:ty),+) => {
        $(impl PartialEq<$other> for Message {
            fn eq(&self, other: &$other) -> bool {
                *self == **other
            }
        })+
    };
}

equals!(&str, String, Cow<'_, str>, &[u8], Vec<u8>, Bytes);
