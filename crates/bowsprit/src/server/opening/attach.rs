//! The last stage of an opening: the transport becomes a WebSocket.

use std::{fmt, net::SocketAddr, sync::Arc};

use bowsprit_proto::handshake::Negotiated;
use http::Request;

use crate::{
    Deflate, Role, Transport, WebSocket,
    server::{
        clients::Members, guard::HandshakeGuard, handler::Handler, limiter::ConnectionPermit,
    },
    shared_config::SharedConfig,
    trace,
    transport::AnyTransport,
    websocket::Established,
};

/// A handshake that was accepted by [`Server::upgrade`](crate::Server::upgrade) and waits for its
/// transport.
pub struct Upgrade {
    pub(super) path: Box<str>,
    pub(in crate::server) negotiated: Negotiated,
    pub(super) shared_config: Arc<SharedConfig>,
    pub(super) deflate: Deflate,
    pub(in crate::server) handler: Option<Handler>,
    pub(super) peer_addr: Option<SocketAddr>,
    pub(super) permit: Option<Box<ConnectionPermit>>,
    pub(super) members: Arc<Members>,
    /// Once the answer is on its way.
    pub(super) handshake: Option<HandshakeGuard>,
}

impl Upgrade {
    /// Speaks WebSocket over `io`, once the response has been sent on it.
    ///
    /// With hyper, `io` is `TokioIo::new(hyper::upgrade::on(request).await?)`; the TCP socket is
    /// taken out of it together with the bytes that hyper has read ahead, so that nothing of HTTP
    /// stays behind. With other servers, bytes that were read ahead go to
    /// [`into_websocket_with`](Self::into_websocket_with).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one whose builder has not enabled time.
    #[must_use]
    pub fn into_websocket(self, io: impl Transport) -> WebSocket {
        self.into_websocket_with(io, &[])
    }

    /// The same, with bytes that were read from `io` after the request: the client's first frames.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one whose builder has not enabled time.
    #[must_use]
    pub fn into_websocket_with(self, io: impl Transport, received: &[u8]) -> WebSocket {
        let (transport, ahead) = AnyTransport::from_io(io);
        // Whoever has read ahead first has got what comes first.
        if ahead.is_empty() {
            self.attach(transport, received)
        } else {
            self.attach(transport, &[received, &ahead].concat())
        }
    }

    /// Makes a connection of a transport, on which these bytes came behind the request.
    fn attach(self, transport: AnyTransport, received: &[u8]) -> WebSocket {
        let established = Established {
            role: Role::Server,
            peer_addr: self.peer_addr.or_else(|| transport.peer_addr()),
            transport,
            path: &self.path,
            negotiated: self.negotiated,
            received,
            shared_config: self.shared_config,
            deflate: self.deflate,
        };
        let ws = established.into_websocket(None);
        self.members.join(ws.link(), self.permit);
        if let Some(handshake) = self.handshake {
            handshake.accepted();
        }
        ws
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("path", &self.path)
            .field("negotiated", &self.negotiated)
            .finish_non_exhaustive()
    }
}

/// A connection that was opened.
pub(in crate::server) struct OpenConnection {
    pub(in crate::server) ws: WebSocket,
    pub(in crate::server) request: Request<()>,
    /// That of its path.
    pub(in crate::server) handler: Option<Handler>,
}

impl OpenConnection {
    pub(in crate::server) fn attach(
        mut upgrade: Upgrade,
        request: Request<()>,
        transport: AnyTransport,
        received: &[u8],
    ) -> Self {
        let handler = upgrade.handler.take();
        Self { ws: upgrade.attach(transport, received), request, handler }
    }
}

impl trace::Path for OpenConnection {
    fn path(&self) -> &str {
        self.ws.path()
    }
}
