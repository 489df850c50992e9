//! What a request comes to: where it goes, whether it may, and what is said to it.

use std::{convert::identity, sync::Arc};

use bowsprit_proto::handshake::{self, RequestContext, asks_for_websocket};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};

use super::{
    Encrypted, Refusal, RequestExt, Shared, UnixPeer, Upgrade, callback,
    endpoint::Endpoint,
    forwarded::Origin,
    guard::HandshakeGuard,
    limiter::ConnectionPermit,
    phase::{Alerted, Phase},
    refusal_log::Cause,
    request::{ClientAddr, ClientEncrypted},
    route::RouteEntry,
};
use crate::{Deflate, HandshakeError, trace::Reason};

/// What is said to a request that is let in, and what comes after it.
type Judged = Result<(Response<()>, Upgrade), Refusal>;

impl Shared {
    /// Answers a request that does not ask for a WebSocket, if the application has an answer.
    ///
    /// # Errors
    ///
    /// 500 if it panics.
    pub(super) fn answer_plain(
        &self,
        request: &mut Request<()>,
    ) -> Result<Option<Response<Bytes>>, Refusal> {
        if asks_for_websocket(request) || self.check_in(request).is_err() {
            return Ok(None);
        }
        let answered = callback::run_or_500(|| (self.fallback)(request));
        answered.map_err(|refusal| self.refuse(request, refusal))
    }

    /// Judges a request, with the application's decision if one is to be made.
    pub(super) async fn judge(
        &self,
        request: &mut Request<()>,
        handshake: &HandshakeGuard,
    ) -> Judged {
        let judged = self.admit(request, handshake).await;
        judged.map_err(|refusal| self.refuse(request, refusal))
    }

    /// Judges a request that another HTTP server has read.
    pub(super) async fn judge_foreign(&self, request: &mut Request<()>) -> Judged {
        let handshake = self.begin();
        let judged = match self.require_peer(request) {
            Ok(()) => {
                let future = self.judge(request, &handshake);
                Alerted { future, phases: &self.registry.phases, advanced: None }.await
            }
            Err(refusal) => Err(self.refuse(request, refusal)),
        };
        handshake.handed_over(judged)
    }

    /// The same, where no decision has to be awaited.
    pub(super) fn judge_at_once(&self, request: &mut Request<()>) -> Judged {
        let handshake = self.begin();
        let judged = self.require_peer(request).and_then(|()| self.admit_at_once(request));
        handshake.handed_over(judged.map_err(|refusal| self.refuse(request, refusal)))
    }

    /// Has the application see a refusal, and tells of it.
    fn refuse(&self, request: &Request<()>, refusal: Refusal) -> Refusal {
        let refusal = callback::run_or_500(|| (self.on_reject)(request, refusal));
        let refusal = refusal.unwrap_or_else(identity).over(request.version());
        self.log(request, &refusal);
        refusal
    }

    /// Logs a refusal: some of those that an operator may want to do something about at the level
    /// that is looked at, all others for those who look for details.
    fn log(&self, request: &Request<()>, refusal: &Refusal) {
        let status = refusal.response().status();
        let (peer, path) = (request.peer_addr(), request.uri().path());
        let reason = refusal.error().map(|error| tracing::field::display(Reason(error)));
        let status_code = status.as_u16();
        // Crawlers ask for all kinds of pages.
        let of_interest = asks_for_websocket(request) || status == StatusCode::MISDIRECTED_REQUEST;
        match of_interest.then(|| self.refusal_log.pick(Cause::Status(status))).flatten() {
            Some(skipped) => tracing::info!(
                ?peer,
                path,
                status = status_code,
                reason,
                skipped,
                "a request was refused"
            ),
            None => {
                tracing::debug!(?peer, path, status = status_code, reason, "a request was refused")
            }
        }
    }

    async fn admit(&self, request: &mut Request<()>, handshake: &HandshakeGuard) -> Judged {
        let (entry, origin) = self.find(request)?;
        let endpoint = &entry.endpoint;
        let permit = self.limiter.acquire(origin.addr)?;
        if let Some(authorize) = &endpoint.authorize {
            // Nobody is asked about what cannot be accepted.
            callback::run_or_500(|| {
                handshake::respond_with(origin.context(), request, &endpoint.policy)
            })??;
            authorize.decide(request, endpoint.authorize_timeout, handshake).await?;
            self.check_open()?;
        }
        entry.respond(request, &origin, permit)
    }

