//! What applications may have a say in during the handshake.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use http::{HeaderMap, Request, StatusCode};

use super::{Refusal, handler::panic_message};
use crate::AcceptError;

/// Whether a request is for a route.
pub(super) type ShouldHandle = Arc<dyn Fn(&Request<()>) -> bool + Send + Sync>;

/// Chooses one of the subprotocols that are offered.
pub(super) type ChooseSubprotocol =
    Arc<dyn Fn(&Request<()>, &[&str]) -> Option<String> + Send + Sync>;

/// Adds to the headers of the 101 response.
pub(super) type AddHeaders = Arc<dyn Fn(&Request<()>, &mut HeaderMap) + Send + Sync>;

/// Sees each refused request.
pub(super) type OnReject = Box<dyn Fn(&Request<()>, Refusal) -> Refusal + Send + Sync>;

/// Sees what has not even become a request.
pub(super) type OnHandshakeError = Box<dyn Fn(&AcceptError) + Send + Sync>;

/// Runs what is the application's, or calls it. A panic is logged, and harms nobody else.
pub(super) fn run<T>(hook: impl FnOnce() -> T) -> Option<T> {
    let ran = catch_unwind(AssertUnwindSafe(hook));
    ran.map_err(|panic| tracing::error!(error = panic_message(&*panic), "a hook failed")).ok()
}

/// The same for what decides about an answer.
///
/// # Errors
///
/// 500 if it panics.
pub(super) fn ask<T>(hook: impl FnOnce() -> T) -> Result<T, Refusal> {
    run(hook).ok_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into())
}
