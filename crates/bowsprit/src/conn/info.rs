//! Facts about a connection that never change.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::Response;
use tokio::time::Instant;

use crate::Url;

/// The number of the next connection, of whatever server or client.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
pub(crate) struct Info {
    id: u64,
    since: Instant,
    peer_addr: Option<SocketAddr>,
    /// Empty for the root, which most ask for.
    path: Box<str>,
    agreed: Option<Box<Agreed>>,
    opening: Option<Box<Opening>>,
}

/// What only a client knows of the handshake.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) url: Url,
    pub(crate) response: Response<()>,
}

/// What came of the negotiation, if anything did.
#[derive(Debug)]
struct Agreed {
    subprotocol: Option<Box<str>>,
    extensions: Box<str>,
}

impl Info {
    /// Those of a connection that is open now.
    pub(crate) fn new(peer_addr: Option<SocketAddr>, path: &str) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            since: Instant::now(),
            peer_addr,
            path: if path == "/" { Box::default() } else { path.into() },
            agreed: None,
            opening: None,
        }
    }

    pub(crate) fn with_agreed(mut self, subprotocol: Option<&str>, extensions: &str) -> Self {
        let agreed =
            Agreed { subprotocol: subprotocol.map(Into::into), extensions: extensions.into() };
        let is_any = subprotocol.is_some() || !extensions.is_empty();
        self.agreed = is_any.then(|| Box::new(agreed));
        self
    }

    pub(crate) fn with_opening(mut self, opening: Option<Box<Opening>>) -> Self {
        self.opening = opening;
        self
    }

    /// Tells it from all other connections of this process.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// When the opening handshake was over.
    pub(crate) const fn since(&self) -> Instant {
        self.since
    }

    /// How long ago that was.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    pub(crate) const fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }

    pub(crate) const fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    pub(crate) fn subprotocol(&self) -> Option<&str> {
        self.agreed.as_ref()?.subprotocol.as_deref()
    }

    pub(crate) fn extensions(&self) -> &str {
        self.agreed.as_ref().map_or("", |agreed| &agreed.extensions)
    }

    /// What a client knows of its opening handshake.
    pub(crate) fn opening(&self) -> Option<&Opening> {
        self.opening.as_deref()
    }
}
