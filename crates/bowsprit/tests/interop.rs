//! Interoperation with other implementations: npm ws, Python's websockets, Node's HTTP/2 and curl
//! in depth, and the zoo, everything else that speaks WebSocket.
//!
//! Ignored by default, as the peers have to be installed first:
//!
//! ```text
//! scripts/setup-interop
//! cargo test -p bowsprit --features axum --test interop -- --include-ignored
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod interop {
    mod access;
    mod client;
    mod curl;
    mod deflate;
    #[cfg(feature = "axum")]
    mod http2;
    mod meter;
    mod peers;
    mod server;
    mod zoo;
}
