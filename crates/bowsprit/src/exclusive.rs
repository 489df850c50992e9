//! Sharing what cannot be shared, by never using it through a shared reference.

use std::sync::{Mutex, PoisonError};

/// Something that is used through `&mut` only, and so need not be `Sync` for what holds it to be.
///
/// The mutex is never locked.
#[derive(Debug)]
pub(crate) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(crate) const fn new(inner: T) -> Self {
        Self(Mutex::new(inner))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}
