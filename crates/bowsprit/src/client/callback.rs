//! Asynchronous functions that the application provides for connecting.

use std::{fmt, pin::Pin, sync::Arc};

/// An asynchronous function of the application.
pub(super) struct Callback<A, R> {
    function: Arc<dyn Function<A, R>>,
}

trait Function<A, R>: Send + Sync {
    fn call(&self, argument: A) -> Pin<Box<dyn Future<Output = R> + Send>>;
}

impl<A, R, F, H> Function<A, R> for H
where
    F: Future<Output = R> + Send + 'static,
    H: Fn(A) -> F + Send + Sync,
{
    fn call(&self, argument: A) -> Pin<Box<dyn Future<Output = R> + Send>> {
        Box::pin(self(argument))
    }
}

impl<A, R> Callback<A, R> {
    pub(super) fn new<F>(callback: impl Fn(A) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = R> + Send + 'static,
    {
        Self { function: Arc::new(callback) }
    }

    pub(super) async fn call(&self, argument: A) -> R {
        self.function.call(argument).await
    }
}

impl<A, R> Clone for Callback<A, R> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function) }
    }
}

impl<A, R> fmt::Debug for Callback<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}
