//! Encryption in both roles: good and bad certificates, client certificates, SNI, time-outs, and
//! OpenSSL on the other side.

#![cfg(all(feature = "client", feature = "server", feature = "tls"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod tls {
    mod authority;
    mod certificates;
    mod clients;
    mod files;
    mod listeners;
    mod openssl;
    #[cfg(unix)]
    mod openssl_client;
    mod reload;
    mod servers;
    mod sessions;
    #[cfg(unix)]
    mod watch;
}
