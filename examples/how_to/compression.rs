//! Compression, on request.

// ANCHOR: server
use bowsprit::{Deflate, Server, deflate::ContextTakeover, server::ServerBuilder};

/// Compresses messages of 1 KiB and more, each by itself.
pub(crate) fn long_messages() -> ServerBuilder {
    Server::builder().deflate(Deflate::server())
}

/// Compresses short messages that resemble earlier ones. Each connection keeps its contexts.
pub(crate) fn short_messages() -> ServerBuilder {
    let deflate = Deflate::server()
        .threshold(32)
        .server_context_takeover(ContextTakeover::Allowed)
        .client_context_takeover(ContextTakeover::Allowed);
    Server::builder().deflate(deflate)
}
// ANCHOR_END: server

// ANCHOR: secret
use bowsprit::{Error, WebSocket, message::Outgoing};

/// Sends a message whose length must not tell anything about a secret in it.
pub(crate) async fn send_secret(ws: &mut WebSocket, text: String) -> Result<(), Error> {
    ws.send(Outgoing::from(text).uncompressed()).await
}
// ANCHOR_END: secret

// ANCHOR: client
use bowsprit::Client;

/// Offers no compression.
pub(crate) fn uncompressed() -> Client {
    Client::new().deflate(None)
}
// ANCHOR_END: client
