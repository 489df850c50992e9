//! The last stage of the opening handshake: the transport becomes a WebSocket.

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

/// A handshake that [`Server::upgrade`](crate::Server::upgrade) has accepted and that waits for its
/// transport.
///
/// ```no_run
/// use bowsprit::{Server, http::Request, server::Rejection};
/// use tokio::net::TcpStream;
///
/// /// Continues where another HTTP server has read a request, up to its empty line.
/// async fn take_over(
///     server: &Server,
///     mut request: Request<()>,
///     socket: TcpStream,
/// ) -> Result<(), Rejection> {
///     let (response, upgrade) = server.upgrade_async(&mut request).await?;
///     // Here that server sends the response.
///     # drop(response);
///     let mut ws = upgrade.into_websocket(socket);
///     while let Ok(Some(message)) = ws.recv().await {
///         println!("{message:?}");
///     }
///     Ok(())
/// }
/// ```
pub struct Upgrade {
    pub(super) path: Box<str>,
    pub(in crate::server) negotiated: Negotiated,
    pub(super) shared_config: Arc<SharedConfig>,
    pub(super) deflate: Deflate,
    pub(in crate::server) handler: Option<Handler>,
    pub(super) peer_addr: Option<SocketAddr>,
    pub(super) permit: Option<ConnectionPermit>,
    pub(super) members: Arc<Members>,
    /// Set once the response has been handed over.
    pub(super) handshake: Option<HandshakeGuard>,
}

impl Upgrade {
    /// Makes a WebSocket of `io`, on which the response has been sent.
    ///
    /// With hyper, `io` is `TokioIo::new(hyper::upgrade::on(request).await?)`; the TCP socket and
    /// the bytes that hyper has read ahead are taken out of it, so that no HTTP state is kept. With
    /// other servers, pass bytes that were read ahead to
    /// [`into_websocket_with`](Self::into_websocket_with).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one that was built without time enabled.
    #[must_use]
    pub fn into_websocket(self, io: impl Transport) -> WebSocket {
        self.into_websocket_with(io, &[])
    }

    /// Like [`into_websocket`](Self::into_websocket), with bytes that were already read from `io`
    /// after the request: the client's first frames.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one that was built without time enabled.
    #[must_use]
    pub fn into_websocket_with(self, io: impl Transport, received: &[u8]) -> WebSocket {
        let (transport, ahead) = AnyTransport::from_io(io);
        // The first reader has the first bytes.
        if ahead.is_empty() {
            self.attach(transport, received)
        } else {
            self.attach(transport, &[received, &ahead].concat())
        }
    }

    /// Makes a connection of a transport from which these bytes were read after the request.
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
