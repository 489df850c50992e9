//! Answers probes: whether the process runs, and whether it wants connections.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use super::callback;

/// Answers the probes of load balancers and orchestrators, such as Kubernetes.
///
/// | path | status |
/// |---|---|
/// | `/livez` | 200 as long as the process answers |
/// | `/readyz` | 200; 503 once one of the servers shuts down, or while a [`check`](Self::check) fails |
///
/// The body is `ok`, or the reason in one line. Both paths answer GET and HEAD, and other methods
/// with 405. Responses must not be cached (`no-store`).
///
/// Pass clones of one `Health` to [`ServerBuilder::health`](crate::server::ServerBuilder::health)
/// of each server of a process: every one of them answers for all. Probes are answered whichever
/// `Host` they name, since orchestrators ask for an address. With
/// [`Shutdown::drain_delay`](crate::server::Shutdown::drain_delay), `/readyz` is 503 for a while
/// before the listeners close, so that load balancers choose another server in time.
///
/// ```no_run
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use bowsprit::{Server, server::Health};
///
/// # async fn example() -> std::io::Result<()> {
/// // Set by whatever watches the database.
/// static HAS_DATABASE: AtomicBool = AtomicBool::new(false);
///
/// let health = Health::new().check("database", || HAS_DATABASE.load(Ordering::Relaxed));
/// let server = Server::builder().health(health.clone()).bind("0.0.0.0:8080").await?;
/// // The same answers at an address that only operators reach.
/// let private = Server::builder().health(health).should_handle(|_| false);
/// let private = private.bind("127.0.0.1:9090").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Health {
    checks: Vec<(Arc<str>, Arc<Check>)>,
    is_leaving: Arc<AtomicBool>,
}

type Check = dyn Fn() -> bool + Send + Sync;

impl Health {
    /// Returns a service without checks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition for being ready. `/readyz` names the first check that returns `false`. A
    /// check that panics counts as failed.
    ///
    /// It is called for each probe and must not block: let a task of your own watch what takes
    /// time, and look at the result here. Call this before passing clones to servers.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering}};
    /// use bowsprit::server::Health;
    ///
    /// let is_warm = Arc::new(AtomicBool::new(false));
    /// let seen = Arc::clone(&is_warm);
    /// let health = Health::new().check("cache", move || seen.load(Ordering::Relaxed));
    /// assert!(!health.is_ready());
    /// is_warm.store(true, Ordering::Relaxed);
    /// assert!(health.is_ready());
    /// ```
    #[must_use]
    pub fn check(
        mut self,
        name: impl Into<String>,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.checks.push((name.into().into(), Arc::new(is_ready)));
        self
    }

    /// Whether `/readyz` is answered with 200.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.obstacle().is_none()
    }

    /// Answers a request for `/livez` or `/readyz`; `None` for all others. Servers with this
    /// [`health`](crate::server::ServerBuilder::health) do that themselves; other HTTP servers can
    /// call it.
    #[must_use]
    pub fn answer<B>(&self, request: &Request<B>) -> Option<Response<Bytes>> {
        let obstacle = match request.uri().path() {
            "/livez" => None,
            "/readyz" => self.obstacle(),
            _ => return None,
        };
        Some(match obstacle {
            _ if ![Method::GET, Method::HEAD].contains(request.method()) => method_not_allowed(),
            None => response(StatusCode::OK, "ok\n".into()),
            Some(obstacle) => response(StatusCode::SERVICE_UNAVAILABLE, obstacle),
        })
    }

    /// From now on `/readyz` is 503: one of the servers leaves.
    pub(super) fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }

    /// Why this is not ready.
    fn obstacle(&self) -> Option<String> {
        if self.is_leaving.load(Ordering::SeqCst) {
            return Some("shutting down\n".into());
        }
        let has_failed = |check: &Arc<Check>| callback::run(|| check()) != Some(true);
        let failed = self.checks.iter().find(|(_, check)| has_failed(check));
        failed.map(|(name, _)| format!("not ready: {name}\n"))
    }
}

fn response(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn method_not_allowed() -> Response<Bytes> {
    let mut response = response(StatusCode::METHOD_NOT_ALLOWED, "use GET or HEAD\n".into());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks: Vec<_> = self.checks.iter().map(|(name, _)| name).collect();
        f.debug_struct("Health").field("checks", &checks).finish_non_exhaustive()
    }
}
