//! The opening handshake with hyper: HTTP in, an upgrade or an answer out.

use std::{
    any::Any,
    convert::Infallible,
    future::{poll_fn, ready},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bowsprit_proto::handshake::HandshakeError;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{Refusal, Shared, Upgrade, handler::Handler};
use crate::{Error, Io, Timer, WebSocket};

/// hyper's limits on the request's head: bytes and header fields. Beyond them it answers 431.
const MAX_HEAD_LEN: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

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

/// What a request came to.
enum Verdict {
    Upgrade(Box<(Upgrade, Request<()>)>),
    Refused(Refusal),
    /// Plain HTTP, answered.
    Answered,
}

impl Shared {
    /// Speaks the opening handshake, within its time.
    pub(super) async fn accept<T: Io>(&self, io: T) -> Result<Opened, Error> {
        let spoken = timeout(self.handshake_timeout, self.speak_http(io)).await;
        let (io, received, verdict) = spoken.unwrap_or(Err(Error::TimedOut(Timer::Handshake)))?;
        match verdict {
            Verdict::Upgrade(upgraded) => {
                let (mut upgrade, request) = *upgraded;
                let handler = upgrade.handler.take();
                Ok(Opened { ws: upgrade.attach_with(io, &received), request, handler })
            }
            Verdict::Refused(refusal) => {
                drain(io).await;
                Err(refusal.into())
            }
            Verdict::Answered => {
                drain(io).await;
                Err(Error::Handshake(HandshakeError::NoUpgrade))
            }
        }
    }

    /// Serves one request, and takes the transport back with the bytes read after it.
    async fn speak_http<T: Io>(&self, io: T) -> Result<(T, Bytes, Verdict), Error> {
        wait_for_request(&io).await?;
        let verdict = Arc::new(Mutex::new(None));
        let service = service_fn(|request: Request<Incoming>| {
            let (response, reached) = self.judge(request.map(drop));
            *verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(reached);
            ready(Ok::<_, Infallible>(response))
        });
        let mut connection = http1::Builder::new()
            .keep_alive(false)
            .title_case_headers(true)
            .max_buf_size(MAX_HEAD_LEN)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(io), service);
        let served = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
        let parts = connection.into_parts();
        let io = parts.io.into_inner();
        if let Err(error) = served {
            drain(io).await;
            return Err(Error::Http(error.into()));
        }
        let verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok((io, parts.read_buf, verdict.ok_or(Error::Disconnected)?))
    }

    /// Answers a request.
    fn judge(&self, mut request: Request<()>) -> (Response<Full<Bytes>>, Verdict) {
        let wants_upgrade = request.headers().contains_key(header::UPGRADE);
        if !wants_upgrade && let Some(response) = (self.fallback)(&request) {
            return (response.map(Full::new), Verdict::Answered);
        }
        match self.upgrade(&mut request) {
            Ok((response, upgrade)) => {
                let upgraded = Box::new((upgrade, request));
                (response.map(|()| Full::default()), Verdict::Upgrade(upgraded))
            }
            Err(refusal) => (refusal.response().clone().map(Full::new), Verdict::Refused(refusal)),
        }
    }

    /// Finds out where a request goes, and what is said to it there.
    fn upgrade(&self, request: &mut Request<()>) -> Result<(Response<()>, Upgrade), Refusal> {
        let (endpoint, params) = self.routes.find(request.uri().path())?;
        params.keep_in(request);
        endpoint.respond(request)
    }
}

/// Waits until there is something to read, where the transport can tell.
///
/// hyper takes 16 KiB for buffers when it begins to wait. A client whose request comes in one piece
/// is answered within one poll after this, so that those many connections that are accepted at once
/// share the memory of a few.
async fn wait_for_request<T: Io>(io: &T) -> Result<(), Error> {
    if let Some(stream) = (io as &dyn Any).downcast_ref::<TcpStream>() {
        // Not `poll_read_ready`: a stream that was just accepted claims to be ready.
        poll_fn(|cx| stream.poll_peek(cx, &mut ReadBuf::new(&mut [0]))).await?;
    }
    Ok(())
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
