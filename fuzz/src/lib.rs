//! Fuzz targets: functions that take any bytes and panic if a property does not hold.
//!
//! `cargo test --manifest-path fuzz/Cargo.toml` replays the corpus, and every cut of it.

#![forbid(unsafe_code)]

mod connection;
mod deflate;
mod opening;
mod queue;
mod timers;

pub use connection::{chunking, frame_header, receive_client, receive_server};
pub use deflate::deflate;
pub use opening::{extensions, handshake_request, handshake_response, url, url_join};
pub use queue::queue;
pub use timers::timers;

/// A target with the name of its corpus.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

impl Target {
    const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self { name, run }
    }
}

pub const TARGETS: [Target; 12] = [
    Target::new("frame_header", frame_header),
    Target::new("receive_client", receive_client),
    Target::new("receive_server", receive_server),
    Target::new("chunking", chunking),
    Target::new("handshake_request", handshake_request),
    Target::new("handshake_response", handshake_response),
    Target::new("extensions", extensions),
    Target::new("url", url),
    Target::new("url_join", url_join),
    Target::new("deflate", deflate),
    Target::new("queue", queue),
    Target::new("timers", timers),
];
