//! A service of systemd: sockets that it gets, and what it tells. The tests start themselves again
//! as systemd would.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod systemd {
    mod manager;
    mod notifying;
    mod service;
    mod sockets;
    mod units;
}
