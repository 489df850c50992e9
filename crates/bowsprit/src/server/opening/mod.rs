//! The opening handshake, RFC 6455 §4.2. A connection passes each of these stages once.
//!
//! ```text
//! prepare     the PROXY protocol, TLS                                      prepare.rs
//! read head   the request, with a permit of pending.rs                     here
//! admit       Host, path, limits, the handshake's rules, Origin,           admit.rs
//!             subprotocol, extensions, authorize
//! respond     101; else a rejection, or what is served as plain HTTP         here, reject.rs,
//!                                                                          plain.rs
//! attach      the transport becomes a WebSocket                            attach.rs
//! ```
//!
//! Requests that another HTTP server has read enter at `admit`. That server responds, and the owner
//! of the [`Upgrade`] attaches the transport.

mod admit;
mod attach;
mod plain;
mod prepare;
mod reject;

use std::{
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bowsprit_proto::handshake::asks_for_websocket;
use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

pub use self::attach::Upgrade;
pub(super) use self::{attach::OpenConnection, prepare::PendingConnection};
use super::{
    Shared, TrustedProxies,
    guard::HandshakeGuard,
    pending::{HandshakePermit, Queued},
    phase::Alerted,
};
use crate::{
    AcceptError, Role, TimeoutKind, Transport,
    head::{HeadError, HeadReader, ReadError, Received, write_response},
    pool,
    trace::{self, Instrumented},
    transport::AnyTransport,
};

/// How many bytes are read from a client that sends before it gets a response.
const MAX_EARLY_LEN: usize = 4096;

impl Shared {
    /// Runs the opening handshake of a connection that one of the server's listeners has accepted.
    pub(super) fn open(
        &self,
        connection: PendingConnection,
        handshake: HandshakeGuard,
    ) -> impl Future<Output = Result<OpenConnection, AcceptError>> {
        let permit = PermitState::Queued(self.pending.queued(), self.limited_addr(&connection));
        self.instrument(connection.peer.addr, self.run_stages(connection, permit, handshake))
    }

    /// Runs the opening handshake on a transport that the application has accepted.
    pub(super) fn accept(
        &self,
        io: impl Transport,
    ) -> impl Future<Output = Result<OpenConnection, AcceptError>> {
        let (transport, received) = AnyTransport::from_io(io);
        let peer = transport.peer_addr();
        let connection = PendingConnection::new(transport, peer, self.handshake_timeout);
        let permit = PermitState::Exempt(received);
        self.instrument(peer, self.run_stages(connection, permit, self.begin()))
    }

    /// The address to whose share of the permits a connection counts.
    fn limited_addr(&self, connection: &PendingConnection) -> Option<IpAddr> {
        #[cfg(feature = "proxy-protocol")]
        if connection.proxies.is_some() {
            return None;
        }
        let peer = connection.peer.addr?.ip();
        let is_trusted = |proxies: &TrustedProxies| proxies.trusts(Some(peer.to_canonical()));
        (!self.proxies.as_ref().is_some_and(is_trusted)).then_some(peer)
    }

    /// Traces and times an opening handshake, and polls it in each phase of a shutdown.
    fn instrument<F>(
        &self,
        peer: Option<SocketAddr>,
        opening: F,
    ) -> Instrumented<'_, Alerted<'_, F>> {
        // Before the future is moved, which would otherwise be moved once more.
        let (span, begun) = (trace::opening(Role::Server, peer), Instant::now());
        Instrumented {
            opening: Alerted { future: opening, phases: &self.registry.phases, advanced: None },
            counters: &self.registry.counters,
            role: Role::Server,
            span,
            begun,
        }
    }

    /// Prepares a connection, reads its request, and answers it.
    ///
    /// There are separate time limits for the client's request, the application's decision, and the
    /// client taking the response.
    #[expect(clippy::manual_async_fn, reason = "an async fn holds its arguments twice")]
    fn run_stages(
        &self,
        mut connection: PendingConnection,
        mut permit: PermitState<'_>,
        handshake: HandshakeGuard,
    ) -> impl Future<Output = Result<OpenConnection, AcceptError>> {
        async move {
            // Boxed: a connection that has sent nothing yet needs no memory for what follows.
            #[cfg(any(feature = "proxy-protocol", feature = "tls"))]
            if connection.has_prelude() {
                let prepared =
                    Box::pin(connection.prepare(permit, &handshake, &self.rejection_log)).await;
                (connection, permit) = prepared.map_err(|error| self.failed(&handshake, error))?;
            }
            let received = {
                let mut reader = HeadReader::new(self.head_limits);
                let reading = permit.read_head(&mut reader, &mut connection.transport, &handshake);
                match timeout_at(connection.deadline, reading).await {
                    Ok(received) => received,
                    Err(elapsed) => return Err(self.failed(&handshake, timed_out(elapsed))),
                }
            };
            match received {
                Ok(Received { head, rest, .. }) if asks_for_websocket(&head) => {
                    let request = connection.peer.add_to(head);
                    let io = connection.transport;
                    Box::pin(self.answer(io, request, rest, permit, handshake)).await
                }
                Ok(received) => {
                    Err(Box::pin(self.serve_plain(connection, received, permit, handshake)).await)
                }
                Err(error) => {
                    let io = connection.transport;
                    Err(Box::pin(self.reject_head(io, error, permit, handshake)).await)
                }
            }
        }
    }

    /// Admits a request for a WebSocket, responds to it, and attaches the transport.
    #[expect(clippy::manual_async_fn, reason = "an async fn holds its arguments twice")]
    #[expect(clippy::too_many_arguments, reason = "what they would come in is held beside them")]
    fn answer(
        &self,
        mut io: AnyTransport,
        mut request: Request<()>,
        rest: Bytes,
        permit: PermitState<'_>,
        handshake: HandshakeGuard,
    ) -> impl Future<Output = Result<OpenConnection, AcceptError>> {
        async move {
            let (admitted, rest) = {
                let mut early = Early { io: &mut io, bytes: Vec::from(rest) };
                let mut admitting = pin!(self.admit(&mut request, &handshake));
                let admitted =
                    poll_fn(|cx| early.poll_until_answered(cx, admitting.as_mut())).await;
                match admitted {
                    Ok(admitted) => (admitted.map(|(head, up)| (block_of(&head), up)), early.bytes),
                    Err(error) => return Err(self.failed(&handshake, error)),
                }
            };
            let (block, mut upgrade) = match admitted {
                Ok(admitted) => admitted,
                Err(rejection) => {
                    let rejecting = self.reject(io, rejection, permit, handshake);
                    return Err(Box::pin(rejecting).await);
                }
            };
            let written = self.write(&mut io, block, &handshake).await;
            written.map_err(|error| self.failed(&handshake, error))?;
            upgrade.handshake = Some(handshake);
            Ok(OpenConnection::attach(upgrade, request, io, &rest))
        }
    }

    /// Writes a pooled block within the client's time limit for taking it.
    async fn write(
        &self,
        io: &mut AnyTransport,
        block: Vec<u8>,
        handshake: &HandshakeGuard,
    ) -> Result<(), AcceptError> {
        let writing = async {
            io.write_all(&block).await?;
            io.flush().await
        };
        let written = handshake.unless_cut(timeout(self.handshake_timeout, writing)).await;
        pool::give_write_block(block);
        Ok(written?.map_err(timed_out)??)
    }
}

/// Whether a connection has the permit that its handshake needs.
enum PermitState<'p> {
    /// The application accepted it, which limits connections itself and may have read these bytes.
    Exempt(Bytes),
    /// It has none yet, and takes one of this address's share.
    Queued(Queued<'p>, Option<IpAddr>),
    Held(#[expect(dead_code, reason = "held until the request is answered")] HandshakePermit<'p>),
}

impl<'p> PermitState<'p> {
    /// Takes a permit when the connection's first byte has arrived.
    #[cfg(any(feature = "proxy-protocol", feature = "tls"))]
    async fn acquire(
        self,
        first_byte: impl Future<Output = Result<(), AcceptError>>,
        handshake: &HandshakeGuard,
    ) -> Result<Self, AcceptError> {
        let Self::Queued(mut queued, client) = self else { return Ok(self) };
        queued.wait_for(first_byte, || handshake.is_cut_in_silence()).await??;
        Ok(Self::Held(queued.acquire(client, handshake).await?))
    }

    /// Reads a request, with a permit from its first byte on, which is then held.
    ///
    /// The permit is taken before it is known whether there are bytes, and returned if there are
    /// none: checking first would cost one more system call per connection.
    async fn read_head(
        &mut self,
        reader: &mut HeadReader,
        io: &mut AnyTransport,
        handshake: &HandshakeGuard,
    ) -> Result<Received<Request<()>>, ReadError> {
        while let Self::Queued(queued, client) = self {
            let permit = queued.acquire(*client, handshake).await?;
            // Not kept while it waits: it is as large as all the rest.
            if let Some(read) = reader.read_now(io).await {
                *self = Self::Held(permit);
                return read;
            }
            if reader.has_begun() {
                *self = Self::Held(permit);
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

/// What a client sends before it gets a response: frames, or the end of the stream.
struct Early<'t> {
    io: &'t mut AnyTransport,
    bytes: Vec<u8>,
}

impl Early<'_> {
    /// Waits for a response for as long as the client stays connected. A client that sends more
    /// than [`MAX_EARLY_LEN`] is not watched any longer.
    fn poll_until_answered<F: Future>(
        &mut self,
        cx: &mut Context<'_>,
        answer: Pin<&mut F>,
    ) -> Poll<Result<F::Output, AcceptError>> {
        match answer.poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => self.poll_end(cx).map(Err),
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<AcceptError> {
        while self.bytes.len() < MAX_EARLY_LEN {
            let mut block = [0; 512];
            let mut buf = ReadBuf::new(&mut block);
            match ready!(Pin::new(&mut *self.io).poll_read(cx, &mut buf)) {
                Ok(()) if buf.filled().is_empty() => {
                    return Poll::Ready(HeadError::abandoned().into());
                }
                Ok(()) => self.bytes.extend_from_slice(buf.filled()),
                Err(error) => return Poll::Ready(error.into()),
            }
        }
        Poll::Pending
    }
}

/// The head of a response in a pooled block.
fn block_of<B>(response: &Response<B>) -> Vec<u8> {
    let mut block = pool::take_write_block();
    write_response(response, &mut block);
    block
}

fn timed_out(_: Elapsed) -> AcceptError {
    AcceptError::TimedOut(TimeoutKind::Handshake)
}
