//! Accepting connections, RFC 6455 §4.2.

mod accept;
mod builder;
#[cfg(feature = "tls")]
mod encrypted;
mod serve;
mod upgrade;

use std::{fmt, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{self, Accepted, Policy, Rejection};
use bytes::Bytes;
use http::{Request, Response};

pub use self::{builder::ServerBuilder, serve::BoundServer, upgrade::Upgrade};
use crate::{Deflate, Error, Io, Options, WebSocket};

/// Accepts connections: from listeners of its own, from transports, or from other HTTP servers.
///
/// Cloning is cheap; all clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    /// Where WebSocket is spoken; everywhere, if this is empty.
    paths: Vec<Box<str>>,
    policy: Policy,
    options: Arc<Options>,
    handshake_timeout: Duration,
    fallback: Box<dyn Fallback>,
    #[cfg(feature = "tls")]
    tls: Option<crate::ServerTls>,
}

/// Answers requests that do not ask for a WebSocket.
pub(crate) trait Fallback:
    Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync
{
}

impl<F: Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync> Fallback for F {}

impl Server {
    /// Begins a server with the default options.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// Speaks the opening handshake over a transport that nobody has read from yet.
    ///
    /// # Errors
    ///
    /// The client's request was refused ([`Error::Handshake`]; the client has been told why), it is
    /// no HTTP, it took too long, or the transport failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the transport.
    pub async fn accept(&self, io: impl Io) -> Result<WebSocket, Error> {
        self.shared.accept(io).await.map(|(ws, _)| ws)
    }

    /// Judges a request that another HTTP server has read.
    ///
    /// Send the response with that server, then [`attach`](Upgrade::attach) the transport.
    ///
    /// # Errors
    ///
    /// The request was refused. Send the rejection's response and close the connection.
    ///
    /// ```
    /// use bowsprit::Server;
    ///
    /// let server = Server::builder().build();
    /// let request = http::Request::new(());
    /// let rejection = server.upgrade(&request).unwrap_err();
    /// assert_eq!(rejection.response.status(), 400);
    /// # use bowsprit::http;
    /// ```
    pub fn upgrade<B>(
        &self,
        request: &Request<B>,
    ) -> Result<(Response<()>, Upgrade), Box<Rejection>> {
        let Accepted { response, negotiated, .. } =
            handshake::respond(request, &self.shared.policy)?;
        let path = request.uri().path().into();
        let options = Arc::clone(&self.shared.options);
        let deflate = self.shared.policy.deflate.unwrap_or_else(Deflate::server);
        Ok((response, Upgrade { path, negotiated, options, deflate }))
    }
}

impl Shared {
    fn speaks_at(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|spoken| **spoken == *path)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("paths", &self.paths)
            .field("policy", &self.policy)
            .field("options", &self.options)
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}
