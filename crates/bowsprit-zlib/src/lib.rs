//! Raw DEFLATE ([RFC 1951]) by stock zlib, for contexts that are small.
//!
//! zlib-rs and zlib-ng are faster, and no context of theirs takes less than 137 kB. With a window
//! of 2^9 bytes and memory level 1, one of zlib takes 10 kB for compressing and 8 kB for
//! decompressing: what a server with context takeover and many connections needs.
//!
//! This is the part of zlib that permessage-deflate needs, in the shape of the crate `zlib-rs`, so
//! that one can stand in for the other. It is also the only code of bowsprit that is `unsafe`.
//!
//! ```
//! use bowsprit_zlib::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush};
//!
//! let config = DeflateConfig { window_bits: -9, mem_level: 1, ..DeflateConfig::default() };
//! let (mut deflate, mut inflate) = (Deflate::new_with_config(config), Inflate::new(false, 9));
//! let (mut compressed, mut plain) = ([0; 100], [0; 100]);
//! deflate.compress(b"Hello", &mut compressed, DeflateFlush::SyncFlush)?;
//! inflate.decompress(&compressed[..11], &mut plain, InflateFlush::NoFlush).unwrap();
//! assert_eq!((deflate.total_out(), inflate.total_out()), (11, 5));
//! assert_eq!(&plain[..5], b"Hello");
//! # Ok::<(), bowsprit_zlib::DeflateError>(())
//! ```
//!
//! # Memory
//!
//! It comes from Rust's global allocator. There is no more of it than a context begins with, but
//! for the window of an [`Inflate`], which is allocated when there is something to keep in it.
//!
//! [RFC 1951]: https://datatracker.ietf.org/doc/html/rfc1951

#![no_std]
#![expect(
    unsafe_code,
    reason = "zlib is C; every call has its reason, and this crate nothing else"
)]

extern crate alloc;

mod deflate;
mod inflate;
mod memory;
mod stream;

pub use deflate::{Deflate, DeflateConfig, DeflateError, DeflateFlush, Method, Strategy};
pub use inflate::{Inflate, InflateError, InflateFlush};

/// How far a step has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Some input was used, or some output made.
    Ok,
    /// Nothing could be done: for want of input, or of room for output.
    BufError,
    /// The data has come to its end, a block with BFINAL set: what follows needs a reset.
    StreamEnd,
}
