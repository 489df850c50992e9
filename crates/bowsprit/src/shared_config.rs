//! What the connections of an endpoint, or of a client, have in common.

use std::sync::Arc;

use crate::{ConnectionConfig, stats::Counters};

#[derive(Clone, Debug)]
pub(crate) struct SharedConfig {
    pub(crate) config: ConnectionConfig,
    pub(crate) counters: Arc<Counters>,
}
