//! A connection's place on a list of whoever has opened it, such as that of its server.

use std::sync::Arc;

/// Connections that have been given a key each.
pub(crate) trait List: Send + Sync {
    /// The connection with this key has ended. Not called under its lock. The list tells whoever
    /// wants to know, and then the link that it has done so.
    fn leave(&self, key: u32);
}

/// A connection's place on a list. It leaves when this is dropped.
///
/// Every connection of a server has one, so it is two words: a box for each would be an allocation
/// more, and a pointer to the list itself another word.
pub(crate) struct Membership {
    list: Arc<Box<dyn List>>,
    key: u32,
}

impl Membership {
    pub(crate) const fn new(list: Arc<Box<dyn List>>, key: u32) -> Self {
        Self { list, key }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.list.leave(self.key);
    }
}
