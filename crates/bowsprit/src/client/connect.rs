//! From a URL to an open connection: the attempts of one call, with the redirects and rejections
//! between them.

use std::{future::Future, io, sync::Arc};

use bowsprit_proto::handshake::{ClientHandshake, Offer};
use bytes::Bytes;
use http::{HeaderMap, Response, header};
use tokio::time::{Instant, timeout_at};

use super::{
    Client, Rejected,
    exchange::{Bounds, Exchanged, exchange},
    network::{Destination, Reached},
    redirect::is_redirect,
};
use crate::{
    ConnectError, Deflate, Role, TimeoutKind, Url, WebSocket,
    conn::Opening,
    deadline::deadline_after,
    entropy,
    tls::{self, Identity},
    trace::{self, Instrumented},
    transport::AnyTransport,
    websocket::Established,
};

/// One call of `connect`, which may take several requests.
pub(super) struct Attempt<'c> {
    pub(super) client: &'c Client,
    pub(super) first: Url,
    pub(super) url: Url,
    /// Every URL that was asked, to find loops.
    pub(super) visited: Vec<Url>,
    /// A server of another origin than the first has been asked. No secret is sent any more, not
    /// even to the first origin again: the other one has chosen the path there.
    pub(super) left_origin: bool,
    /// The header fields with which the application answers a rejection.
    answer: Option<HeaderMap>,
}

impl<'c> Attempt<'c> {
    pub(super) fn new(client: &'c Client, url: Url) -> Self {
        Self {
            client,
            first: url.clone(),
            visited: vec![url.clone()],
            url,
            left_origin: false,
            answer: None,
        }
    }

    /// Makes requests until one opens a connection, or its response is not worth another.
    pub(super) async fn run(mut self) -> Result<WebSocket, ConnectError> {
        loop {
            let offer = self.offer().await?;
            let connecting = self.connect_once(&offer);
            match self.client.instrument(&self.url, connecting).await {
                Err(ConnectError::Rejected(response)) => self.on_response(response).await?,
                ended => return ended,
            }
        }
    }

    /// Connects to the URL: name, address and proxy, then TLS and the opening handshake.
    async fn connect_once(&self, offer: &Offer) -> Result<WebSocket, ConnectError> {
        let client = self.client;
        let deadline = deadline_after(client.network.connect_timeout);
        let reaching = client.reach(&self.url, deadline);
        let reached = within(deadline, TimeoutKind::Connect, reaching).await?;
        let identity = if self.left_origin { Identity::Hidden } else { Identity::Shown };
        let deadline = deadline_after(client.handshake_timeout);
        let handshaking = async {
            let transport = client.encrypt(&self.url, reached.transport, identity).await?;
            client.handshake(&self.url, offer, transport, deadline).await
        };
        // Held until the handshake is over.
        let _permit = reached.permit;
        within(deadline, TimeoutKind::Handshake, handshaking).await
    }

    /// What the next request asks for.
    async fn offer(&self) -> Result<Offer, ConnectError> {
        let mut offer = self.client.offer.clone();
        if self.left_origin {
            offer.headers.clear();
            return Ok(offer);
        }
        self.client.add_headers(&mut offer, &self.url).await?;
        offer.headers.extend(self.answer.clone().unwrap_or_default());
        Ok(offer)
    }

    /// Prepares the next request, as a response asks for it that is no 101.
    ///
    /// # Errors
    ///
    /// There is to be none: [`ConnectError::Rejected`] or [`ConnectError::Redirect`].
    async fn on_response(&mut self, response: Box<Response<Bytes>>) -> Result<(), ConnectError> {
        if is_redirect(response.status())
            && self.client.max_redirects > 0
            && let Some(location) = response.headers().get(header::LOCATION).cloned()
        {
            return self.follow_redirect(&location, response);
        }
        let may_ask = !self.left_origin && self.answer.is_none();
        let Some(callback) = self.client.on_rejected.as_ref().filter(|_| may_ask) else {
            return Err(ConnectError::Rejected(response));
        };
        let rejected = Rejected { url: self.url.clone(), response: (*response).clone() };
        match callback.call(rejected).await.map_err(|error| ConnectError::Callback(error.into()))? {
            Some(headers) => self.answer = Some(headers),
            None => return Err(ConnectError::Rejected(response)),
        }
        Ok(())
    }
}

