//! Redirects, RFC 6455 §4.1: "the server might redirect the client using a 3xx status code (but
//! clients are not required to follow them)".

use std::{fmt, sync::Arc};

use http::StatusCode;

use crate::Url;

/// A redirect that is about to be followed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redirect {
    /// Who redirects.
    pub from: Url,
    /// Where to.
    pub to: Url,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// Whether header fields, credentials and client certificates are sent there: only as long as
    /// the first URL's origin was not left. `Origin` is sent in any case, and subprotocols are
    /// wherever the redirect may be followed.
    pub keeps_secrets: bool,
}

/// The application's decision about each redirect.
#[derive(Clone)]
pub(super) struct RedirectPolicy(Arc<dyn Fn(&Redirect) -> bool + Send + Sync>);

impl RedirectPolicy {
    pub(super) fn new(allows: impl Fn(&Redirect) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }

    pub(super) fn allows(&self, redirect: &Redirect) -> bool {
        (self.0)(redirect)
    }
}

impl fmt::Debug for RedirectPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedirectPolicy")
    }
}
