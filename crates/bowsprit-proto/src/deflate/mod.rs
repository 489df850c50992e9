//! permessage-deflate: compression of messages, [RFC 7692].
//!
//! [`Deflate`] says what an endpoint wants, [`Parameters`] what both agreed on. A [`Compressor`]
//! and a [`Decompressor`] are the contexts that do the work: they are made when first needed, and
//! without context takeover a driver can lend them from a pool and take them back between messages.
//!
//! zlib-rs does the work, or zlib where [`Deflate::backend`] says so; it needs the feature `zlib`.
//! The choice changes how much memory a context takes, how much time it needs, and which bytes a
//! sender makes of a message. Either understands what the other has written.
//!
//! [RFC 7692]: https://datatracker.ietf.org/doc/html/rfc7692

mod backend;
mod codec;
mod compressor;
mod data_error;
mod decompressor;
mod negotiate;
mod negotiation_error;
mod options;
mod stated;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use codec::{FrameCompressor, FrameDecompressor};
pub use compressor::{Compressor, CompressorConfig};
pub use data_error::DataError;
pub use decompressor::Decompressor;
pub(crate) use decompressor::{InflateError, Inflated};
pub use negotiate::{OfferPolicy, Parameters, Side};
pub use negotiation_error::NegotiationError;
pub use options::{ContextTakeover, Deflate, Strategy, WindowBits};

/// The extension's name, §7.
pub(crate) const NAME: &str = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What a sender cuts from the end of a message and a receiver puts back, §7.2.1, §7.2.2: the
/// length of the empty stored block that a flush ends with.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The largest LZ77 window, and what is agreed on if nothing is said: 2^15 bytes.
pub(crate) const MAX_WINDOW_BITS: u8 = 15;

/// The smallest window that can be agreed on: 2^8 bytes.
const MIN_WINDOW_BITS: u8 = 8;
