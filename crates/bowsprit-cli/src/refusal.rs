//! What `bowsprit serve` adds to refusals that an option would have prevented.

use std::sync::Once;

use bowsprit::{error::HandshakeError, http::Request, server::Rejection};

/// Names the option: to the client, and the first time in the log.
pub(crate) fn name_option(_: &Request<()>, refusal: Rejection) -> Rejection {
    static HOST: Once = Once::new();
    static ORIGIN: Once = Once::new();
    let text = match refusal.error() {
        Some(HandshakeError::Host(host)) => {
            HOST.call_once(|| {
                tracing::warn!(
                    "a request for another host than this machine was refused: behind a reverse \
                     proxy, name the host that clients ask for with --host NAME"
                );
            });
            format!("host {host:?} is not served here; bowsprit serve --host NAME can allow it\n")
        }
        Some(HandshakeError::Origin(origin)) => {
            ORIGIN.call_once(|| {
                tracing::warn!(
                    "a request from a page of another origin was refused: --any-origin lets in \
                     pages from anywhere"
                );
            });
            format!(
                "origin {origin:?} is not allowed here; bowsprit serve --any-origin allows it\n"
            )
        }
        _ => return refusal,
    };
    refusal.body(text)
}
