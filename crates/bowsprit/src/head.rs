//! What the head of a request or a response may be: hyper's limits, the same for both roles.

/// Bytes. Beyond them a server answers 431, and a client fails.
pub(crate) const MAX_LEN: usize = 16 * 1024;

/// Header fields.
pub(crate) const MAX_FIELDS: usize = 100;
