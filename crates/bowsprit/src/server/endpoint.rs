//! The options of a path.

use std::{sync::Arc, time::Duration};

use bowsprit_proto::handshake::{OriginPolicy, Policy, SubprotocolPolicy};

use http::{HeaderMap, Request};

use super::{
    authorize::{Authorize, DECISION_TIMEOUT},
    handler::Handler,
};
use crate::{ConnectionConfig, Deflate, Limits, shared_config::SharedConfig, stats::Counters};

/// Decides whether a request is for a route.
type ShouldHandle = Arc<dyn Fn(&Request<()>) -> bool + Send + Sync>;

/// Chooses one of the subprotocols that are offered.
type ChooseSubprotocol = Arc<dyn Fn(&Request<()>, &[&str]) -> Option<String> + Send + Sync>;

/// Adds to the headers of the 101 response.
type AddHeaders = Arc<dyn Fn(&Request<()>, &mut HeaderMap) + Send + Sync>;

/// The options of a route, or of a whole server for the routes that do not set them.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) subprotocols: Option<SubprotocolPolicy>,
    pub(super) origins: Option<OriginPolicy>,
    pub(super) deflate: Option<Option<Deflate>>,
    pub(super) accept_version_8: Option<bool>,
    pub(super) config: Option<ConnectionConfig>,
    pub(super) limits: Option<Limits>,
    pub(super) authorize: Option<Authorize>,
    pub(super) authorize_timeout: Option<Duration>,
    pub(super) should_handle: Option<ShouldHandle>,
    pub(super) choose_subprotocol: Option<ChooseSubprotocol>,
    pub(super) add_headers: Option<AddHeaders>,
}

impl Settings {
    /// These settings, with those that are unset taken from `others`.
    fn or(self, others: &Self) -> Self {
        // A policy and a function both choose the subprotocol.
        let chooser = if self.subprotocols.is_some() { &None } else { &others.choose_subprotocol };
        // Limits belong to the options that they were set for.
        let limits = if self.config.is_some() { None } else { others.limits };
        Self {
            subprotocols: self.subprotocols.or_else(|| others.subprotocols.clone()),
            origins: self.origins.or_else(|| others.origins.clone()),
            deflate: self.deflate.or(others.deflate),
            accept_version_8: self.accept_version_8.or(others.accept_version_8),
            limits: self.limits.or(limits),
            config: self.config.or_else(|| others.config.clone()),
            should_handle: self.should_handle.or_else(|| others.should_handle.clone()),
            choose_subprotocol: self.choose_subprotocol.or_else(|| chooser.clone()),
            add_headers: self.add_headers.or_else(|| others.add_headers.clone()),
            authorize: self.authorize.or_else(|| others.authorize.clone()),
            authorize_timeout: self.authorize_timeout.or(others.authorize_timeout),
        }
    }
}

/// All options of a path, with nothing unset.
pub(super) struct Endpoint {
    pub(super) policy: Policy,
    pub(super) shared_config: Arc<SharedConfig>,
    pub(super) authorize: Option<Authorize>,
    pub(super) authorize_timeout: Duration,
    pub(super) should_handle: Option<ShouldHandle>,
    pub(super) choose_subprotocol: Option<ChooseSubprotocol>,
    pub(super) add_headers: Option<AddHeaders>,
    /// The handler of its connections; without one, the server's handler runs.
    pub(super) handler: Option<Handler>,
}

impl Endpoint {
    pub(super) fn new(
        settings: Settings,
        server: &Settings,
        counters: &Arc<Counters>,
        handler: Option<Handler>,
    ) -> Self {
        let settings = settings.or(server);
        let mut policy = Policy::default();
        policy.subprotocols = settings.subprotocols.unwrap_or_default();
        policy.allowed_origins = settings.origins.unwrap_or_default();
        policy.deflate = settings.deflate.flatten();
        policy.accept_version_8 = settings.accept_version_8.unwrap_or_default();
        let mut config = settings.config.unwrap_or_else(ConnectionConfig::server);
        config.limits = settings.limits.unwrap_or(config.limits);
        Self {
            policy,
            shared_config: Arc::new(SharedConfig { config, counters: Arc::clone(counters) }),
            authorize: settings.authorize,
            authorize_timeout: settings.authorize_timeout.unwrap_or(DECISION_TIMEOUT),
            should_handle: settings.should_handle,
            choose_subprotocol: settings.choose_subprotocol,
            add_headers: settings.add_headers,
            handler,
        }
    }
}

