//! The tokio driver from outside: life, closing, timers, backpressure, batching, both handshakes.
//!
//! Where time matters it is tokio's paused clock over in-memory transports; where sockets matter
//! they are loopback ones. The peer is written by hand, so that it can break any rule.

#![cfg(all(feature = "client", feature = "server"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod driver {
    mod accepting;
    mod admission;
    mod api;
    mod authorizing;
    mod auto_traits;
    #[cfg(all(feature = "axum", feature = "tower"))]
    mod axum;
    mod backpressure;
    mod batching;
    mod blocking;
    mod blocking_handlers;
    mod byte_streams;
    mod chunks;
    mod clients;
    mod closed;
    mod closing;
    mod compression;
    mod config;
    mod connecting;
    mod ending;
    mod errors;
    mod foreign;
    mod handlers;
    mod handshakes;
    mod health;
    mod hooks;
    #[cfg(all(feature = "axum", feature = "tower"))]
    mod http2;
    mod hub;
    #[cfg(feature = "json")]
    mod json;
    mod leaving;
    mod lifecycle;
    mod listeners;
    mod long_messages;
    mod memberships;
    mod no_runtime;
    mod numbers;
    mod order;
    mod peer;
    mod pings;
    mod polling;
    mod ported;
    #[cfg(feature = "proxy-protocol")]
    mod proxy_protocol;
    mod rates;
    mod reaching;
    mod reconnecting;
    mod redirecting;
    mod routes;
    mod runtimes;
    mod serve;
    mod setters;
    mod shutdown;
    mod shutdown_handshakes;
    mod silence;
    mod stats;
    mod support;
    mod threads;
    mod timers;
    mod topics;
    #[cfg(feature = "tower")]
    mod tower;
    mod turns;
    mod unread;
    mod upgrading;
    mod values;
    mod watched;
}
