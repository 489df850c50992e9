//! Which path leads where.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bowsprit_proto::handshake::{OriginPolicy, SubprotocolPolicy};
use http::{HeaderMap, Request, StatusCode};
use matchit::Router;
use percent_encoding::percent_decode_str;

use super::{
    Refusal,
    authorize::Authorize,
    endpoint::{Endpoint, Settings, endpoint_options},
    handler::{Handler, erase},
    request::Params,
};
use crate::{BoxError, Deflate, Limits, Options, WebSocket};

/// A path's handler, and its own options.
///
/// What it does not set it takes from the [`ServerBuilder`](crate::ServerBuilder) that it is given
/// to, whichever of the two was told first.
///
/// ```
/// use bowsprit::{Limits, RequestExt, Route, Server};
///
/// let room = Route::new(|mut ws, request| async move {
///     let room = request.param("name").unwrap_or_default();
///     ws.send(format!("welcome to {room}")).await?;
///     Ok(())
/// });
/// let server = Server::builder()
///     .route("/rooms/{name}", room.limits(Limits::SERVER.max_message_len(4096)))
///     .route("/time", Route::new(|mut ws, _| async move { Ok(ws.send("now").await?) }));
/// ```
pub struct Route {
    pub(super) handler: Handler,
    pub(super) settings: Settings,
}

impl Route {
    /// Runs `handler` for each connection, as [`BoundServer::serve`](crate::BoundServer::serve)
    /// does.
    pub fn new<H, F>(handler: H) -> Self
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { handler: erase(handler), settings: Settings::default() }
    }

    endpoint_options!();
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").finish_non_exhaustive()
    }
}

/// The paths of a server and what is spoken there.
pub(super) struct Routes {
    /// By number.
    paths: Router<usize>,
    endpoints: Vec<Endpoint>,
    /// Where no path was named, the first endpoint is everywhere.
    everywhere: bool,
}

/// Paths while they are collected. Number 0 is the server's own endpoint.
#[derive(Default)]
pub(super) struct Paths {
    router: Router<usize>,
    named: bool,
    /// A path for which only `serve` has a handler.
    without_handler: Option<Box<str>>,
    routes: Vec<Route>,
}

impl Paths {
    pub(super) fn add(&mut self, path: &str) {
        self.without_handler = Some(path.into());
        self.insert(path, 0);
    }

    pub(super) fn add_route(&mut self, path: &str, route: Route) {
        self.routes.push(route);
        self.insert(path, self.routes.len());
    }

    fn insert(&mut self, path: &str, number: usize) {
        assert!(path.starts_with('/'), "path {path:?} does not begin with a slash");
        self.named = true;
        if let Err(error) = self.router.insert(path, number) {
            panic!("path {path:?} cannot be added: {error}");
        }
    }

    pub(super) fn build(self, settings: &Settings) -> Routes {
        let own = Endpoint::new(Settings::default(), settings, None);
        let others = self.routes.into_iter();
        let others = others.map(|r| Endpoint::new(r.settings, settings, Some(r.handler)));
        Routes {
            paths: self.router,
            endpoints: std::iter::once(own).chain(others).collect(),
            everywhere: !self.named,
        }
    }

    /// Where nothing would run without a handler for the whole server.
    pub(super) fn without_handler(&self) -> Option<&str> {
        if self.named { self.without_handler.as_deref() } else { Some("*") }
    }
}

impl Routes {
    /// Whether something is spoken at `path`, by a handler of its own if that is asked for.
    #[cfg(feature = "tower")]
    pub(super) fn knows(&self, path: &str, with_handler: bool) -> bool {
        let endpoint = self.find(path).map(|(endpoint, _)| endpoint);
        // A path that is malformed below a known one is for us to refuse.
        endpoint.map_or_else(
            |refusal| refusal.response().status() != StatusCode::NOT_FOUND,
            |endpoint| endpoint.handler.is_some() || !with_handler,
        )
    }

    /// What is spoken at `path`, and the values of the parameters in it.
    ///
    /// # Errors
    ///
    /// 404 if nothing is, 400 if a parameter is not UTF-8.
    pub(super) fn find(&self, path: &str) -> Result<(&Endpoint, Params), Refusal> {
        if self.everywhere {
            return Ok((&self.endpoints[0], Params::default()));
        }
        let found = self.paths.at(path).map_err(|_| Refusal::not_found())?;
        let params = found.params.iter().map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8().ok()?;
            Some((name.into(), value.into()))
        });
        let params: Option<Params> = params.collect();
        let malformed = || Refusal::new(StatusCode::BAD_REQUEST).body("the path is not UTF-8\n");
        Ok((&self.endpoints[*found.value], params.ok_or_else(malformed)?))
    }
}