impl Endpoint {
    /// Whether application callbacks take part in the response to an accepted request.
    pub(super) const fn has_callbacks(&self) -> bool {
        self.choose_subprotocol.is_some()
            || self.add_headers.is_some()
            || matches!(self.policy.allowed_origins, OriginPolicy::Matching(_))
    }
}

/// The methods that `ServerBuilder` and `Route` have in common.
macro_rules! endpoint_options {
    () => {
        /// Sets how a subprotocol is chosen. Default: none is chosen.
        ///
        /// ```
        /// use bowsprit::{Server, server::SubprotocolPolicy};
        ///
        /// let supported = SubprotocolPolicy::Supported(vec!["v2.chat".into(), "v1.chat".into()]);
        /// let server = Server::builder().subprotocols(supported);
        /// ```
        #[must_use]
        pub fn subprotocols(mut self, policy: SubprotocolPolicy) -> Self {
            self.settings.subprotocols = Some(policy);
            self.settings.choose_subprotocol = None;
            self
        }

        /// Sets a callback that chooses a subprotocol. It is passed those that the client offers,
        /// in the client's order, and returns `None` to choose none. It is called after
        /// [`authorize`](Self::authorize), and not for clients that offer none. If it returns one
        /// that was not offered, the response is 500. Replaces
        /// [`subprotocols`](Self::subprotocols).
        ///
        /// ```
        /// use bowsprit::{Server, server::RequestExt};
        ///
        /// // The server prefers newer versions, whatever the order of the client's.
        /// let server = Server::builder().choose_subprotocol(|request, offered| {
        ///     let legacy = request.query("legacy").is_some();
        ///     let known = if legacy { &["v1"][..] } else { &["v3", "v2"] };
        ///     known.iter().find(|known| offered.contains(known)).map(|&chosen| chosen.into())
        /// });
        /// ```
        #[must_use]
        pub fn choose_subprotocol<C>(mut self, choose: C) -> Self
        where
            C: Fn(&Request<()>, &[&str]) -> Option<String> + Send + Sync + 'static,
        {
            self.settings.choose_subprotocol = Some(Arc::new(choose));
            self
        }

        /// Sets a callback that decides whether a request belongs to this path; `false` is answered
        /// 404. Default: every request for this path does.
        ///
        /// ```
        /// use bowsprit::{Server, server::RequestExt};
        ///
        /// let server = Server::builder()
        ///     .path("/feed")
        ///     .should_handle(|request| request.query("version").as_deref() == Some("2"));
        /// ```
        #[must_use]
        pub fn should_handle<S>(mut self, should_handle: S) -> Self
        where
            S: Fn(&Request<()>) -> bool + Send + Sync + 'static,
        {
            self.settings.should_handle = Some(Arc::new(should_handle));
            self
        }

        /// Adds header fields to the 101 response, such as cookies. Fields that belong to the
        /// handshake (`Upgrade`, `Connection`, `Sec-WebSocket-…`) or would give the response a body
        /// are an error, which is logged and answered 500.
        ///
        /// ```
        /// use bowsprit::{Server, http::{HeaderValue, header}};
        ///
        /// let server = Server::builder().response_headers(|_request, headers| {
        ///     headers.insert(header::SERVER, HeaderValue::from_static("bowsprit"));
        /// });
        /// ```
        #[must_use]
        pub fn response_headers<R>(mut self, add: R) -> Self
        where
            R: Fn(&Request<()>, &mut HeaderMap) + Send + Sync + 'static,
        {
            self.settings.add_headers = Some(Arc::new(add));
            self
        }

        /// Sets which web pages may connect. Default: [`OriginPolicy::Same`]; pages of other
        /// origins are answered 403. A front end in development, served from another port of
        /// localhost, needs its origin listed:
        ///
        /// ```
        /// use bowsprit::{Server, server::OriginPolicy};
        ///
        /// let front_end = OriginPolicy::List(vec!["http://localhost:5173".into()]);
        /// let server = Server::builder().allowed_origins(front_end);
        /// ```
        #[must_use]
        pub fn allowed_origins(mut self, policy: OriginPolicy) -> Self {
            self.settings.origins = Some(policy);
            self
        }

        /// Enables compression for clients that offer it. Default: `None`, no compression. Start
        /// from [`Deflate::server`].
        ///
        /// ```
        /// use bowsprit::{Deflate, Server};
        ///
        /// let server = Server::builder().deflate(Deflate::server().threshold(512));
        /// ```
        #[must_use]
        pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
            self.settings.deflate = Some(deflate.into());
            self
        }

        /// Accepts version 8 (HyBi drafts) as well as 13 (RFC 6455). Default: only 13.
        #[must_use]
        pub fn accept_version_8(mut self) -> Self {
            self.settings.accept_version_8 = Some(true);
            self
        }

        /// Sets the limits on what a client can make the server hold in memory. Default:
        /// [`Limits::SERVER`].
        ///
        /// ```
        /// use bowsprit::{Server, config::Limits};
        ///
        /// let server = Server::builder().limits(Limits::SERVER.max_message_len(64 * 1024));
        /// ```
        #[must_use]
        pub fn limits(mut self, limits: Limits) -> Self {
            self.settings.limits = Some(limits);
            self
        }

        /// Sets limits and timers of open connections. Default: [`ConnectionConfig::server`].
        ///
        /// ```
        /// use std::time::Duration;
        /// use bowsprit::{ConnectionConfig, Server};
        ///
        /// let config = ConnectionConfig::server()
        ///     .idle_timeout(Duration::from_secs(300))
        ///     .max_messages_per_second(50);
        /// let server = Server::builder().config(config);
        /// ```
        #[must_use]
        pub fn config(mut self, config: ConnectionConfig) -> Self {
            self.settings.limits = None;
            self.settings.config = Some(config);
            self
        }

        /// Sets a callback that authorizes each request that is otherwise acceptable: `Ok` accepts
        /// it, an error rejects it.
        ///
        /// The value in the `Ok` (the user, for example) becomes an extension of the request that
        /// the handler gets. The callback sees the request's path
        /// [parameters](crate::server::RequestExt::param), headers and cookies, and may await other
        /// futures. If the client disconnects meanwhile, the future is dropped, unless the client
        /// has already sent frames after its request, which are not read yet. A panic is answered
        /// 500. Default: every client is accepted.
        ///
        /// ```
        /// use bowsprit::{Server, http::Request, server::{Basic, Rejection, RequestExt}};
        ///
        /// #[derive(Clone)]
        /// struct User(String);
        ///
        /// async fn authorize(request: Request<()>) -> Result<User, Rejection> {
        ///     match request.basic() {
        ///         Some(login) if login.matches("alice", "secret") => {
        ///             Ok(User(login.user().into()))
        ///         }
        ///         _ => Err(Basic::challenge("chat")),
        ///     }
        /// }
        ///
        /// let server = Server::builder().authorize(authorize);
        /// ```
        #[must_use]
        pub fn authorize<A, F, U>(mut self, authorize: A) -> Self
        where
            A: Fn(Request<()>) -> F + Send + Sync + 'static,
            F: Future<Output = Result<U, Rejection>> + Send + 'static,
            U: Clone + Send + Sync + 'static,
        {
            self.settings.authorize = Some(Authorize::new(authorize));
            self
        }

        /// Sets how long [`authorize`](Self::authorize) may take, in addition to the handshake
        /// timeout. After that the response is 503. Default: 30 s.
        #[must_use]
        pub fn authorize_timeout(mut self, timeout: Duration) -> Self {
            self.settings.authorize_timeout = Some(timeout);
            self
        }
    };
}
pub(super) use endpoint_options;