    fn admit_at_once(&self, request: &mut Request<()>) -> Judged {
        let (entry, origin) = self.find(request)?;
        if entry.endpoint.authorize.is_some() {
            tracing::error!(
                "Server::upgrade cannot wait for a decision: call Server::upgrade_async"
            );
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into());
        }
        let permit = self.limiter.acquire(origin.addr)?;
        entry.respond(request, &origin, permit)
    }

    /// Where a request goes, and what is known of its client.
    fn find(&self, request: &mut Request<()>) -> Result<(&RouteEntry, Origin), Refusal> {
        self.check_open()?;
        let origin = self.check_in(request)?;
        let (entry, params) = self.routes.find(request.uri().path())?;
        params.keep_in(request);
        match &entry.endpoint.should_handle {
            Some(should_handle) if !callback::run_or_500(|| should_handle(request))? => {
                Err(Refusal::not_found())
            }
            _ => Ok((entry, origin)),
        }
    }

    /// Refuses everybody from when the server begins to shut down.
    fn check_open(&self) -> Result<(), Refusal> {
        match self.registry.phases.now() {
            Phase::Open => Ok(()),
            Phase::Closing | Phase::Cutting => Err(Refusal::shutting_down()),
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
        if let Some(skipped) = self.refusal_log.pick(Cause::NoPeer) {
            tracing::error!(
                option,
                skipped,
                "a request without the address of its peer, which an option needs, is answered \
                 500: put a PeerAddr (UnixPeer for a Unix socket) into its extensions; with axum, \
                 serve by into_make_service_with_connect_info::<SocketAddr>()"
            );
        }
        Err(StatusCode::INTERNAL_SERVER_ERROR.into())
    }

    /// Finds out who the client is, which host it has asked for, and whether encrypted.
    fn check_in(&self, request: &mut Request<()>) -> Result<Origin, Refusal> {
        let peer = request.peer_addr().map(|addr| addr.ip().to_canonical());
        let encrypted = request.extensions().get::<Encrypted>().map(|_| true);
        let seen = Origin { addr: peer, host: None, encrypted };
        let origin = match &self.proxies {
            Some(proxies) => proxies.origin(seen, request.headers()),
            None => seen,
        };
        if let Some(addr) = origin.addr {
            request.extensions_mut().insert(ClientAddr(addr));
        }
        if origin.encrypted == Some(true) {
            request.extensions_mut().insert(ClientEncrypted);
        } else {
            request.extensions_mut().remove::<ClientEncrypted>();
        }
        self.hosts.check(request, origin.host.as_deref())?;
        Ok(origin)
    }
}

impl HandshakeGuard {
    /// Leaves the answer to another HTTP server, and what comes after it to whoever takes over.
    fn handed_over(self, judged: Judged) -> Judged {
        match judged {
            Ok((response, upgrade)) => Ok((response, Upgrade { handshake: Some(self), ..upgrade })),
            Err(refusal) => {
                self.refused(refusal.response().status());
                Err(refusal)
            }
        }
    }
}

impl Origin {
    /// What the handshake is to know of it.
    fn context(&self) -> RequestContext<'_> {
        let mut context = RequestContext::default();
        context.host = self.host.as_deref();
        context.encrypted = self.encrypted.unwrap_or(false);
        context
    }
}

impl RouteEntry {
    /// Answers a request that is let in if it keeps the rules.
    fn respond(
        &self,
        request: &Request<()>,
        origin: &Origin,
        permit: Option<Box<ConnectionPermit>>,
    ) -> Judged {
        if self.endpoint.has_callbacks() {
            callback::run_or_500(|| self.respond_asking(request, origin, permit)).and_then(identity)
        } else {
            // Who has none does not pay for a panic.
            self.respond_asking(request, origin, permit)
        }
    }

    /// The same, with what the application has to say.
    fn respond_asking(
        &self,
        request: &Request<()>,
        origin: &Origin,
        permit: Option<Box<ConnectionPermit>>,
    ) -> Judged {
        let endpoint: &Endpoint = &self.endpoint;
        let choose = endpoint.choose_subprotocol.as_ref();
        let choose = choose.map(|choose| |offers: &[&str]| choose(request, offers));
        let mut context = origin.context();
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

/// Clients need not know what the application did wrong.
fn internal_error(error: &HandshakeError) -> Refusal {
    tracing::error!(%error, "the application's part of a response cannot be sent");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR)
}
