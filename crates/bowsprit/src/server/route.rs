//! Routes: which handler and options belong to which path.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bowsprit_proto::{
    grammar::percent_decode,
    handshake::{OriginPolicy, SubprotocolPolicy},
};
use http::{HeaderMap, Request, StatusCode};
use matchit::Router;

use super::{
    Rejection,
    authorize::Authorize,
    clients::{Members, Registry},
    endpoint::{Endpoint, Settings, endpoint_options},
    handler::{Handler, into_handler},
    output::HandlerOutput,
    request::Params,
};
use crate::{ConnectionConfig, Deflate, Limits, WebSocket};

/// The handler of a path, with options of its own.
///
/// Options that a route does not set are those of its
/// [`ServerBuilder`](crate::server::ServerBuilder), whether they are set before or after the route
/// is added.
///
/// ```
/// use bowsprit::{Server, config::Limits, server::{RequestExt, Route}};
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
    /// Creates a route that runs `handler` for each connection, as
    /// [`BoundServer::serve`](crate::server::BoundServer::serve) does.
    pub fn new<H, F>(handler: H) -> Self
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutput> + Send + 'static,
    {
        Self { handler: into_handler(handler), settings: Settings::default() }
    }

    endpoint_options!();
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").finish_non_exhaustive()
    }
}

/// The paths of a server and their endpoints.
pub(super) struct Routes {
    /// Indices of entries.
    paths: Router<usize>,
    entries: Vec<RouteEntry>,
    /// If no path was named, the only entry applies to all paths.
    everywhere: bool,
}

/// A path, its endpoint and its open connections.
pub(super) struct RouteEntry {
    path: Box<str>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) members: Arc<Members>,
}

/// Collects the paths of a server.
#[derive(Default)]
pub(super) struct RouterBuilder {
    router: Router<usize>,
    /// A path without a route uses the server's own endpoint.
    named: Vec<(Box<str>, Option<Route>)>,
    /// A path for which only `serve` has a handler.
    without_handler: Option<Box<str>>,
}

impl RouterBuilder {
    pub(super) fn add(&mut self, path: &str) {
        self.without_handler = Some(path.into());
        self.insert(path, None);
    }

    pub(super) fn add_route(&mut self, path: &str, route: Route) {
        self.insert(path, Some(route));
    }

    fn insert(&mut self, path: &str, route: Option<Route>) {
        assert!(path.starts_with('/'), "path {path:?} does not begin with a slash");
        if let Err(error) = self.router.insert(path, self.named.len()) {
            panic!("path {path:?} cannot be added: {error}");
        }
        self.named.push((path.into(), route));
    }

    pub(super) fn build(self, settings: &Settings, registry: &Arc<Registry>) -> Routes {
        let own = Arc::new(Endpoint::new(Settings::default(), settings, &registry.counters, None));
        let everywhere = self.named.is_empty();
        let unnamed = everywhere.then(|| ("".into(), None));
        let entry = |(path, route): (Box<str>, Option<Route>)| RouteEntry {
            path,
            endpoint: route.map_or_else(
                || Arc::clone(&own),
                |Route { settings: own, handler }| {
                    Arc::new(Endpoint::new(own, settings, &registry.counters, Some(handler)))
                },
            ),
            members: Members::new(Arc::clone(registry)),
        };
        let entries = self.named.into_iter().chain(unnamed).map(entry).collect();
        Routes { paths: self.router, entries, everywhere }
    }

    /// A path that would have no handler unless the server has a default one.
    pub(super) fn without_handler(&self) -> Option<&str> {
        if self.named.is_empty() { Some("*") } else { self.without_handler.as_deref() }
    }
}

impl Routes {
    /// Whether `path` has an endpoint, with a handler of its own if `with_handler` is set.
    #[cfg(feature = "tower")]
    pub(super) fn knows(&self, path: &str, with_handler: bool) -> bool {
        let endpoint = self.find(path).map(|(entry, _)| &entry.endpoint);
        // A path that is malformed below a known one is for us to refuse.
        endpoint.map_or_else(
            |rejection| rejection.response().status() != StatusCode::NOT_FOUND,
            |endpoint| endpoint.handler.is_some() || !with_handler,
        )
    }

    /// The connections on all paths, or on this one, written as it was added.
    pub(super) fn members(&self, path: Option<&str>) -> Vec<Arc<Members>> {
        let entries = self.entries.iter();
        let asked = entries.filter(|entry| path.is_none_or(|path| *entry.path == *path));
        asked.map(|entry| Arc::clone(&entry.members)).collect()
    }

    /// The endpoint of `path`, and the values of the parameters in it.
    ///
    /// # Errors
    ///
    /// 404 if there is none, 400 if a parameter is not UTF-8.
    pub(super) fn find(&self, path: &str) -> Result<(&RouteEntry, Params), Rejection> {
        if self.everywhere {
            return Ok((&self.entries[0], Params::default()));
        }
        let found = self.paths.at(path).map_err(|_| Rejection::not_found())?;
        let params = found.params.iter().map(|(name, value)| {
            let value = percent_decode(value, |_| true)?;
            Some((name.into(), value.into()))
        });
        let params: Option<Params> = params.collect();
        let malformed = || Rejection::new(StatusCode::BAD_REQUEST).body("the path is not UTF-8\n");
        Ok((&self.entries[*found.value], params.ok_or_else(malformed)?))
    }
}
