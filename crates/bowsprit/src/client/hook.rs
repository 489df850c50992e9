//! What an application does on the way to a connection.

use std::{fmt, pin::Pin, sync::Arc};

/// An asynchronous function of the application.
pub(super) struct Hook<A, R> {
    asked: Arc<dyn Ask<A, R>>,
}

trait Ask<A, R>: Send + Sync {
    fn ask(&self, argument: A) -> Pin<Box<dyn Future<Output = R> + Send>>;
}

impl<A, R, F, H> Ask<A, R> for H
where
    F: Future<Output = R> + Send + 'static,
    H: Fn(A) -> F + Send + Sync,
{
    fn ask(&self, argument: A) -> Pin<Box<dyn Future<Output = R> + Send>> {
        Box::pin(self(argument))
    }
}

impl<A, R> Hook<A, R> {
    pub(super) fn new<F>(hook: impl Fn(A) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = R> + Send + 'static,
    {
        Self { asked: Arc::new(hook) }
    }

    pub(super) async fn call(&self, argument: A) -> R {
        self.asked.ask(argument).await
    }
}

impl<A, R> Clone for Hook<A, R> {
    fn clone(&self) -> Self {
        Self { asked: Arc::clone(&self.asked) }
    }
}

impl<A, R> fmt::Debug for Hook<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
