//! The third stage of the opening handshake: accepts or rejects a request and negotiates.
//!
//! The checks in order, each with the status of a request that fails it:
//!
//! 1. The server is not shutting down: 503.
//! 2. The client's address, host and encryption are determined from the transport or a trusted
//!    proxy. The host is one of `allowed_hosts`: 421.
//! 3. There is a route for the path (404, 400), and its `should_handle` accepts the request: 404.
//! 4. The connection limits have a permit left: 503.
//! 5. The rules of the handshake, in [`handshake::respond_with`]: method, `Host`, `Upgrade`,
//!    `Connection`, version, key, subprotocols, extensions, and then `Origin` (403).
//! 6. `authorize` accepts the client; then `choose_subprotocol` and `response_headers` are called.

use std::{
    convert::identity,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bowsprit_proto::handshake::{self, RequestContext};
use http::{HeaderMap, Request, Response, StatusCode};

use super::Upgrade;
use crate::{
    Deflate, HandshakeError,
    server::{
        Encrypted, Rejection, RequestExt, Shared, UnixPeer, callback,
        endpoint::Endpoint,
        forwarded::ClientInfo,
        guard::HandshakeGuard,
        limiter::ConnectionPermit,
        phase::{Alerted, Phase},
        request::{ClientAddr, ClientEncrypted},
        route::RouteEntry,
    },
};

/// The response to an accepted request, and the upgrade of its transport.
type Admission = Result<(Response<()>, Upgrade), Rejection>;

impl Shared {
    /// Accepts or rejects a request that the server has read itself.
    pub(super) async fn admit(
        &self,
        request: &mut Request<()>,
        handshake: &HandshakeGuard,
    ) -> Admission {
        let admitted = self.check(request, Some(handshake)).await;
        admitted.map_err(|rejection| self.refuse(request, rejection))
    }

    /// Accepts or rejects a request that another HTTP server has read. That server sends the
    /// response, and the handshake lasts until the [`Upgrade`] is attached.
    pub(in crate::server) async fn admit_external(&self, request: &mut Request<()>) -> Admission {
        let handshake = self.begin();
        let admitted = match self.require_peer(request) {
            Ok(()) => {
                let future = self.check(request, Some(&handshake));
                Alerted { future, phases: &self.registry.phases, advanced: None }.await
            }
            Err(rejection) => Err(rejection),
        };
        handshake.hand_over(admitted.map_err(|rejection| self.refuse(request, rejection)))
    }

    /// Like [`admit_external`](Self::admit_external), where `authorize` cannot be awaited.
    pub(in crate::server) fn admit_external_now(&self, request: &mut Request<()>) -> Admission {
        let handshake = self.begin();
        let admitted = self.require_peer(request).and_then(|()| {
            let checking = pin!(self.check(request, None));
            match checking.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(admitted) => admitted,
                Poll::Pending => Err(cannot_wait()),
            }
        });
        handshake.hand_over(admitted.map_err(|rejection| self.refuse(request, rejection)))
    }

    /// Passes a rejection to the application's callback, and logs it.
    pub(super) fn refuse(&self, request: &Request<()>, rejection: Rejection) -> Rejection {
        let rejection = callback::run_or_500(|| (self.on_reject)(request, rejection));
        let rejection = rejection.unwrap_or_else(identity).over(request.version());
        self.rejection_log.log(request, &rejection);
        rejection
    }

    /// Runs all checks in order. Without a handshake, `authorize` cannot be awaited.
    async fn check(
        &self,
        request: &mut Request<()>,
        handshake: Option<&HandshakeGuard>,
    ) -> Admission {
        self.check_open()?;
        let client = self.check_host(request)?;
        let entry = self.find_route(request)?;
        let endpoint = &entry.endpoint;
        let authorize = match (&endpoint.authorize, handshake) {
            (Some(authorize), Some(handshake)) => Some((authorize, handshake)),
            (Some(_), None) => return Err(cannot_wait()),
            (None, _) => None,
        };
        let permit = self.limiter.acquire(client.addr)?;
        if let Some((authorize, handshake)) = authorize {
            // Do not call `authorize` for a request that cannot be accepted.
            callback::run_or_500(|| {
                handshake::respond_with(client.context(), request, &endpoint.policy)
            })??;
            authorize.decide(request, endpoint.authorize_timeout, handshake).await?;
            self.check_open()?;
        }
        entry.negotiate(request, &client, permit)
    }

    /// Rejects all requests once the server has begun to shut down.
    fn check_open(&self) -> Result<(), Rejection> {
        match self.registry.phases.now() {
            Phase::Open => Ok(()),
            Phase::Closing | Phase::Cutting => Err(Rejection::shutting_down()),
        }
    }

    /// Determines the client's address, the requested host, and whether the request was encrypted.
    /// Rejects hosts that are not allowed.
    pub(super) fn check_host(&self, request: &mut Request<()>) -> Result<ClientInfo, Rejection> {
        let peer = request.peer_addr().map(|addr| addr.ip().to_canonical());
        let encrypted = request.extensions().get::<Encrypted>().map(|_| true);
        let seen = ClientInfo { addr: peer, host: None, encrypted };
        let client = match &self.proxies {
            Some(proxies) => proxies.client(seen, request.headers()),
            None => seen,
        };
        if let Some(addr) = client.addr {
            request.extensions_mut().insert(ClientAddr(addr));
        }
        if client.encrypted == Some(true) {
            request.extensions_mut().insert(ClientEncrypted);
        } else {
            request.extensions_mut().remove::<ClientEncrypted>();
        }
        self.hosts.check(request, client.host.as_deref())?;
        Ok(client)
    }

    /// Finds the route of a request's path, and inserts the path parameters into the request.
    fn find_route(&self, request: &mut Request<()>) -> Result<&RouteEntry, Rejection> {
        let (entry, params) = self.routes.find(request.uri().path())?;
        params.insert_into(request);
        match &entry.endpoint.should_handle {
            Some(should_handle) if !callback::run_or_500(|| should_handle(request))? => {
                Err(Rejection::not_found())
            }
            _ => Ok(entry),
        }
    }

    /// Rejects a request whose origin is unknown if an option needs the peer's address.
    fn require_peer(&self, request: &Request<()>) -> Result<(), Rejection> {
        let option = if self.limiter.max_connections_per_address.is_some() {
            "max_connections_per_address"
        } else if self.proxies.is_some() {
            "trusted_proxies"
        } else {
            return Ok(());
        };
        let is_local = request.extensions().get::<UnixPeer>().is_some();
        if is_local || request.peer_addr().is_some() {
            return Ok(());
        }
        self.rejection_log.log_missing_peer(option);
        Err(StatusCode::INTERNAL_SERVER_ERROR.into())
    }
}

