//! The opening handshake: a request in, an upgrade or an answer out.

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bowsprit_proto::handshake::asks_for_websocket;
use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use super::{
    Refusal, Shared, Upgrade, admission::Admission, arrival::Arrived, callback,
    guard::HandshakeGuard, handler::Handler, phase::Alerted,
};
use crate::{
    AcceptError, Role, TimeoutKind, Transport, WebSocket,
    head::{HeadError, HeadReader, ReadError, Received, write_rejection, write_response},
    pool,
    trace::{self, Watched},
    transport::AnyTransport,
};

/// After a refusal: how much is read, and how long, before the socket is closed.
const MAX_DRAINED_LEN: usize = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// How much of what a client sends before it is answered is read meanwhile.
const MAX_EARLY_LEN: usize = 4096;

/// A connection that was opened.
pub(super) struct Opened {
    pub(super) ws: WebSocket,
    pub(super) request: Request<()>,
    /// That of its path.
    pub(super) handler: Option<Handler>,
}

impl Opened {
    pub(super) fn new(
        mut upgrade: Upgrade,
        request: Request<()>,
        io: impl Transport,
        received: &[u8],
    ) -> Self {
        let handler = upgrade.handler.take();
        Self { ws: upgrade.into_websocket_with(io, received), request, handler }
    }
}

impl trace::Path for Opened {
    fn path(&self) -> &str {
        self.ws.path()
    }
}

impl Shared {
    /// Speaks the opening handshake over a transport from elsewhere, watched.
    pub(super) fn accept(
        &self,
        io: impl Transport,
    ) -> impl Future<Output = Result<Opened, AcceptError>> {
        let (transport, received) = AnyTransport::from_io(io);
        let peer = transport.peer_addr();
        let arrived = Arrived::new(transport, self.arrival(peer));
        self.watch(peer, self.speak(arrived, Admission::Exempt(received), self.begin()))
    }

    /// Has an opening handshake told of.
    pub(super) fn watch<F>(
        &self,
        peer: Option<SocketAddr>,
        opening: F,
    ) -> Watched<'_, Alerted<'_, F>> {
        // Before the future is moved, which would otherwise be moved once more.
        let (span, begun) = (trace::opening(Role::Server, peer), Instant::now());
        Watched {
            opening: Alerted { future: opening, phases: &self.registry.phases, advanced: None },
            counters: &self.registry.counters,
            role: Role::Server,
            span,
            begun,
        }
    }

    /// Speaks all that comes before frames.
    ///
    /// The client has its time for the request, then the application for its decision, and the
    /// client again for taking the answer.
    #[expect(clippy::manual_async_fn, reason = "an async fn holds its arguments twice")]
    pub(super) fn speak(
        &self,
        mut arrived: Arrived,
        mut admission: Admission<'_>,
        handshake: HandshakeGuard,
    ) -> impl Future<Output = Result<Opened, AcceptError>> {
        async move {
            // Boxed: a connection that has said nothing yet need not have room for what follows.
            #[cfg(any(feature = "proxy-protocol", feature = "tls"))]
            if arrived.has_prelude() {
                let prepared = Box::pin(arrived.prepare(admission, &handshake)).await;
                (arrived, admission) = prepared.map_err(|error| self.failed(&handshake, error))?;
            }
            let received = {
                let mut reader = HeadReader::new(self.head_limits);
                let reading = admission.read(&mut reader, &mut arrived.transport, &handshake);
                match timeout_at(arrived.arrival.deadline, reading).await {
                    Ok(received) => received,
                    Err(elapsed) => return Err(self.failed(&handshake, too_late(elapsed))),
                }
            };
            match received {
                Ok(Received { head, rest, .. }) if asks_for_websocket(&head) => {
                    let request = arrived.arrival.told(head);
                    let io = arrived.transport;
                    Box::pin(self.answer(io, request, rest, admission, handshake)).await
                }
                Ok(received) => {
                    Err(Box::pin(self.serve_plain(arrived, received, admission, handshake)).await)
                }
                Err(error) => {
                    let io = arrived.transport;
                    Err(Box::pin(self.reject_head(io, error, admission, handshake)).await)
                }
            }
        }
    }

