//! A server for many clients with short messages.

// ANCHOR: all
use bowsprit::{ConnectionConfig, Server, config::Limits, server::ServerBuilder};

pub(crate) fn server() -> ServerBuilder {
    let config = ConnectionConfig::server()
        .limits(Limits::SERVER.max_message_len(16 << 10))
        .high_water_mark(16 << 10)
        .max_queue_len(64 << 10);
    Server::builder()
        .config(config)
        .max_connections(50_000)
        .max_connections_per_address(100)
        .max_pending_handshakes(256)
}
// ANCHOR_END: all
