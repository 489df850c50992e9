//! The WebSocket protocol without I/O: frames, messages and handshakes of [RFC 6455].
//!
//! This crate implements every rule of the protocol once. It has no socket, clock, task or source
//! of entropy: a *driver* reads bytes into a [`ReceiveBuffer`], has a [`Receiver`] decode them, has
//! a [`Sender`] encode frames into an [`Output`], and writes that to the transport. The `bowsprit`
//! crate is such a driver for tokio; [`manual`] shows how to write another.
//!
//! ```text
//!  bytes in ─► ReceiveBuffer ─► Receiver ─► Event ─┬─► the application
//!                                                  └─► Sender::respond ─┐
//!                        the application ─► Sender ─────────────────────┴─► Output ─► bytes out
//! ```
//!
//! # In scope
//!
//! * [`FrameHeader`], [`mask`], [`utf8`]: the parts of a frame, §5.
//! * [`Receiver`], [`Sender`], and both as a [`Connection`]: messages, control frames and the
//!   closing handshake, §5 to §7.
//! * [`handshake`]: both sides of the opening handshake with the types of the `http` crate, §4.
//! * [`extension`], [`subprotocol`], [`Url`]: the grammar of header fields and URLs, §3 and §9;
//!   [`grammar`] has the common parts.
//! * [`queue`]: the send queue of a connection: capacity, order, slow consumers, compression on
//!   another thread, and what may follow a close frame.
//! * [`timers`]: when to send a ping, when to end a connection, and how much a peer may send per
//!   second. The driver passes in the time.
//!
//! # Out of scope
//!
//! HTTP itself, TLS, DNS, sockets, clocks, and random numbers are provided by drivers.
//!
//! # Features
//!
//! `zlib` (off) adds `Backend::Zlib` for compression with the C library zlib. It is slower than
//! zlib-rs, but its contexts can be as small as 10 kB instead of 137 kB. See [`deflate`].
//!
//! `json` (off) adds `Message::json` and `Message::from_json`, with serde.
//!
//! [RFC 6455]: https://datatracker.ietf.org/doc/html/rfc6455

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod close;
mod connection;
pub mod deflate;
mod error;
pub mod extension;
mod frame;
pub mod grammar;
pub mod handshake;
mod header_list;
mod limits;
pub mod manual;
pub mod mask;
mod message;
mod pieces;
pub mod queue;
pub mod subprotocol;
pub mod timers;
mod url;
pub mod utf8;

pub use close::{Close, CloseCode};
pub use connection::{
    Block, Chunk, Connection, DetachedCompressor, EncodedBatch, EncodedMessage, Encoding, Event,
    Fragment, FragmentCompression, InflationLimits, MaskingKeys, Output, Progress, ReceiveBuffer,
    Received, ReceivedData, Receiver, Respond, Role, Sender, State,
};
pub use error::{ProtocolError, SendError};
pub use frame::{FrameHeader, Opcode};
pub use limits::Limits;
pub use message::{Message, MessageKind};
pub use url::{InvalidUrl, Url, UserInfo};
pub use utf8::Utf8Bytes;

/// The example of the package's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
