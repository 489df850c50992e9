//! From an opening handshake to an open connection.

use std::{net::SocketAddr, sync::Arc};

use super::WebSocket;
use crate::{
    Deflate, Limits, Negotiated, ReceiveBuffer, ReceiveHalf, Receiver, Role, SendHalf, Sender,
    conn::{Info, Link, Opening, Reader},
    entropy,
    shared_config::SharedConfig,
    stats::Direction,
    trace,
    transport::AnyTransport,
};

/// What becomes a connection when the opening handshake is over.
pub(crate) struct Established<'r> {
    pub(crate) role: Role,
    pub(crate) transport: AnyTransport,
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) path: &'r str,
    pub(crate) negotiated: Negotiated,
    /// Bytes that came after the head: the first frames.
    pub(crate) received: &'r [u8],
    pub(crate) shared_config: Arc<SharedConfig>,
    /// How hard to compress, if that was agreed on.
    pub(crate) deflate: Deflate,
}

impl Established<'_> {
    pub(crate) fn into_websocket(self, opening: Option<Box<Opening>>) -> WebSocket {
        let (read, write) = self.transport.split();
        let mut sender = match self.role {
            Role::Client => Sender::client(entropy::masking_key),
            Role::Server => Sender::server(),
        };
        let limits: Limits = self.shared_config.config.limits;
        let mut receiver = Receiver::new(self.role, limits).with_version(self.negotiated.version);
        let mut extensions = String::new();
        if let Some(parameters) = &self.negotiated.deflate {
            sender = sender.with_deflate(parameters, &self.deflate);
            receiver = receiver.with_deflate(parameters, &self.deflate);
            extensions = parameters.to_string();
        }
        let info = Info::new(self.peer_addr, self.path)
            .with_agreed(self.negotiated.subprotocol.as_deref(), &extensions)
            .with_opening(opening);
        let link = Link::new(sender, write, info, self.shared_config);
        link.counters().opened();
        trace::opened(&link, self.role);
        if !self.received.is_empty() {
            link.counters().wire(Direction::Received, self.received.len());
        }
        let mut buffer = ReceiveBuffer::default();
        buffer.extend(self.received);
        let reader = Reader::new(read, self.role, receiver, buffer, Arc::clone(&link));
        let (receive, send) = (ReceiveHalf::new(reader), SendHalf::new(link));
        WebSocket { receive, send }
    }
}
