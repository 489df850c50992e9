//! What applications may have a say in during the handshake.

use std::sync::Arc;

use http::{HeaderMap, Request};

use super::Refusal;
use crate::AcceptError;

/// Whether a request is for a route.
pub(super) type ShouldHandle = Arc<dyn Fn(&Request<()>) -> bool + Send + Sync>;

/// Chooses one of the subprotocols that are offered.
pub(super) type ChooseSubprotocol =
    Arc<dyn Fn(&Request<()>, &[&str]) -> Option<String> + Send + Sync>;

/// Adds to the headers of the 101 response.
pub(super) type AddHeaders = Arc<dyn Fn(&Request<()>, &mut HeaderMap) + Send + Sync>;

/// Sees each refused request.
pub(super) type OnRefused = Box<dyn Fn(&Request<()>, Refusal) -> Refusal + Send + Sync>;

/// Sees what has not even become a request.
pub(super) type OnFailed = Box<dyn Fn(&AcceptError) + Send + Sync>;
