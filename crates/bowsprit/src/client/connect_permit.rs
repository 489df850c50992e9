//! One connection in CONNECTING state per host, RFC 6455 §4.1 (2).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Address(IpAddr),
    /// §4.1 (2): "If the client cannot determine the IP address of the remote host (for example,
    /// because all communication is being done through a proxy server that performs DNS queries
    /// itself), then the client MUST assume for the purposes of this step that each host name
    /// refers to a distinct remote host".
    Name(String),
}

/// The permit to be in CONNECTING state, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl ConnectPermit {
    /// Waits while this process is connecting to the same host.
    ///
    /// "If the client already has a WebSocket connection to the remote host (IP address) [...] the
    /// client MUST wait until that connection has been established or for that connection to have
    /// failed."
    pub(super) async fn acquire(host: Host) -> Self {
        // Nobody closes these semaphores, so that there always is a permit in the end.
        Self { _permit: queue(host).acquire_owned().await.ok() }
    }
}

fn queue(host: Host) -> Arc<Semaphore> {
    static QUEUES: Mutex<Option<HashMap<Host, Weak<Semaphore>>>> = Mutex::new(None);
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    let queues = queues.get_or_insert_default();
    if let Some(queue) = queues.get(&host).and_then(Weak::upgrade) {
        return queue;
    }
    queues.retain(|_, queue| queue.strong_count() > 0);
    let queue = Arc::new(Semaphore::new(1));
    queues.insert(host, Arc::downgrade(&queue));
    queue
}
