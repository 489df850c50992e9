//! The tokio driver from outside: life, closing, timers, backpressure, batching, both handshakes.
//!
//! Where time matters it is tokio's paused clock over in-memory transports; where sockets matter
//! they are loopback ones. The peer is written by hand, so that it can break any rule.

#![cfg(all(feature = "client", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod driver {
    mod accepting;
    mod api;
    mod authorizing;
    mod backpressure;
    mod batching;
    mod byte_streams;
    mod chunks;
    mod clients;
    mod closed;
    mod closing;
    mod compression;
    mod connecting;
    mod foreign;
    mod hooks;
    mod hub;
    mod leaving;
    mod lifecycle;
    mod listeners;
    mod long_messages;
    mod numbers;
    mod options;
    mod order;
    mod peer;
    #[cfg(feature = "proxy-protocol")]
    mod proxy_protocol;
    mod rates;
    mod reaching;
    mod reconnecting;
    mod redirecting;
    mod routes;
    mod serve;
    mod shutdown;
    mod silence;
    mod stats;
    mod support;
    mod timers;
    #[cfg(feature = "tower")]
    mod tower;
    mod turns;
    mod upgrading;
    mod watched;
}
