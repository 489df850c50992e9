//! Through proxies: hand-made ones that note every byte, tinyproxy and dante.

#![cfg(all(feature = "client", feature = "server", feature = "proxy", feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod proxies {
    mod daemons;
    mod fake;
    mod http;
    mod socks;
    mod tls;
}
