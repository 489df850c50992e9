//! The heads of the opening handshake: an HTTP/1.1 request and its response, RFC 9112 §2.
//!
//! A WebSocket handshake is one head each way, so both roles read and write them here: the server
//! the request, the client the response, and the client's `CONNECT` through a proxy. What comes
//! before a head's end is bounded by [`HeadLimits`]; whatever has a body is left to hyper.

mod error;
mod parse;
mod reader;
mod spelling;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use self::error::{HeadError, ReadError};
pub(crate) use self::reader::{HeadReader, Received};
#[cfg(feature = "client")]
pub use self::spelling::FieldName;
#[cfg(feature = "server")]
pub(crate) use self::write::{remove_framing, write_rejection, write_response};
#[cfg(feature = "client")]
pub(crate) use self::{spelling::Spelling, write::write_request};

/// How much of a head is read from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadLimits {
    /// Bytes, up to and including the empty line.
    pub(crate) max_len: usize,
    /// Header fields.
    max_fields: usize,
}

impl HeadLimits {
    /// With so many header fields at most, or as many as a [`HeaderMap`](http::HeaderMap) can have.
    pub(crate) const fn set_max_fields(&mut self, max: usize) {
        self.max_fields = if max < MAX_FIELDS { max } else { MAX_FIELDS };
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { max_len: 16 * 1024, max_fields: DEFAULT_MAX_FIELDS }
    }
}

/// What a [`HeaderMap`](http::HeaderMap) has room for.
const MAX_FIELDS: usize = 24_576;

/// Room for these fields is on the stack.
const DEFAULT_MAX_FIELDS: usize = 100;
