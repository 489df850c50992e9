//! What compresses and decompresses: zlib-rs, or stock zlib if the feature `stock-zlib` is on.

#[cfg(feature = "stock-zlib")]
pub(super) use bowsprit_zlib::{
    Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Method, Status, Strategy,
};
#[cfg(not(feature = "stock-zlib"))]
pub(super) use zlib_rs::{
    Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Method, Status, Strategy,
};
