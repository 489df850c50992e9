//! Redirects, RFC 6455 §4.1: "the server might redirect the client using a 3xx status code (but
//! clients are not required to follow them)".

use std::{fmt, sync::Arc};

use http::StatusCode;

use crate::Url;

/// A redirect that is about to be followed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Redirect {
    /// The URL that redirects.
    pub from: Url,
    /// The URL that it redirects to.
    pub to: Url,
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// Whether header fields, credentials and client certificates are sent there: only if no
    /// redirect has left the origin of the first URL. `Origin` is always sent, and so are
    /// subprotocols if the redirect is followed.
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
