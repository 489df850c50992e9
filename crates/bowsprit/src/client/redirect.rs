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

/// Why a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// It leads to no WebSocket URL.
    Location,
    /// It leads from an encrypted to a plain connection.
    Insecure,
    /// It leads to a Unix socket.
    UnixSocket,
    /// It leads to where the way has been already.
    Loop,
    /// There were more than [`Client::max_redirects`](crate::Client::max_redirects).
    TooMany,
    /// It leads to another origin, where subprotocols go only with
    /// [`Client::subprotocols_cross_origin`](crate::Client::subprotocols_cross_origin).
    Subprotocol,
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Location => "it leads to no WebSocket URL",
            Self::Insecure => "it leads from an encrypted to a plain connection",
            Self::UnixSocket => "it leads to another socket of this machine",
            Self::Loop => "it leads in circles",
            Self::TooMany => "there were too many before it",
            Self::Subprotocol => {
                "it leads to another origin, and sec-websocket-protocol, which may hold a token, \
                 goes there only if subprotocols_cross_origin allows it"
            }
        })
    }
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
