//! What servers answer in place of 101.

use std::{
    fmt,
    future::poll_fn,
    io::{self, Cursor},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{Instant, timeout_at},
};

use crate::{Url, head::Received, redacted::Redacted, transport::AnyTransport};

/// How much of the body of a rejection is kept.
const MAX_REJECTION_LEN: usize = 64 * 1024;

/// hyper takes no smaller buffer.
const MIN_BUF_LEN: usize = 8 * 1024;

/// How long its body is read at most.
const REJECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// A response other than 101 that is not a followed redirect.
///
/// ```
/// use bowsprit::{Client, client::Rejected, error::BoxError, http::HeaderMap};
///
/// /// Tells what the server has answered, and does not try again.
/// async fn explain(rejected: Rejected) -> Result<Option<HeaderMap>, BoxError> {
///     let body = String::from_utf8_lossy(rejected.response.body());
///     eprintln!("{}: {}: {body}", rejected.url.host(), rejected.response.status());
///     Ok(None)
/// }
///
/// let client = Client::new().on_rejected(explain);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Rejected {
    /// The URL of the request.
    pub url: Url,
    /// The response: status, header fields, and at most the first 64 KiB of the body.
    pub response: Response<Bytes>,
}

impl fmt::Debug for Rejected {
    /// Names of header fields, but not their values, nor the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("url", &self.url)
            .field("response", &Redacted(&self.response))
            .finish()
    }
}

/// A rejection with the start of its body.
///
/// The body is read until the deadline at most. hyper decodes it: it reads the response again, as
/// that to a request of its own, which goes nowhere.
pub(super) async fn read_rejection(
    received: Received<Response<()>>,
    transport: AnyTransport,
    deadline: Instant,
) -> Response<Bytes> {
    let mut start = BytesMut::new();
    let Received { head, bytes, rest } = received;
    let mut builder = http1::Builder::new();
    // The head is within the limits already.
    builder.max_headers(head.headers().len().max(1)).max_buf_size(bytes.len().max(MIN_BUF_LEN));
    let response = Cursor::new(bytes).chain(Cursor::new(rest)).chain(transport);
    // Status and headers are worth more than the rest of a body that does not end, or is malformed.
    let deadline = deadline.min(Instant::now() + REJECTION_TIMEOUT);
    let _incomplete = timeout_at(deadline, read_body(&builder, response, &mut start)).await;
    start.truncate(MAX_REJECTION_LEN);
    head.map(|()| start.freeze())
}

async fn read_body(
    builder: &http1::Builder,
    response: impl AsyncRead + Send + Unpin + 'static,
    start: &mut BytesMut,
) -> Result<(), hyper::Error> {
    let replay = Replay { response, asked: false, waiting: None };
    let (mut requests, connection) = builder.handshake(TokioIo::new(replay)).await?;
    let reading = async {
        let response = requests.send_request(Request::new(Empty::<Bytes>::new())).await?;
        read_start(response, start).await
    };
    let (mut reading, mut connection) = (pin!(reading), pin!(connection));
    let mut is_connected = true;
    poll_fn(|cx| {
        if is_connected {
            is_connected = connection.as_mut().poll(cx).is_pending();
        }
        reading.as_mut().poll(cx)
    })
    .await
}

async fn read_start(
    mut response: Response<Incoming>,
    start: &mut BytesMut,
) -> Result<(), hyper::Error> {
    while start.len() < MAX_REJECTION_LEN
        && let Some(frame) = response.frame().await
    {
        start.extend_from_slice(frame?.data_ref().unwrap_or(&Bytes::new()));
    }
    Ok(())
}

/// A response that is there already: for whoever reads one only after a request, which is dropped.
struct Replay<R> {
    response: R,
    asked: bool,
    waiting: Option<Waker>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Replay<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.asked {
            return Pin::new(&mut self.response).poll_read(cx, buf);
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<R: Unpin> AsyncWrite for Replay<R> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        request: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(request.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
