//! The third stage of an opening: whether a request is accepted, and what is agreed on.
//!
//! The checks, in their order, each with what a request that fails gets:
//!
//! 1. The server is not shutting down: 503.
//! 2. The client's address, host and encryption, from the transport or a trusted proxy; the host is
//!    one of `allowed_hosts`: 421.
//! 3. There is a route for the path (404, 400), and its `should_handle` takes the request: 404.
//! 4. The limits of connections have a permit left: 503.
//! 5. The rules of the handshake, in [`handshake::respond_with`]: method, `Host`, `Upgrade`,
//!    `Connection`, version, key, subprotocols, extensions, and then `Origin` (403).
//! 6. `authorize` lets the client in, and `choose_subprotocol` and `response_headers` have their
//!    say.

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
        Encrypted, Refusal, RequestExt, Shared, UnixPeer, callback,
        endpoint::Endpoint,
        forwarded::ClientInfo,
        guard::HandshakeGuard,
        limiter::ConnectionPermit,
        phase::{Alerted, Phase},
        request::{ClientAddr, ClientEncrypted},
        route::RouteEntry,
    },
};

/// The response to a request that is accepted, and what its transport becomes.
type Admission = Result<(Response<()>, Upgrade), Refusal>;

impl Shared {
    /// Decides about a request that the server has read itself.
    pub(super) async fn admit(
        &self,
        request: &mut Request<()>,
        handshake: &HandshakeGuard,
    ) -> Admission {
        let admitted = self.check(request, Some(handshake)).await;
        admitted.map_err(|refusal| self.refuse(request, refusal))
    }

    /// Decides about a request that another HTTP server has read. That one sends the answer, and
    /// the handshake goes on until the [`Upgrade`] is attached.
    pub(in crate::server) async fn admit_external(&self, request: &mut Request<()>) -> Admission {
        let handshake = self.begin();
        let admitted = match self.require_peer(request) {
            Ok(()) => {
                let future = self.check(request, Some(&handshake));
                Alerted { future, phases: &self.registry.phases, advanced: None }.await
            }
            Err(refusal) => Err(refusal),
        };
        handshake.hand_over(admitted.map_err(|refusal| self.refuse(request, refusal)))
    }

    /// The same, where `authorize` cannot be waited for.
    pub(in crate::server) fn admit_external_now(&self, request: &mut Request<()>) -> Admission {
        let handshake = self.begin();
        let admitted = self.require_peer(request).and_then(|()| {
            let checking = pin!(self.check(request, None));
            match checking.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(admitted) => admitted,
                Poll::Pending => Err(cannot_wait()),
            }
        });
        handshake.hand_over(admitted.map_err(|refusal| self.refuse(request, refusal)))
    }

    /// Has the application see a refusal, and logs it.
    pub(super) fn refuse(&self, request: &Request<()>, refusal: Refusal) -> Refusal {
        let refusal = callback::run_or_500(|| (self.on_reject)(request, refusal));
        let refusal = refusal.unwrap_or_else(identity).over(request.version());
        self.refusal_log.log(request, &refusal);
        refusal
    }

    /// All checks, in their order. Without a handshake there is nobody to wait for `authorize`.
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
            // Nobody is asked about what cannot be accepted.
            callback::run_or_500(|| {
                handshake::respond_with(client.context(), request, &endpoint.policy)
            })??;
            authorize.decide(request, endpoint.authorize_timeout, handshake).await?;
            self.check_open()?;
        }
        entry.negotiate(request, &client, permit)
    }

    /// Refuses everybody from when the server begins to shut down.
    fn check_open(&self) -> Result<(), Refusal> {
        match self.registry.phases.now() {
            Phase::Open => Ok(()),
            Phase::Closing | Phase::Cutting => Err(Refusal::shutting_down()),
        }
    }

    /// Finds out who the client is, which host it has asked for, and whether encrypted. Refuses
    /// hosts that are not allowed.
    pub(super) fn check_host(&self, request: &mut Request<()>) -> Result<ClientInfo, Refusal> {
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

    /// The route of a request's path, whose parameters become a part of the request.
    fn find_route(&self, request: &mut Request<()>) -> Result<&RouteEntry, Refusal> {
        let (entry, params) = self.routes.find(request.uri().path())?;
        params.insert_into(request);
        match &entry.endpoint.should_handle {
            Some(should_handle) if !callback::run_or_500(|| should_handle(request))? => {
                Err(Refusal::not_found())
            }
            _ => Ok(entry),
        }
    }

    /// Refuses a request to which an option cannot be applied, as nobody knows where it is from.
    fn require_peer(&self, request: &Request<()>) -> Result<(), Refusal> {
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
        self.refusal_log.log_missing_peer(option);
        Err(StatusCode::INTERNAL_SERVER_ERROR.into())
    }
}

impl HandshakeGuard {
    /// Leaves the answer to another HTTP server, and what comes after it to whoever attaches the
    /// transport.
    fn hand_over(self, admitted: Admission) -> Admission {
        match admitted {
            Ok((response, upgrade)) => Ok((response, Upgrade { handshake: Some(self), ..upgrade })),
            Err(refusal) => {
                self.refused(refusal.response().status());
                Err(refusal)
            }
        }
    }
}

impl ClientInfo {
    /// What the handshake is to know of it.
    fn context(&self) -> RequestContext<'_> {
        let mut context = RequestContext::default();
        context.host = self.host.as_deref();
        context.encrypted = self.encrypted.unwrap_or(false);
        context
    }
}

impl RouteEntry {
    /// Accepts a request that keeps the rules of the handshake.
    fn negotiate(
        &self,
        request: &Request<()>,
        client: &ClientInfo,
        permit: Option<Box<ConnectionPermit>>,
    ) -> Admission {
        if self.endpoint.has_callbacks() {
            callback::run_or_500(|| self.negotiate_with_callbacks(request, client, permit))
                .and_then(identity)
        } else {
            // Who has none does not pay for a panic.
            self.negotiate_with_callbacks(request, client, permit)
        }
    }

    /// The same, with what the application has to say.
    fn negotiate_with_callbacks(
        &self,
        request: &Request<()>,
        client: &ClientInfo,
        permit: Option<Box<ConnectionPermit>>,
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

/// That `authorize` was to be waited for where nobody waits.
fn cannot_wait() -> Refusal {
    tracing::error!("Server::upgrade cannot wait for a decision: call Server::upgrade_async");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Clients need not know what the application did wrong.
fn internal_error(error: &HandshakeError) -> Refusal {
    tracing::error!(%error, "the application's part of a response cannot be sent");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR)
}
