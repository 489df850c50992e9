//! Behind nginx and HAProxy, with the configurations of docs/deployment.md.
//!
//! Ignored by default, as the two have to be installed first:
//!
//! ```text
//! scripts/setup-reverse-proxies
//! cargo test -p bowsprit --features proxy-protocol --test reverse_proxies -- --include-ignored
//! ```

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod reverse_proxies {
    mod passing;
    mod proxy;
    mod smuggling;
}
