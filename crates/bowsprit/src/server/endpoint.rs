//! How WebSocket is spoken at a path.

use std::sync::Arc;

use bowsprit_proto::handshake::{OriginPolicy, Policy, SubprotocolPolicy};

use super::handler::Handler;
use crate::{Deflate, Limits, Options};

/// Options of a route, or of a whole server for the routes that do not set them.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) subprotocols: Option<SubprotocolPolicy>,
    pub(super) origins: Option<OriginPolicy>,
    pub(super) deflate: Option<Option<Deflate>>,
    pub(super) accept_version_8: Option<bool>,
    pub(super) options: Option<Options>,
    pub(super) limits: Option<Limits>,
}

impl Settings {
    /// These, and what they leave open from `others`.
    fn or(self, others: &Self) -> Self {
        // Limits belong to the options that they were set for.
        let limits = if self.options.is_some() { None } else { others.limits };
        Self {
            subprotocols: self.subprotocols.or_else(|| others.subprotocols.clone()),
            origins: self.origins.or_else(|| others.origins.clone()),
            deflate: self.deflate.or(others.deflate),
            accept_version_8: self.accept_version_8.or(others.accept_version_8),
            limits: self.limits.or(limits),
            options: self.options.or_else(|| others.options.clone()),
        }
    }
}

/// What is spoken at a path, complete.
pub(super) struct Endpoint {
    pub(super) policy: Policy,
    pub(super) options: Arc<Options>,
    /// What runs for its connections; that of the server where there is none.
    pub(super) handler: Option<Handler>,
}

impl Endpoint {
    pub(super) fn new(settings: Settings, server: &Settings, handler: Option<Handler>) -> Self {
        let settings = settings.or(server);
        let mut policy = Policy::default();
        policy.subprotocols = settings.subprotocols.unwrap_or_default();
        policy.origins = settings.origins.unwrap_or_default();
        policy.deflate = settings.deflate.flatten();
        policy.accept_version_8 = settings.accept_version_8.unwrap_or_default();
        let mut options = settings.options.unwrap_or_else(Options::server);
        options.limits = settings.limits.unwrap_or(options.limits);
        Self { policy, options: Arc::new(options), handler }
    }
}

/// The methods that a server's builder and a route have in common.
macro_rules! endpoint_options {
    () => {
        /// How a subprotocol is chosen. Default: none is.
        #[must_use]
        pub fn subprotocols(mut self, policy: SubprotocolPolicy) -> Self {
            self.settings.subprotocols = Some(policy);
            self
        }

        /// Whose pages may connect. Default: [`OriginPolicy::Same`]; others are answered 403.
        #[must_use]
        pub fn origins(mut self, policy: OriginPolicy) -> Self {
            self.settings.origins = Some(policy);
            self
        }

        /// Compresses messages of clients that offer it. Default: `None`, no compression.
        /// [`Deflate::server`] is what to start from.
        #[must_use]
        pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
            self.settings.deflate = Some(deflate.into());
            self
        }

        /// Speaks version 8 (HyBi drafts) as well as 13 (RFC 6455). Default: only 13.
        #[must_use]
        pub fn accept_version_8(mut self) -> Self {
            self.settings.accept_version_8 = Some(true);
            self
        }

        /// What a client may make us hold. Default: [`Limits::SERVER`].
        #[must_use]
        pub fn limits(mut self, limits: Limits) -> Self {
            self.settings.limits = Some(limits);
            self
        }

        /// Limits and timers of open connections. Default: [`Options::server`].
        #[must_use]
        pub fn options(mut self, options: Options) -> Self {
            self.settings.limits = None;
            self.settings.options = Some(options);
            self
        }
    };
}
pub(super) use endpoint_options;
