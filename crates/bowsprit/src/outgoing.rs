//! What can be given to `send`.

use std::{borrow::Cow, mem, sync::Arc};

use bowsprit_proto::Encoding;
use bytes::{Bytes, BytesMut};

use crate::{
    ConnectionConfig, Message, MessageKind, Output, PreparedMessage, SendError, Sender, Utf8Bytes,
};

/// A message to send, borrowed or owned.
///
/// There is no need to name this type: `send` takes `&str`, `String`, `Cow<str>`, `Arc<str>`,
/// `Box<str>`, and their kin for bytes: `&[u8]`, `Vec<u8>`, `Bytes`, `BytesMut` and so on; also
/// [`Message`], `&Message` and [`PreparedMessage`]. What is borrowed is copied once, into the
/// frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outgoing<'m> {
    /// Borrowed text.
    Text(&'m str),
    /// Borrowed bytes.
    Binary(&'m [u8]),
    /// A message of its own; a server shares a large one with the socket instead of copying it.
    Message(Message),
    /// A message that is not to be compressed; see [`uncompressed`](Self::uncompressed).
    Uncompressed(Message),
    /// A message that many connections share.
    Prepared(PreparedMessage),
}

impl Outgoing<'_> {
    /// Sends this message without compressing it.
    ///
    /// The length of a compressed message tells something of what is in it. Where an attacker can
    /// have text of his own put beside a secret and watch the lengths, he can guess the secret.
    ///
    /// ```no_run
    /// # use bowsprit::Outgoing;
    /// # async fn example(mut ws: bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
    /// ws.send(Outgoing::from("token 1234 for someone").uncompressed()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Self::Uncompressed(self.into_message())
    }

    /// Takes the message out, and leaves an empty one.
    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, Self::Binary(&[]))
    }

    /// Queues the message, which stays here: whoever drops it may run the code of an owner of
    /// [`Bytes`], so that is for the caller to do, when nothing is locked any longer.
    pub(crate) fn queue(&self, sender: &mut Sender, out: &mut Output) -> Result<(), SendError> {
        let len = self.len();
        match self {
            Self::Text(text) => sender.text(text, out),
            Self::Binary(bytes) => sender.binary(bytes, out),
            Self::Message(message) => sender.message(message.clone(), out),
            Self::Uncompressed(message) => sender.message_uncompressed(message.clone(), out),
            Self::Prepared(prepared) => match prepared.encoded(sender.encoding(len)) {
                Some(encoded) => sender.encoded(&encoded, out),
                None => sender.message(prepared.message().clone(), out),
            },
        }
    }

    pub(crate) fn kind(&self) -> MessageKind {
        match self {
            Self::Text(_) => MessageKind::Text,
            Self::Binary(_) => MessageKind::Binary,
            Self::Message(message) | Self::Uncompressed(message) => message.kind(),
            Self::Prepared(prepared) => prepared.message().kind(),
        }
    }

    /// Bytes of the message.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Message(message) | Self::Uncompressed(message) => message.len(),
            Self::Prepared(prepared) => prepared.message().len(),
        }
    }

    /// Whether compressing this would hold up other connections.
    pub(crate) fn is_heavy(&self, sender: &Sender, config: &ConnectionConfig) -> bool {
        let len = self.len();
        if len <= config.max_inline_compression_len || matches!(self, Self::Uncompressed(_)) {
            return false;
        }
        match (self, sender.encoding(len)) {
            (_, Encoding::Plain) => false,
            (Self::Prepared(prepared), Encoding::Compressed(config)) => {
                !prepared.is_compressed(config)
            }
            _ => true,
        }
    }

    pub(crate) fn into_owned(self) -> Outgoing<'static> {
        match self {
            Self::Text(_) | Self::Binary(_) | Self::Message(_) => {
                Outgoing::Message(self.into_message())
            }
            Self::Uncompressed(message) => Outgoing::Uncompressed(message),
            Self::Prepared(prepared) => Outgoing::Prepared(prepared),
        }
    }

    pub(crate) fn into_message(self) -> Message {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes.into(),
            Self::Message(message) | Self::Uncompressed(message) => message,
            Self::Prepared(prepared) => prepared.message().clone(),
        }
    }
}

impl<'m> From<&'m PreparedMessage> for Outgoing<'m> {
    fn from(prepared: &'m PreparedMessage) -> Self {
        Self::Prepared(prepared.clone())
    }
}

impl From<PreparedMessage> for Outgoing<'_> {
    fn from(prepared: PreparedMessage) -> Self {
        Self::Prepared(prepared)
    }
}

impl<'m> From<&'m str> for Outgoing<'m> {
    fn from(text: &'m str) -> Self {
        Self::Text(text)
    }
}

impl<'m> From<&'m String> for Outgoing<'m> {
    fn from(text: &'m String) -> Self {
        Self::Text(text)
    }
}

impl<'m> From<&'m [u8]> for Outgoing<'m> {
    fn from(bytes: &'m [u8]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'m, const N: usize> From<&'m [u8; N]> for Outgoing<'m> {
    fn from(bytes: &'m [u8; N]) -> Self {
        Self::Binary(bytes)
    }
}

impl<'m> From<&'m Vec<u8>> for Outgoing<'m> {
    fn from(bytes: &'m Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

/// Everything that makes a [`Message`].
macro_rules! from_owned {
    ($($owned:ty),+) => {
        $(impl From<$owned> for Outgoing<'_> {
            fn from(message: $owned) -> Self {
                Self::Message(message.into())
            }
        })+
    };
}

from_owned!(Message, &Message, String, Box<str>, Arc<str>, Utf8Bytes);
from_owned!(Vec<u8>, Box<[u8]>, Arc<[u8]>, Bytes, BytesMut);

impl<'m> From<Cow<'m, str>> for Outgoing<'m> {
    fn from(text: Cow<'m, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<'m> From<Cow<'m, [u8]>> for Outgoing<'m> {
    fn from(bytes: Cow<'m, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => bytes.into(),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}