/// The stages of an attempt.
impl Client {
    /// Adds the header fields that the application has for this attempt, in place of those of the
    /// same name.
    pub(super) async fn add_headers(
        &self,
        offer: &mut Offer,
        url: &Url,
    ) -> Result<(), ConnectError> {
        if let Some(callback) = &self.headers_fn {
            offer.headers.extend(
                callback
                    .call(url.clone())
                    .await
                    .map_err(|error| ConnectError::Callback(error.into()))?,
            );
        }
        Ok(())
    }

    /// Has an opening handshake counted and told of.
    pub(super) fn instrument<F>(&self, url: &Url, opening: F) -> Instrumented<'_, F> {
        let span = trace::opening(Role::Client, None);
        span.record("host", url.host()).record("path", path(url.resource_name()));
        let counters = &self.shared_config.counters;
        Instrumented { opening, counters, role: Role::Client, span, begun: Instant::now() }
    }

    /// A transport to the server, not encrypted yet. It is given up at the deadline.
    #[cfg_attr(not(feature = "proxy"), expect(unused_variables, reason = "for proxies"))]
    pub(super) async fn reach(
        &self,
        url: &Url,
        deadline: Instant,
    ) -> Result<Reached, ConnectError> {
        if url.is_secure() && !tls::IS_BUILT_IN {
            return Err(ConnectError::NoTls);
        }
        if let Some(path) = url.socket_path() {
            return Ok(Reached { transport: unix(path).await?, permit: None });
        }
        #[cfg(feature = "proxy")]
        if let Some(proxy) = self.proxy.proxy_for(url)? {
            return self.reach_through(&proxy, url, deadline).await;
        }
        #[cfg(not(feature = "proxy"))]
        super::proxy_variables::warn_of_ignored(url.is_secure());
        let zone = url.zone().map(ToOwned::to_owned);
        let to = Destination { zone, ..Destination::new(url.host(), url.port()) };
        self.network.reach(&to, self.network.serialize_connects).await
    }

    /// The transport, encrypted if the URL asks for it.
    async fn encrypt(
        &self,
        url: &Url,
        transport: AnyTransport,
        identity: Identity,
    ) -> Result<AnyTransport, ConnectError> {
        if !url.is_secure() {
            return Ok(transport);
        }
        let tls = self.tls.clone().unwrap_or_else(tls::shared);
        tls.connect(url.host(), transport, identity).await
    }

    /// Speaks the opening handshake over a transport, which is given up at the deadline.
    pub(super) async fn handshake(
        &self,
        url: &Url,
        offer: &Offer,
        transport: AnyTransport,
        deadline: Instant,
    ) -> Result<WebSocket, ConnectError> {
        let (handshake, request) = ClientHandshake::new(url, offer, entropy::random())?;
        let exchanged =
            exchange(&request, &self.spelling, transport, self.bounds(deadline)).await?;
        let Exchanged { response, transport, received } = exchanged;
        let negotiated = handshake.verify(&response)?;
        let established = Established {
            role: Role::Client,
            peer_addr: transport.peer_addr(),
            transport,
            path: path(url.resource_name()),
            negotiated,
            received: &received,
            shared_config: Arc::clone(&self.shared_config),
            deflate: self.offer.deflate.unwrap_or_else(Deflate::client),
        };
        let opening = Opening { url: url.clone(), response };
        Ok(established.into_websocket(Some(Box::new(opening))))
    }

    /// What bounds an exchange that has to be over at this time.
    pub(super) const fn bounds(&self, deadline: Instant) -> Bounds {
        Bounds { head: self.head_limits, deadline }
    }

    pub(super) fn may_send_subprotocols_elsewhere(&self) -> bool {
        self.subprotocols_cross_origin || self.offer.subprotocols.is_empty()
    }
}

#[cfg(unix)]
async fn unix(path: &str) -> io::Result<AnyTransport> {
    tokio::net::UnixStream::connect(path).await.map(AnyTransport::Unix)
}

#[cfg(not(unix))]
async fn unix(_: &str) -> io::Result<AnyTransport> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets"))
}

/// Gives up when the time is over.
pub(super) async fn within<T>(
    deadline: Instant,
    kind: TimeoutKind,
    future: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout_at(deadline, future).await.unwrap_or(Err(ConnectError::TimedOut(kind)))
}

pub(super) fn path(resource_name: &str) -> &str {
    resource_name.split_once('?').map_or(resource_name, |(path, _)| path)
}
