//! What is sent and received.
//!
//! * [`Message`]: a whole message, text or binary, as [`recv`](crate::WebSocket::recv) returns it.
//!   Its payload is a [`Utf8Bytes`] or a [`Bytes`], which are cheap to clone.
//! * [`Outgoing`]: anything that [`send`](crate::WebSocket::send) takes. Strings, byte slices,
//!   vectors and messages convert into it.
//! * [`PreparedMessage`]: a message that is framed and compressed once for many connections.
//! * [`Event`]: what [`next_event`](crate::WebSocket::next_event) returns: messages borrowed from
//!   the read buffer, and control frames.
//! * [`Chunk`] and [`Fragment`]: parts of long messages, received by
//!   [`next_chunk`](crate::WebSocket::next_chunk) and sent by
//!   [`send_fragment`](crate::WebSocket::send_fragment).
//! * [`Close`] and [`CloseCode`]: why a connection was closed.
//!
//! ```
//! use bowsprit::message::{Message, MessageKind};
//!
//! let message = Message::text("hello");
//! assert_eq!(message.kind(), MessageKind::Text);
//! assert_eq!(message, "hello");
//! ```

pub use bowsprit_proto::{
    Chunk, Close, CloseCode, Event, Fragment, Message, MessageKind, Utf8Bytes,
};
pub use bytes::{Bytes, BytesMut};

pub use crate::{outgoing::Outgoing, prepared::PreparedMessage};
