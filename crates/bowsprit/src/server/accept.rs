//! The opening handshake with hyper: HTTP in, an upgrade or an answer out.

use std::{
    any::Any,
    convert::Infallible,
    future::{Future, poll_fn, ready},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bowsprit_proto::handshake::{HandshakeError, Rejection};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use super::{Server, Shared, Upgrade};
use crate::{Error, Io, Timer, WebSocket};

/// hyper's limits on the request's head: bytes and header fields. Beyond them it answers 431.
const MAX_HEAD_LEN: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;

/// After a refusal: how much is read, and how long, before the socket is closed.
const MAX_DRAINED_LEN: usize = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// What a request came to.
enum Verdict {
    Upgrade(Box<(Upgrade, Request<()>)>),
    Refused(HandshakeError),
    /// Plain HTTP, answered.
    Answered,
}

impl Shared {
    /// Speaks the opening handshake, within its time.
    pub(super) async fn accept<T: Io>(
        self: &Arc<Self>,
        io: T,
    ) -> Result<(WebSocket, Request<()>), Error> {
        let spoken = timeout(self.handshake_timeout, self.speak_http(io)).await;
        let (io, received, verdict) = spoken.unwrap_or(Err(Error::TimedOut(Timer::Handshake)))?;
        match verdict {
            Verdict::Upgrade(upgraded) => {
                let (upgrade, request) = *upgraded;
                Ok((upgrade.attach_with(io, &received), request))
            }
            Verdict::Refused(error) => {
                drain(io).await;
                Err(Error::Handshake(error))
            }
            Verdict::Answered => {
                drain(io).await;
                Err(Error::Handshake(HandshakeError::NoUpgrade))
            }
        }
    }

    /// Serves one request, and takes the transport back with the bytes read after it.
    async fn speak_http<T: Io>(self: &Arc<Self>, io: T) -> Result<(T, Bytes, Verdict), Error> {
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
    fn judge(self: &Arc<Self>, request: Request<()>) -> (Response<Full<Bytes>>, Verdict) {
        let wants_upgrade = request.headers().contains_key(header::UPGRADE);
        if !wants_upgrade && let Some(response) = (self.fallback)(&request) {
            return (response.map(Full::new), Verdict::Answered);
        }
        if !self.speaks_at(request.uri().path()) {
            return (not_found(), Verdict::Answered);
        }
        let server = Server { shared: Arc::clone(self) };
        match server.upgrade(&request) {
            Ok((response, upgrade)) => {
                let upgraded = Box::new((upgrade, request));
                (response.map(|()| Full::default()), Verdict::Upgrade(upgraded))
            }
            Err(rejection) => {
                let Rejection { response, error, .. } = *rejection;
                (response.map(|body| Full::new(body.into())), Verdict::Refused(error))
            }
        }
    }
}

fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"nothing here\n")));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}

/// Waits until there is something to read, where the transport can tell.
///
/// hyper takes 16 KiB for buffers when it begins to wait. A client whose request comes in one piece
/// is answered within one poll after this, so that those many connections that are accepted at once
/// share the memory of a few.
fn wait_for_request<T: Io>(io: &T) -> impl Future<Output = Result<(), Error>> {
    let stream = (io as &dyn Any).downcast_ref::<TcpStream>();
    async move {
        if let Some(stream) = stream {
            // Not `poll_read_ready`: a stream that was just accepted claims to be ready.
            poll_fn(|cx| stream.poll_peek(cx, &mut ReadBuf::new(&mut [0]))).await?;
        }
        Ok(())
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
