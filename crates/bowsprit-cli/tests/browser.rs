//! The page of `bowsprit serve`, and the server itself, with a Chromium; and an application of axum
//! over HTTP/2. The test speaks to the browser over WebSocket, too: by our client.
//!
//! Ignored by default, as the browser has to be installed first:
//!
//! ```text
//! scripts/setup-browser
//! cargo test -p bowsprit-cli --test browser -- --include-ignored
//! ```

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod browser {
    mod chromium;
    mod devtools;
    mod http2;
    mod page;
    mod process;
}