impl HandshakeGuard {
    /// Hands the response to another HTTP server. The caller attaches the transport afterwards.
    fn hand_over(self, admitted: Admission) -> Admission {
        match admitted {
            Ok((response, upgrade)) => Ok((response, Upgrade { handshake: Some(self), ..upgrade })),
            Err(rejection) => {
                self.refused(rejection.response().status());
                Err(rejection)
            }
        }
    }
}

impl ClientInfo {
    /// The context that the handshake's rules need.
    fn context(&self) -> RequestContext<'_> {
        let mut context = RequestContext::default();
        context.host = self.host.as_deref();
        context.encrypted = self.encrypted.unwrap_or(false);
        context
    }
}

impl RouteEntry {
    /// Checks a request against the rules of the handshake and negotiates.
    fn negotiate(
        &self,
        request: &Request<()>,
        client: &ClientInfo,
        permit: Option<ConnectionPermit>,
    ) -> Admission {
        if self.endpoint.has_callbacks() {
            callback::run_or_500(|| self.negotiate_with_callbacks(request, client, permit))
                .and_then(identity)
        } else {
            // Without callbacks there is no panic to catch.
            self.negotiate_with_callbacks(request, client, permit)
        }
    }

    /// Like [`negotiate`](Self::negotiate), and calls the application's callbacks.
    fn negotiate_with_callbacks(
        &self,
        request: &Request<()>,
        client: &ClientInfo,
        permit: Option<ConnectionPermit>,
    ) -> Admission {
        let endpoint: &Endpoint = &self.endpoint;
        let choose = endpoint.choose_subprotocol.as_ref();
        let choose = choose.map(|choose| |offers: &[&str]| choose(request, offers));
        let mut context = client.context();
        context.choose_subprotocol = choose.as_ref().map(|choose| choose as _);
        let mut accepted = handshake::respond_with(context, request, &endpoint.policy)?;
        if let Some(add) = &endpoint.add_headers {
            let mut headers = HeaderMap::new();
            add(request, &mut headers);
            accepted.add_headers(headers).map_err(|error| internal_error(&error))?;
        }
        let upgrade = Upgrade {
            path: request.uri().path().into(),
            negotiated: accepted.negotiated,
            shared_config: Arc::clone(&endpoint.shared_config),
            deflate: endpoint.policy.deflate.unwrap_or_else(Deflate::server),
            handler: endpoint.handler.clone(),
            peer_addr: request.peer_addr(),
            permit,
            members: Arc::clone(&self.members),
            handshake: None,
        };
        Ok((accepted.response, upgrade))
    }
}

/// The rejection where `authorize` would have to be awaited but cannot be.
fn cannot_wait() -> Rejection {
    tracing::error!("Server::upgrade cannot wait for a decision: call Server::upgrade_async");
    Rejection::new(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Logs the application's mistake and hides it from the client.
fn internal_error(error: &HandshakeError) -> Rejection {
    tracing::error!(%error, "the application's part of a response cannot be sent");
    Rejection::new(StatusCode::INTERNAL_SERVER_ERROR)
}
