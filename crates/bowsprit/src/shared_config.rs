//! What the connections of an endpoint, or of a client, have in common.

use std::sync::Arc;

use crate::{Options, stats::Counters};

#[derive(Clone, Debug)]
pub(crate) struct SharedConfig {
    pub(crate) options: Options,
    pub(crate) counters: Arc<Counters>,
}
