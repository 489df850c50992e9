//! The opening handshake with hyper: HTTP in, an upgrade or an answer out.

use std::{
    any::Any,
    convert::Infallible,
    future::{Future, poll_fn},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use bowsprit_proto::handshake::HandshakeError;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

use super::{Refusal, Shared, Upgrade, arrival::Arrival, handler::Handler};
use crate::{
    Error, Io, Role, Timer, WebSocket, head,
    io::Transport,
    trace::{self, Watched},
};

/// After a refusal: how much is read, and how long, before the socket is closed.
const MAX_DRAINED_LEN: usize = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

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
        io: impl Io,
        received: &[u8],
    ) -> Self {
        let handler = upgrade.handler.take();
        Self { ws: upgrade.attach_with(io, received), request, handler }
    }
}

impl trace::Path for Opened {
    fn path(&self) -> &str {
        self.ws.path()
    }
}

/// How far a request has come.
enum Stage {
    Reading,
    Deciding,
    Upgrade(Box<(Upgrade, Request<()>)>),
    Refused(Refusal),
    /// Plain HTTP, answered.
    Answered,
}

impl Shared {
    /// Speaks the opening handshake, watched.
    pub(super) fn accept<T: Io>(
        &self,
        io: T,
        mut arrival: Arrival,
    ) -> impl Future<Output = Result<Opened, Error>> {
        arrival.peer = arrival.peer.or_else(|| as_tcp(&io)?.peer_addr().ok());
        self.watch(arrival.peer, self.speak(io, arrival))
    }

    /// Has an opening handshake counted and told of.
    pub(super) fn watch<F>(&self, peer: Option<SocketAddr>, opening: F) -> Watched<'_, F> {
        Watched {
            opening,
            counters: &self.registry.counters,
            role: Role::Server,
            span: trace::opening(Role::Server, peer),
            begun: Instant::now(),
        }
    }

    /// Speaks the opening handshake, within its time.
    pub(super) async fn speak<T: Io>(&self, io: T, arrival: Arrival) -> Result<Opened, Error> {
        let spoken = self.speak_http(io, arrival).await;
        let (io, received, stage) = spoken.inspect_err(|error| (self.on_failed)(error))?;
        match stage {
            Stage::Upgrade(upgraded) => {
                let (upgrade, request) = *upgraded;
                Ok(Opened::new(upgrade, request, io, &received))
            }
            Stage::Refused(refusal) => {
                drain(io).await;
                Err(refusal.into())
            }
            Stage::Answered => {
                drain(io).await;
                Err(Error::Handshake(HandshakeError::NoUpgrade))
            }
            Stage::Reading | Stage::Deciding => Err(Error::Disconnected),
        }
    }

    /// Serves one request, and takes the transport back with the bytes read after it.
    ///
    /// The client has its time for the request, then the application for its decision, and the
    /// client again for taking the answer.
    async fn speak_http<T: Io>(&self, io: T, arrival: Arrival) -> Result<(T, Bytes, Stage), Error> {
        let deadline = arrival.deadline;
        let stage = Mutex::new(Stage::Reading);
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(drop);
            arrival.tell(&mut request);
            Box::pin(self.answer(request, &stage))
        });
        timeout_at(deadline, wait_for_bytes(&io)).await.map_err(too_late)??;
        let mut connection = http1::Builder::new()
            .title_case_headers(true)
            .max_buf_size(head::MAX_LEN)
            .max_headers(head::MAX_FIELDS)
            .serve_connection(TokioIo::new(io), service);
        let is_read = |stage: &Stage| !matches!(stage, Stage::Reading);
        let is_decided = |stage: &Stage| is_read(stage) && !matches!(stage, Stage::Deciding);
        let read = drive(&mut connection, || is_read(&lock(&stage)));
        let mut served = timeout_at(deadline, read).await.map_err(too_late)?;
        if served.is_none() {
            served = drive(&mut connection, || is_decided(&lock(&stage))).await;
        }
        if served.is_none() {
            let written = drive(&mut connection, || false);
            served = timeout(self.handshake_timeout, written).await.map_err(too_late)?;
        }
        let parts = connection.into_parts();
        let io = parts.io.into_inner();
        if let Some(Err(error)) = served {
            drain(io).await;
            return Err(Error::Http(error.into()));
        }
        Ok((io, parts.read_buf, stage.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Answers a request.
    async fn answer(
        &self,
        request: Request<()>,
        stage: &Mutex<Stage>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        *lock(stage) = Stage::Deciding;
        let (response, decided) = self.decide(request).await;
        *lock(stage) = decided;
        Ok(response.map(Full::new))
    }

    /// Finds out what to answer, and what comes after it.
    async fn decide(&self, mut request: Request<()>) -> (Response<Bytes>, Stage) {
        if let Some(mut response) = self.answer_plain(&mut request) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            return (response, Stage::Answered);
        }
        match self.judge(&mut request).await {
            Ok((response, upgrade)) => {
                let upgraded = Box::new((upgrade, request));
                (response.map(|()| Bytes::new()), Stage::Upgrade(upgraded))
            }
            Err(refusal) => (refusal.response().clone(), Stage::Refused(refusal)),
        }
    }
}

/// Drives hyper until its connection ends, or is as far as wanted, which is `None`.
async fn drive<T, S>(
    connection: &mut http1::Connection<TokioIo<T>, S>,
    is_far_enough: impl Fn() -> bool,
) -> Option<Result<(), hyper::Error>>
where
    T: Io,
    S: HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible, Future: Unpin> + Unpin,
{
    poll_fn(|cx| match connection.poll_without_shutdown(cx) {
        Poll::Pending if is_far_enough() => Poll::Ready(None),
        polled => polled.map(Some),
    })
    .await
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn too_late(_: Elapsed) -> Error {
    Error::TimedOut(Timer::Handshake)
}

/// Waits until there is something to read, where the transport can tell.
///
/// hyper takes 16 KiB for buffers when it begins to wait, and rustls 9. A client whose request comes
/// in one piece is answered within one poll after this, so that those many connections that are
/// accepted at once share the memory of a few.
pub(super) fn wait_for_bytes<T: Io>(io: &T) -> impl Future<Output = Result<(), Error>> {
    let stream = as_tcp(io);
    async move {
        if let Some(stream) = stream {
            // Not `poll_read_ready`: a stream that was just accepted claims to be ready.
            poll_fn(|cx| stream.poll_peek(cx, &mut ReadBuf::new(&mut [0]))).await?;
        }
        Ok(())
    }
}

fn as_tcp<T: Io>(io: &T) -> Option<&TcpStream> {
    let io = io as &dyn Any;
    match io.downcast_ref() {
        Some(Transport::Tcp(stream)) => Some(stream),
        _ => io.downcast_ref(),
    }
}

/// Ends a transport so that the client gets the answer: closing a socket with unread bytes would
/// take the answer back.
async fn drain<T: Io>(mut io: T) {
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
    if let Ok(Err(error)) = timeout(DRAIN_TIMEOUT, draining).await {
        tracing::debug!(%error, "a refused connection did not end cleanly");
    }
}
