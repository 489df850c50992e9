//! What runs for a connection.

use std::{future::Future, pin::Pin, sync::Arc};

use http::Request;

use crate::{BoxError, WebSocket};

/// A handler at work. Boxed, so that a server can have handlers of many types, and its tasks one.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// A handler of whatever type.
pub(super) type Handler = Arc<dyn Fn(WebSocket, Request<()>) -> Running + Send + Sync>;

pub(super) fn erase<H, F>(handler: H) -> Handler
where
    H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    Arc::new(move |ws, request| Box::pin(handler(ws, request)))
}
