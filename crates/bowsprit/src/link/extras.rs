//! What few connections have, behind one pointer.

use std::{any::Any, sync::Arc};

use super::{Link, Out};

/// Something of the application's.
type Data = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(super) struct Extras {
    data: Option<Data>,
    /// Its place among the connections that the server allows.
    #[cfg(feature = "server")]
    slot: Option<Box<crate::server::Slot>>,
}

/// What a connection gives up when it has ended. Dropping it may run the application's code.
#[cfg_attr(feature = "server", expect(dead_code, reason = "to be dropped"))]
pub(super) struct Left {
    #[cfg(feature = "server")]
    slot: Option<Box<crate::server::Slot>>,
    #[cfg(feature = "server")]
    membership: Option<crate::server::Membership>,
}

impl Link {
    /// Keeps this for the application; returns what was there.
    pub(crate) fn set_data(&self, data: Data) -> Option<Data> {
        self.lock().extras().data.replace(data)
    }

    pub(crate) fn data(&self) -> Option<Data> {
        self.lock().extras.as_ref()?.data.clone()
    }

    /// Keeps the connection's place until it ends.
    #[cfg(feature = "server")]
    pub(crate) fn occupy(&self, slot: Box<crate::server::Slot>) {
        self.lock().extras().slot = Some(slot);
    }

    /// Stays on its server's list until it ends.
    #[cfg(feature = "server")]
    pub(crate) fn join(&self, membership: crate::server::Membership) {
        self.lock().membership = Some(membership);
    }
}

impl Out {
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Gives up what only open connections have.
    pub(super) fn leave(&mut self) -> Option<Box<Left>> {
        #[cfg(feature = "server")]
        {
            let slot = self.extras.as_mut().and_then(|extras| extras.slot.take());
            let membership = self.membership.take();
            (slot.is_some() || membership.is_some()).then(|| Box::new(Left { slot, membership }))
        }
        #[cfg(not(feature = "server"))]
        None
    }
}
