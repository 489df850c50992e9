//! What an open connection sends, with anything done to its queue in any order. The model is that
//! of the property test.

#[path = "../../crates/bowsprit-proto/tests/api/queue_model.rs"]
mod queue_model;
#[path = "../../crates/bowsprit-proto/tests/api/queue_shared.rs"]
mod queue_shared;

/// The first byte is the kind of connection, then every three are something done to its queue. What
/// was accepted arrives in order, but for what was reported as left out.
pub fn queue(bytes: &[u8]) {
    queue_model::play(bytes);
}
