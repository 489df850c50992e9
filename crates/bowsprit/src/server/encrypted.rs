//! Connections of a listener that encrypts.

use std::sync::Arc;

use http::Request;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::Shared;
use crate::{Error, ServerTls, Timer, WebSocket};

impl Shared {
    /// Speaks the opening handshake, after that of TLS if the server encrypts.
    pub(super) async fn accept_socket(
        self: &Arc<Self>,
        stream: TcpStream,
    ) -> Result<(WebSocket, Request<()>), Error> {
        match &self.tls {
            None => self.accept(stream).await,
            // Boxed: what TLS needs must not make plain connections wait with more memory.
            Some(tls) => Box::pin(self.accept_encrypted(tls, stream)).await,
        }
    }

    /// Both handshakes, within the time of one.
    async fn accept_encrypted(
        self: &Arc<Self>,
        tls: &ServerTls,
        stream: TcpStream,
    ) -> Result<(WebSocket, Request<()>), Error> {
        let deadline = Instant::now() + self.handshake_timeout;
        let (transport, certificates) = tls.accept(stream, self.handshake_timeout).await?;
        let accepted = timeout_at(deadline, self.accept(transport)).await;
        let (ws, mut request) = accepted.map_err(|_| Error::TimedOut(Timer::Handshake))??;
        if let Some(certificates) = certificates {
            request.extensions_mut().insert(certificates);
        }
        Ok((ws, request))
    }
}
