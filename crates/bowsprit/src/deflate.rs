//! Compression of messages: the extension permessage-deflate, [RFC 7692].
//!
//! [`Client::deflate`](crate::Client::deflate) offers it,
//! [`ServerBuilder::deflate`](crate::server::ServerBuilder::deflate) and
//! [`Route::deflate`](crate::server::Route::deflate) accept it. Both take a [`Deflate`], which has
//! the parameters that are negotiated and how hard this side compresses:
//!
//! ```
//! use bowsprit::deflate::{ContextTakeover, Deflate};
//!
//! let deflate = Deflate::server()
//!     .level(6)
//!     .client_context_takeover(ContextTakeover::Allowed);
//! let server = bowsprit::Server::builder().deflate(deflate);
//! ```
//!
//! [RFC 7692]: https://datatracker.ietf.org/doc/html/rfc7692

pub use bowsprit_proto::deflate::{Backend, ContextTakeover, Deflate, Strategy, WindowBits};
