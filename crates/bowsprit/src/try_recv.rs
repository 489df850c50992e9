//! Receiving without waiting.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll, Waker},
};

use tokio::task::unconstrained;

use crate::{Message, ReceiveHalf, TryRecvError, WebSocket};

impl WebSocket {
    /// Receives the next message if it is there. See [`ReceiveHalf::try_recv`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        self.receive_half_mut().try_recv()
    }
}

impl ReceiveHalf {
    /// Receives the next message if it is there, without waiting. Reads from the transport and
    /// answers pings and the peer's close frame, as [`recv`](Self::recv) does.
    ///
    /// The runtime has to notice that a socket has something: a loop that keeps its only thread
    /// busy sees nothing new. A task that waits for messages in another way, such as by `poll_next`
    /// of `Stream`, is still woken for the next one.
    ///
    /// ```no_run
    /// use bowsprit::error::TryRecvError;
    ///
    /// # fn example(ws: &mut bowsprit::WebSocket) -> Result<(), bowsprit::Error> {
    /// loop {
    ///     match ws.try_recv() {
    ///         Ok(message) => println!("{message:?}"),
    ///         Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
    ///         Err(TryRecvError::Error(error)) => return Err(error),
    /// #       Err(_) => unreachable!(),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no message: [`TryRecvError`] says why.
    pub fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        self.skip_pause();
        let was_waiting = self.link().is_waiting();
        let known = self.link().take_reading_task();
        let mut cx = Context::from_waker(known.as_ref().unwrap_or(Waker::noop()));
        // A task's budget is for what it awaits: used up, it would hide messages.
        let received = pin!(unconstrained(poll_fn(|cx| self.poll_recv(cx)))).poll(&mut cx);
        self.link().restore_reading_task(known);
        if !was_waiting {
            self.on_give_up();
        }
        match received {
            Poll::Ready(Ok(Some(message))) => Ok(message),
            Poll::Ready(Ok(None)) => Err(TryRecvError::Closed),
            Poll::Ready(Err(error)) => Err(TryRecvError::Error(error)),
            Poll::Pending => Err(TryRecvError::Empty),
        }
    }
}
