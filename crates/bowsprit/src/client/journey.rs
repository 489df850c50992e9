//! From a URL to a connection, with what servers say in between: redirects and refusals.

use bowsprit_proto::handshake::Offer;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use super::{
    Client, Refused, path,
    redirect::{Redirect, RedirectError},
    within,
};
use crate::{Error, TimeoutKind, Url, WebSocket, deadline::deadline_after, tls::Identity};

/// How far connecting has come.
pub(super) struct Journey<'c> {
    client: &'c Client,
    first: Url,
    url: Url,
    visited: Vec<Url>,
    /// Another origin than the first has been asked. What is secret is not told any more, not even
    /// to the first one again: it may be asked at a place of the other's choosing.
    has_left: bool,
    /// What the application answers to a refusal.
    answer: Option<HeaderMap>,
}

impl<'c> Journey<'c> {
    pub(super) fn new(client: &'c Client, url: Url) -> Self {
        Self {
            client,
            first: url.clone(),
            visited: vec![url.clone()],
            url,
            has_left: false,
            answer: None,
        }
    }

    pub(super) async fn go(mut self) -> Result<WebSocket, Error> {
        loop {
            match self.attempt().await {
                Err(Error::Refused(response)) => self.react(response).await?,
                ended => return ended,
            }
        }
    }

    async fn attempt(&self) -> Result<WebSocket, Error> {
        let offer = self.offer().await?;
        self.client.watch(&self.url, self.attempt_with(&offer)).await
    }

    async fn attempt_with(&self, offer: &Offer) -> Result<WebSocket, Error> {
        let client = self.client;
        let deadline = deadline_after(client.network.connect_timeout);
        let reaching = client.reach(&self.url, deadline);
        let reached = within(deadline, TimeoutKind::Connect, reaching).await?;
        let identity = if self.has_left { Identity::Hidden } else { Identity::Shown };
        let deadline = deadline_after(client.handshake_timeout);
        let opening = async {
            let transport = client.encrypt(&self.url, reached.transport, identity).await?;
            client.open(&self.url, offer, transport, deadline).await
        };
        // Held until the handshake is over.
        let _permit = reached.permit;
        within(deadline, TimeoutKind::Handshake, opening).await
    }

    /// What to ask for here.
    async fn offer(&self) -> Result<Offer, Error> {
        let mut offer = self.client.offer.clone();
        if self.has_left {
            offer.headers.clear();
            return Ok(offer);
        }
        self.client.add_headers(&mut offer, &self.url).await?;
        offer.headers.extend(self.answer.clone().unwrap_or_default());
        Ok(offer)
    }

    /// Goes on elsewhere, or with another request.
    async fn react(&mut self, response: Box<Response<Bytes>>) -> Result<(), Error> {
        if is_redirect(response.status())
            && self.client.max_redirects > 0
            && let Some(location) = response.headers().get(header::LOCATION)
        {
            let to = location.to_str().map_err(|_| RedirectError::Location);
            let to = to.and_then(|to| self.follow(to));
            let to =
                to.map_err(|error| Error::Redirect { from: without_query(&self.url), error })?;
            return self.turn_to(to, response);
        }
        let may_ask = !self.has_left && self.answer.is_none();
        let Some(callback) = self.client.on_refusal.as_ref().filter(|_| may_ask) else {
            return Err(Error::Refused(response));
        };
        let refusal = Refused { url: self.url.clone(), response: (*response).clone() };
        match callback.call(refusal).await.map_err(Error::Callback)? {
            Some(headers) => self.answer = Some(headers),
            None => return Err(Error::Refused(response)),
        }
        Ok(())
    }

    /// The URL that a redirect means, if it may be followed.
    fn follow(&self, location: &str) -> Result<Url, RedirectError> {
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
        } else if self.leaves(&to) && !self.client.may_name_subprotocols_elsewhere() {
            Err(RedirectError::Subprotocol)
        } else {
            Ok(to)
        }
    }

    /// Whether what is secret stays behind on the way there.
    fn leaves(&self, to: &Url) -> bool {
        self.has_left || !to.is_same_origin(&self.first)
    }

    fn turn_to(&mut self, to: Url, response: Box<Response<Bytes>>) -> Result<(), Error> {
        tracing::debug!(
            status = response.status().as_u16(),
            host = to.host(),
            path = path(to.resource_name()),
            "redirected"
        );
        self.has_left = self.leaves(&to);
        let redirect = Redirect {
            from: self.url.clone(),
            to: to.clone(),
            status: response.status(),
            keeps_secrets: !self.has_left,
        };
        if self.client.on_redirect.as_ref().is_some_and(|policy| !policy.allows(&redirect)) {
            return Err(Error::Refused(response));
        }
        self.url = if self.has_left { to } else { to.with_user_info_of(&self.first) };
        self.visited.push(self.url.clone());
        Ok(())
    }
}

impl Client {
    fn may_name_subprotocols_elsewhere(&self) -> bool {
        self.subprotocols_cross_origin || self.offer.subprotocols.is_empty()
    }
}

/// RFC 9110 §15.4: the statuses that lead to another URI. 300 leaves the choice to the user, 304 is
/// about caches, 305 and 306 are "deprecated" and "no longer used".
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301..=303 | 307 | 308)
}

/// Queries hold tokens, and errors end up in logs.
fn without_query(url: &Url) -> String {
    let mut text = url.to_string();
    text.truncate(text.find('?').unwrap_or(text.len()));
    text
}
