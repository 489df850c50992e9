//! The tokio driver from outside: life, closing, timers, backpressure, batching, both handshakes.
//!
//! Where time matters it is tokio's paused clock over in-memory transports; where sockets matter
//! they are loopback ones. The peer is written by hand, so that it can break any rule.

#![cfg(all(feature = "client", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod driver {
    mod accepting;
    mod api;
    mod backpressure;
    mod batching;
    mod chunks;
    mod closing;
    mod compression;
    mod connecting;
    mod lifecycle;
    mod options;
    mod peer;
    mod reaching;
    mod reconnecting;
    mod redirecting;
    mod serve;
    mod support;
    mod timers;
    mod upgrading;
    mod watched;
}
