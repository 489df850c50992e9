//! The application's authorization of requests.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{Extensions, Request, StatusCode};
use tokio::time::timeout;

use super::{Rejection, callback, guard::HandshakeGuard};

/// The default time limit of an authorization.
pub(super) const DECISION_TIMEOUT: Duration = Duration::from_secs(30);

/// Inserts the result of the authorization into a request.
type AuthorizedInsert = Box<dyn FnOnce(&mut Extensions) + Send>;
type Deciding = Pin<Box<dyn Future<Output = Result<AuthorizedInsert, Rejection>> + Send>>;

/// The application's callback with its types erased.
#[derive(Clone)]
pub(super) struct Authorize(Arc<dyn Fn(Request<()>) -> Deciding + Send + Sync>);

impl Authorize {
    pub(super) fn new<A, F, U>(authorize: A) -> Self
    where
        A: Fn(Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<U, Rejection>> + Send + 'static,
        U: Clone + Send + Sync + 'static,
    {
        Self(Arc::new(move |request| {
            let deciding = authorize(request);
            Box::pin(async move {
                let user = deciding.await?;
                let insert: AuthorizedInsert = Box::new(|extensions| drop(extensions.insert(user)));
                Ok(insert)
            })
        }))
    }

    /// Authorizes a request, and inserts the result into it.
    ///
    /// # Errors
    ///
    /// The application's rejection; 503 if the callback takes too long, or a shutdown's deadline
    /// passes; 500 if it panics.
    pub(super) async fn decide(
        &self,
        request: &mut Request<()>,
        time: Duration,
        handshake: &HandshakeGuard,
    ) -> Result<(), Rejection> {
        let mut deciding = callback::run_or_500(|| (self.0)(request.clone()))?;
        let deciding = poll_fn(|cx| match callback::run_or_500(|| deciding.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(panicked) => Err(panicked).into(),
        });
        let decided = handshake.unless_cut(timeout(time, deciding)).await;
        let decided = decided.map_err(|_| Rejection::shutting_down())?;
        let insert = decided.map_err(|_| timed_out())??;
        insert(request.extensions_mut());
        Ok(())
    }
}

fn timed_out() -> Rejection {
    tracing::warn!("a decision about a request took too long");
    Rejection::new(StatusCode::SERVICE_UNAVAILABLE)
}
