//! Calls the application's callbacks and contains their panics.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use http::StatusCode;

use super::Rejection;

/// Runs a callback. `None` if it panics, which is logged.
pub(super) fn run<T>(callback: impl FnOnce() -> T) -> Option<T> {
    let ran = catch_unwind(AssertUnwindSafe(callback));
    ran.map_err(|panic| tracing::error!(error = panic_message(&*panic), "a hook failed")).ok()
}

/// Runs a callback whose result goes into the response.
///
/// # Errors
///
/// 500 if it panics.
pub(super) fn run_or_500<T>(callback: impl FnOnce() -> T) -> Result<T, Rejection> {
    run(callback).ok_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into())
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("with something that is no text"))
}