    /// Answers a request that asks for a WebSocket.
    #[expect(clippy::manual_async_fn, reason = "an async fn holds its arguments twice")]
    #[expect(clippy::too_many_arguments, reason = "what they would come in is held beside them")]
    fn answer(
        &self,
        mut io: AnyTransport,
        mut request: Request<()>,
        rest: Bytes,
        admission: Admission<'_>,
        handshake: HandshakeGuard,
    ) -> impl Future<Output = Result<Opened, AcceptError>> {
        async move {
            let (accepted, rest) = {
                let mut early = Early { io: &mut io, bytes: Vec::from(rest) };
                let mut judging = pin!(self.judge(&mut request, &handshake));
                let judged = poll_fn(|cx| early.poll_until_answered(cx, judging.as_mut())).await;
                match judged {
                    Ok(judged) => (judged.map(|(head, up)| (block_of(&head), up)), early.bytes),
                    Err(error) => return Err(self.failed(&handshake, error)),
                }
            };
            let (block, mut upgrade) = match accepted {
                Ok(accepted) => accepted,
                Err(refusal) => {
                    let refusing = self.refuse_over(io, refusal, admission, handshake);
                    return Err(Box::pin(refusing).await);
                }
            };
            let written = self.write(&mut io, block, &handshake).await;
            written.map_err(|error| self.failed(&handshake, error))?;
            upgrade.handshake = Some(handshake);
            Ok(Opened::new(upgrade, request, io, &rest))
        }
    }

    /// Tells a client that what it has sent is no request, if it is still there.
    async fn reject_head(
        &self,
        mut io: AnyTransport,
        error: ReadError,
        admission: Admission<'_>,
        handshake: HandshakeGuard,
    ) -> AcceptError {
        let error = match error {
            ReadError::Head(error) => error,
            ReadError::Unfinished => {
                return self.refuse_over(io, Refusal::shutting_down(), admission, handshake).await;
            }
            error => return self.failed(&handshake, error.into()),
        };
        match error.ended_after() {
            Some(0) => return self.failed(&handshake, AcceptError::Disconnected),
            Some(_) => {}
            None => {
                let refusal = Refusal::new(error.status()).body(format!("{error}\n"));
                // Whether it can be told or not, this is what was wrong.
                if self.tell(&mut io, refusal.into_response(), &handshake).await.is_ok() {
                    drop(admission);
                    drain(io, &handshake).await;
                }
            }
        }
        self.failed(&handshake, error.into())
    }

    /// Refuses a request, and ends the transport. The error that is returned is the refusal, if it
    /// could be told.
    async fn refuse_over(
        &self,
        mut io: AnyTransport,
        refusal: Refusal,
        admission: Admission<'_>,
        handshake: HandshakeGuard,
    ) -> AcceptError {
        if let Err(error) = self.tell(&mut io, refusal.response().clone(), &handshake).await {
            return self.failed(&handshake, error);
        }
        handshake.refused(refusal.response().status());
        // Others may have its permit while the client takes the answer.
        drop(admission);
        drain(io, &handshake).await;
        refusal.into()
    }

    /// Writes an answer that is no upgrade.
    async fn tell(
        &self,
        io: &mut AnyTransport,
        response: Response<Bytes>,
        handshake: &HandshakeGuard,
    ) -> Result<(), AcceptError> {
        let mut block = pool::take_write_block();
        write_rejection(response, &mut block);
        self.write(io, block, handshake).await
    }

    /// Writes a pooled block within the client's time for taking it.
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
        Ok(written?.map_err(too_late)??)
    }

    /// Counts a handshake that came to nothing, and tells the application.
    pub(super) fn failed(&self, handshake: &HandshakeGuard, error: AcceptError) -> AcceptError {
        handshake.failed(&error);
        let _told = callback::run(|| (self.on_handshake_error)(&error));
        error
    }
}

/// What a client sends before it is answered: frames, or its end.
struct Early<'t> {
    io: &'t mut AnyTransport,
    bytes: Vec<u8>,
}

impl Early<'_> {
    /// Waits for an answer as long as the client waits for it as well. One that sends more than
    /// [`MAX_EARLY_LEN`] is not watched any longer.
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

pub(super) fn too_late(_: Elapsed) -> AcceptError {
    AcceptError::TimedOut(TimeoutKind::Handshake)
}

/// Ends a transport so that the client gets the answer: closing a socket with unread bytes would
/// take the answer back.
pub(super) async fn drain(mut io: impl AsyncRead + AsyncWrite + Unpin, handshake: &HandshakeGuard) {
    let draining = async {
        io.shutdown().await?;
        let mut dropped = vec![0; 4096];
        let mut total = 0;
        while total < MAX_DRAINED_LEN {
            match io.read(&mut dropped).await? {
                0 => break,
                len => total += len,
            }
        }
        Ok::<_, std::io::Error>(())
    };
    if let Ok(Ok(Err(error))) = handshake.unless_cut(timeout(DRAIN_TIMEOUT, draining)).await {
        tracing::debug!(%error, "a refused connection did not end cleanly");
    }
}
