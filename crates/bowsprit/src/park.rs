//! Waiting for a future where nothing can be awaited.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use tokio::sync::mpsc::{Sender, channel};

/// Blocks this thread until `future` is ready.
///
/// # Panics
///
/// On a thread that drives a runtime, whether `future` has to wait or not.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let (unpark, mut parked) = channel(1);
    let waker = Waker::from(Arc::new(Unpark(unpark)));
    let mut future = pin!(future);
    waker.wake_by_ref();
    loop {
        // tokio knows whether this thread may be blocked.
        parked.blocking_recv();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
    }
}

struct Unpark(Sender<()>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // If it is full, the thread is about to run in any case.
        let _full = self.0.try_send(());
    }
}
