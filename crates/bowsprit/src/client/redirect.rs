//! Redirects, RFC 6455 §4.1: "the server might redirect the client using a 3xx status code (but
//! clients are not required to follow them)".

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use super::connect::{Attempt, path};
use crate::{ConnectError, Url, error::RedirectError};

/// A redirect that is about to be followed.
///
/// ```
/// use bowsprit::{Client, client::Redirect};
///
/// /// Follows redirects only where credentials may go.
/// fn allows(redirect: &Redirect) -> bool {
///     println!("{} leads to {}", redirect.from.host(), redirect.to.host());
///     redirect.keeps_secrets
/// }
///
/// let client = Client::new().max_redirects(3).on_redirect(allows);
/// ```
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

impl Attempt<'_> {
    /// Makes the redirect's target the URL of the next request, if it may be followed.
    pub(super) fn follow_redirect(
        &mut self,
        location: &HeaderValue,
        response: Box<Response<Bytes>>,
    ) -> Result<(), ConnectError> {
        let to = self
            .redirect_target(location)
            .map_err(|error| ConnectError::Redirect { from: without_query(&self.url), error })?;
        tracing::debug!(
            status = response.status().as_u16(),
            host = to.host(),
            path = path(to.resource_name()),
            "redirected"
        );
        self.left_origin = self.leaves_origin(&to);
        let redirect = Redirect {
            from: self.url.clone(),
            to: to.clone(),
            status: response.status(),
            keeps_secrets: !self.left_origin,
        };
        if self.client.on_redirect.as_ref().is_some_and(|policy| !policy.allows(&redirect)) {
            return Err(ConnectError::Rejected(response));
        }
        self.url = if self.left_origin { to } else { to.with_user_info_of(&self.first) };
        self.visited.push(self.url.clone());
        Ok(())
    }

    /// The URL that `Location` means here, if it may be followed.
    fn redirect_target(&self, location: &HeaderValue) -> Result<Url, RedirectError> {
        let location = location.to_str().map_err(|_| RedirectError::Location)?;
        let to = self.url.join(location).map_err(|_| RedirectError::Location)?;
        // The first URL's user is known here; one that a server names is not.
        let to = to.without_user_info();
        if to.socket_path() != self.url.socket_path() {
            Err(RedirectError::UnixSocket)
        } else if self.url.is_secure() && !to.is_secure() {
            Err(RedirectError::Insecure)
        } else if self.visited.iter().any(|seen| seen.clone().without_user_info() == to) {
            Err(RedirectError::Loop)
        } else if self.visited.len() > self.client.max_redirects {
            Err(RedirectError::TooMany)
        } else if self.leaves_origin(&to) && !self.client.may_send_subprotocols_elsewhere() {
            Err(RedirectError::Subprotocol)
        } else {
            Ok(to)
        }
    }

    /// Whether secrets are withheld there.
    fn leaves_origin(&self, to: &Url) -> bool {
        self.left_origin || !to.is_same_origin(&self.first)
    }
}

/// RFC 9110 §15.4: the statuses that lead to another URI. 300 leaves the choice to the user, 304 is
/// about caches, 305 and 306 are "deprecated" and "no longer used".
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301..=303 | 307 | 308)
}

/// Queries hold tokens, and errors end up in logs.
fn without_query(url: &Url) -> String {
    let mut text = url.to_string();
    text.truncate(text.find('?').unwrap_or(text.len()));
    text
}
