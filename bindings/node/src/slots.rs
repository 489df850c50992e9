//! What JavaScript knows by number.

use slab::Slab;

/// Things by number. One of them may be away, on the thread pool: its number goes to no other until
/// it is back, so that no thing comes back to the place of another.
pub(crate) struct Slots<T>(Slab<Slot<T>>);

enum Slot<T> {
    Here(T),
    Away,
    /// Away, and removed meanwhile.
    Removed,
    /// It will not come back, but JavaScript still knows its number.
    Lost,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Slab::new())
    }
}

impl<T> Slots<T> {
    pub(crate) fn insert(&mut self, thing: T) -> usize {
        self.0.insert(Slot::Here(thing))
    }

    /// Finds a thing, if it is not away.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: usize) -> Option<&mut T> {
        match self.0.get_mut(id) {
            Some(Slot::Here(thing)) => Some(thing),
            _ => None,
        }
    }

    /// Drops a thing, now or when it comes back.
    pub(crate) fn remove(&mut self, id: usize) {
        match self.0.get_mut(id) {
            Some(slot @ (Slot::Away | Slot::Removed)) => *slot = Slot::Removed,
            _ => drop(self.0.try_remove(id)),
        }
    }

    /// Takes a thing away, until `put_back` or `lose`.
    pub(crate) fn take(&mut self, id: usize) -> Option<T> {
        let slot = self.0.get_mut(id).filter(|slot| matches!(slot, Slot::Here(_)))?;
        match std::mem::replace(slot, Slot::Away) {
            Slot::Here(thing) => Some(thing),
            Slot::Away | Slot::Removed | Slot::Lost => None,
        }
    }

    /// Puts back what `take` has taken; drops it if it was removed meanwhile.
    pub(crate) fn put_back(&mut self, id: usize, thing: T) -> Option<&mut T> {
        match self.0.get_mut(id) {
            Some(slot @ Slot::Away) => *slot = Slot::Here(thing),
            Some(Slot::Removed) => self.lose(id),
            _ => {}
        }
        self.get_mut(id)
    }

    /// What `take` has taken will not come back. Its number stays taken until `remove`.
    pub(crate) fn lose(&mut self, id: usize) {
        match self.0.get_mut(id) {
            Some(slot @ Slot::Away) => *slot = Slot::Lost,
            _ => drop(self.0.try_remove(id)),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
