//! The application's decision whom to let in.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use http::{Extensions, Request, StatusCode};
use tokio::time::timeout;

use super::{Refusal, callback, guard::HandshakeGuard};

/// How long a decision may take by default.
pub(super) const DECISION_TIMEOUT: Duration = Duration::from_secs(30);

/// Puts into a request what the decision came to.
type AuthorizedInsert = Box<dyn FnOnce(&mut Extensions) + Send>;
type Deciding = Pin<Box<dyn Future<Output = Result<AuthorizedInsert, Refusal>> + Send>>;

/// Decides about requests.
#[derive(Clone)]
pub(super) struct Authorize(Arc<dyn Fn(Request<()>) -> Deciding + Send + Sync>);

impl Authorize {
    pub(super) fn new<A, F, U>(authorize: A) -> Self
    where
        A: Fn(Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<U, Refusal>> + Send + 'static,
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

    /// Decides about a request, and puts the result into it.
    ///
    /// # Errors
    ///
    /// The application's refusal; 503 if it takes too long, or longer than the server that shuts
    /// down waits; 500 if it panics.
    pub(super) async fn decide(
        &self,
        request: &mut Request<()>,
        time: Duration,
        handshake: &HandshakeGuard,
    ) -> Result<(), Refusal> {
        let mut deciding = callback::run_or_500(|| (self.0)(request.clone()))?;
        let deciding = poll_fn(|cx| match callback::run_or_500(|| deciding.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(panicked) => Err(panicked).into(),
        });
        let decided = handshake.unless_cut(timeout(time, deciding)).await;
        let decided = decided.map_err(|_| Refusal::shutting_down())?;
        let insert = decided.map_err(|_| timed_out())??;
        insert(request.extensions_mut());
        Ok(())
    }
}

fn timed_out() -> Refusal {
    tracing::warn!("a decision about a request took too long");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE)
}
