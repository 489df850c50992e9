//! Waiting for the end of a connection, whoever else does what with it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bowsprit_proto::queue::Ticket;

use super::{Link, Out, lock::Spent};
use crate::{Close, Error, error::EndReason};

/// Ends when a connection has.
pub(crate) struct Closed<'l> {
    link: &'l Arc<Link>,
    /// Once it waits.
    ticket: Option<Ticket>,
}

impl Link {
    /// Waits for the end of the connection.
    pub(crate) const fn closed(self: &Arc<Self>) -> Closed<'_> {
        Closed { link: self, ticket: None }
    }
}

impl Out {
    /// How the connection has ended, if it has.
    fn outcome(&self) -> Option<Result<Option<Close<'static>>, EndReason>> {
        let cause = self.over.or_else(|| self.is_leaving().then_some(EndReason::Terminated))?;
        // With the peer's close frame it is over, whatever becomes of ours.
        Some(match self.queue.peer_close() {
            None if cause != EndReason::Closed => Err(cause),
            close => Ok(close.cloned()),
        })
    }
}

impl Future for Closed<'_> {
    type Output = Result<Option<Close<'static>>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Cloned before, as that may run code of the application.
        let waker = cx.waker().clone();
        let this = &mut *self;
        let mut out = this.link.lock();
        if let Some(outcome) = out.outcome() {
            this.ticket = None;
            out.spend(Spent::Waker(waker));
            return Poll::Ready(outcome.map_err(Error::from));
        }
        let waiting = out.waiting.get_or_insert_default();
        if let Some(before) = waiting.for_end.wait(&mut this.ticket, waker) {
            out.spend(Spent::Waker(before));
        }
        drop(out);
        this.link.write_out_for_others(cx.waker());
        Poll::Pending
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut out = self.link.lock();
        let waker = out.waiting.as_mut().and_then(|waiting| waiting.for_end.leave(ticket));
        if let Some(waker) = waker {
            out.spend(Spent::Waker(waker));
        }
    }
}
