//! Messages that a queue accepts.

use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};
use core::mem;

use bytes::{Bytes, BytesMut};

use super::Shared;
use crate::{Encoding, Message, MessageKind, Output, SendError, Sender, Utf8Bytes};

/// Owned messages up to this length are copied by both roles, which is cheaper than sharing them.
const MAX_COPIED_LEN: usize = 4096;

/// A message to send, borrowed or owned.
///
/// It is made from `&str`, `String`, `Cow<str>`, `Arc<str>`, `Box<str>`, and the byte equivalents
/// `&[u8]`, `Vec<u8>`, `Bytes`, `BytesMut` and so on; also from [`Message`] and `&Message`.
/// Borrowed data is copied once, into the frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outgoing<'m, P> {
    /// Borrowed text.
    Text(&'m str),
    /// Borrowed bytes.
    Binary(&'m [u8]),
    /// An owned message. A server shares a large one with the socket instead of copying it.
    Message(Message),
    /// A message that is not to be compressed; see [`uncompressed`](Self::uncompressed).
    Uncompressed(Message),
    /// A message that is shared by many connections.
    Prepared(P),
}

impl<P> Outgoing<'_, P> {
    /// Takes the message, leaving an empty one.
    #[must_use]
    pub const fn take(&mut self) -> Self {
        mem::replace(self, Self::Binary(&[]))
    }
}

impl<P> Outgoing<'_, P> {
    /// The payload, if the message is copied in any case.
    #[inline]
    pub(super) fn copied(&self) -> Option<(MessageKind, &[u8])> {
        match self {
            Self::Text(text) => Some((MessageKind::Text, text.as_bytes())),
            Self::Binary(bytes) => Some((MessageKind::Binary, bytes)),
            Self::Message(message) if message.len() <= MAX_COPIED_LEN => {
                Some((message.kind(), message.as_bytes()))
            }
            _ => None,
        }
    }
}

impl<P: Shared> Outgoing<'_, P> {
    /// Sends this message without compressing it.
    ///
    /// The length of a compressed message leaks information about its content (CRIME, BREACH). An
    /// attacker who can have chosen text sent in the same message as a secret, and who sees the
    /// lengths, can guess the secret.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self::Uncompressed(self.into_message())
    }

    /// Whether this is text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
            Self::Message(message) | Self::Uncompressed(message) => message.kind(),
            Self::Prepared(prepared) => prepared.message().kind(),
        }
    }

    /// The length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Message(message) | Self::Uncompressed(message) => message.len(),
            Self::Prepared(prepared) => prepared.message().len(),
        }
    }

    /// Whether the message is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message with borrowed data copied.
    #[must_use]
    pub fn into_owned(self) -> Outgoing<'static, P> {
        match self {
            Self::Text(_) | Self::Binary(_) | Self::Message(_) => {
                Outgoing::Message(self.into_message())
            }
            Self::Uncompressed(message) => Outgoing::Uncompressed(message),
            Self::Prepared(prepared) => Outgoing::Prepared(prepared),
        }
    }

    /// Converts it into a plain message.
    #[must_use]
    pub fn into_message(self) -> Message {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes.into(),
            Self::Message(message) | Self::Uncompressed(message) => message,
            Self::Prepared(prepared) => prepared.message().clone(),
        }
    }

    /// Encodes the message without consuming it: dropping it may run the code of an owner of
    /// [`Bytes`].
    pub(super) fn frame(&self, sender: &mut Sender, out: &mut Output) -> Result<(), SendError> {
        match self {
            Self::Text(text) => sender.text(text, out),
            Self::Binary(bytes) => sender.binary(bytes, out),
            Self::Message(message) => sender.message(message.clone(), out),
            Self::Uncompressed(message) => sender.message_uncompressed(message.clone(), out),
            Self::Prepared(prepared) => {
                match prepared.encoded(sender.encoding(prepared.message().len())) {
                    Some(encoded) => sender.encoded(&encoded, out),
                    None => sender.message(prepared.message().clone(), out),
                }
            }
        }
    }

    /// Whether compressing this would delay other connections.
    pub(super) fn is_heavy(&self, sender: &Sender, max_inline_compression_len: usize) -> bool {
        let len = self.len();
        if len <= max_inline_compression_len {
            return false;
        }
        match (self, sender.encoding(len)) {
            (_, Encoding::Plain) | (Self::Uncompressed(_), _) => false,
            (Self::Prepared(prepared), encoding @ Encoding::Compressed(_)) => {
                !prepared.is_ready(encoding)
            }
            _ => true,
        }
    }
}

impl<'m, P> From<&'m str> for Outgoing<'m, P> {
    fn from(text: &'m str) -> Self {
        Self::Text(text)
    }
}

impl<'m, P> From<&'m String> for Outgoing<'m, P> {
    fn from(text: &'m String) -> Self {
        Self::Text(text)
    }
}

impl<'m, P> From<&'m [u8]> for Outgoing<'m, P> {
    fn from(bytes: &'m [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'m, const N: usize, P> From<&'m [u8; N]> for Outgoing<'m, P> {
    fn from(bytes: &'m [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'m, P> From<&'m Vec<u8>> for Outgoing<'m, P> {
    fn from(bytes: &'m Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

/// Conversions from everything that makes a [`Message`].
macro_rules! from_owned {
    ($($owned:ty),+) => {
        $(impl<P> From<$owned> for Outgoing<'_, P> {
            fn from(message: $owned) -> Self {
                Self::Message(message.into())
            }
        })+
    };
}

from_owned!(Message, &Message, String, Box<str>, Arc<str>, Utf8Bytes);
from_owned!(Vec<u8>, Box<[u8]>, Arc<[u8]>, Bytes, BytesMut);

impl<'m, P> From<Cow<'m, str>> for Outgoing<'m, P> {
    fn from(text: Cow<'m, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<'m, P> From<Cow<'m, [u8]>> for Outgoing<'m, P> {
    fn from(bytes: Cow<'m, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => bytes.into(),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}
