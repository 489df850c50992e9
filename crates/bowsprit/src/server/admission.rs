//! A connection's way in: in the queue without a permit, then admitted.

use std::{
    future::{Future, poll_fn},
    net::IpAddr,
    pin::pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;

use super::{
    guard::HandshakeGuard,
    pending::{HandshakePermit, Pending},
};
use crate::{
    AcceptError,
    head::{HeadReader, ReadError, Received},
    transport::AnyTransport,
};

/// How far a connection has come on its way in.
pub(super) enum Admission<'p> {
    /// It is the application's, which knows how many it accepts and may have read these bytes.
    Exempt(Bytes),
    /// It has no permit yet, and will have one of this address's share.
    Queued(Queued<'p>, Option<IpAddr>),
    Admitted(
        #[expect(dead_code, reason = "held until the request is answered")] HandshakePermit<'p>,
    ),
}

impl<'p> Admission<'p> {
    /// Takes a permit when the connection's first byte has come.
    #[cfg(any(feature = "proxy-protocol", feature = "tls"))]
    pub(super) async fn admit(
        self,
        first_byte: impl Future<Output = Result<(), AcceptError>>,
        handshake: &HandshakeGuard,
    ) -> Result<Self, AcceptError> {
        let Self::Queued(mut queued, client) = self else { return Ok(self) };
        queued.wait_for(first_byte, || handshake.is_cut_in_silence()).await??;
        Ok(Self::Admitted(queued.acquire(client, handshake).await?))
    }

    /// Reads a request, with a permit from its first byte on, which is then held.
    ///
    /// The permit is taken before it is known whether there are bytes, and given back if there are
    /// none: looking for them would be one more system call for each connection.
    pub(super) async fn read(
        &mut self,
        reader: &mut HeadReader,
        io: &mut AnyTransport,
        handshake: &HandshakeGuard,
    ) -> Result<Received<Request<()>>, ReadError> {
        while let Self::Queued(queued, client) = self {
            let permit = queued.acquire(*client, handshake).await?;
            // Not kept while it waits: it is as large as all the rest.
            if let Some(read) = reader.read_now(io).await {
                *self = Self::Admitted(permit);
                return read;
            }
            if reader.has_begun() {
                *self = Self::Admitted(permit);
                break;
            }
            drop(permit);
            queued.wait_for_wake(handshake).await?;
        }
        if let Self::Exempt(received) = self
            && let Some(head) = reader.begin(received)?
        {
            return Ok(head);
        }
        poll_fn(|cx| match reader.poll_read(cx, io) {
            Poll::Pending if handshake.is_cut() && reader.has_begun() => {
                Poll::Ready(Err(ReadError::Unfinished))
            }
            Poll::Pending if handshake.is_cut_in_silence() && !reader.has_begun() => {
                Poll::Ready(Err(ReadError::ShuttingDown))
            }
            read => read,
        })
        .await
    }
}

/// Why a connection has no more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Without a permit, it had to make room for others.
    Evicted,
    ShuttingDown,
}

impl From<Cut> for ReadError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Evicted => Self::Cut,
            Cut::ShuttingDown => Self::ShuttingDown,
        }
    }
}

impl From<Cut> for AcceptError {
    fn from(cut: Cut) -> Self {
        ReadError::from(cut).into()
    }
}

/// A connection without a permit. It is counted when it first has to wait.
pub(super) struct Queued<'p> {
    pending: &'p Pending,
    /// Its place among those that are counted.
    id: Option<u64>,
}

impl<'p> Queued<'p> {
    pub(super) const fn new(pending: &'p Pending) -> Self {
        Self { pending, id: None }
    }

    /// Waits for a permit.
    async fn acquire(
        &mut self,
        client: Option<IpAddr>,
        handshake: &HandshakeGuard,
    ) -> Result<HandshakePermit<'p>, Cut> {
        let pending = self.pending;
        match pending.try_acquire(client) {
            Some(permit) => Ok(permit),
            // Boxed: few have to wait.
            None => {
                let acquiring = self.wait_for(pending.acquire(client), || handshake.is_cut());
                Box::pin(acquiring).await
            }
        }
    }

    /// Waits for `future`, unless too many others wait that have come later, or it `is_over`.
    ///
    /// # Errors
    ///
    /// This is the oldest of too many, or it is over.
    pub(super) async fn wait_for<F: Future>(
        &mut self,
        future: F,
        is_over: impl Fn() -> bool,
    ) -> Result<F::Output, Cut> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if is_over() => Poll::Ready(Err(Cut::ShuttingDown)),
            Poll::Pending => self.poll_cut(cx).map(Err),
        })
        .await
    }

    /// Waits until the task is woken, by whatever has been polled before.
    async fn wait_for_wake(&mut self, handshake: &HandshakeGuard) -> Result<(), Cut> {
        let mut has_waited = false;
        let woken = poll_fn(|_| match std::mem::replace(&mut has_waited, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        self.wait_for(woken, || handshake.is_cut_in_silence()).await
    }

    fn poll_cut(&mut self, cx: &Context<'_>) -> Poll<Cut> {
        let Some(id) = self.id else {
            self.id = Some(self.pending.enter(cx.waker().clone()));
            return Poll::Pending;
        };
        match self.pending.silent().wakers.get_mut(&id) {
            Some(waker) => {
                waker.clone_from(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(Cut::Evicted),
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let removed = self.pending.silent().wakers.remove(&id);
            drop(removed);
        }
    }
}
