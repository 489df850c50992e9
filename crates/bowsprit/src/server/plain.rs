//! Requests that do not ask for a WebSocket: hyper serves them, with the bytes already read.

use std::{
    convert::Infallible,
    io::Cursor,
    sync::{Mutex, PoisonError},
};

use bowsprit_proto::handshake::HandshakeError;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt, time::timeout};

use super::{
    Refusal, Shared,
    accept::{drain, too_late},
    arrival::Arrived,
};
use crate::{Error, head::Received};

/// hyper takes no smaller one.
const MIN_BUF_LEN: usize = 8 * 1024;

impl Shared {
    /// Answers a request with what the fallback says, else with a refusal, which is the error that is
    /// returned. Either ends the connection.
    pub(super) async fn serve_plain(
        &self,
        arrived: Arrived,
        received: Received<Request<()>>,
    ) -> Error {
        let Arrived { transport: io, arrival, .. } = arrived;
        let refused = Mutex::new(None);
        let service = service_fn(|request: Request<Incoming>| {
            let request = arrival.told(request.map(drop));
            let refused = &refused;
            async move {
                let (response, refusal) = self.answer_or_refuse(request).await;
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
                Ok::<_, Infallible>(response.map(Full::new))
            }
        });
        let (read, write) = io.split();
        let read = Cursor::new(received.bytes).chain(Cursor::new(received.rest)).chain(read);
        let mut connection = http1::Builder::new();
        connection
            .title_case_headers(true)
            .max_buf_size(self.head_limits.max_len.max(MIN_BUF_LEN))
            .max_headers(self.head_limits.max_fields);
        let io = TokioIo::new(tokio::io::join(read, write));
        let serving = connection.serve_connection(io, service).without_shutdown();
        let served = match timeout(self.handshake_timeout, serving).await {
            Ok(Ok(parts)) => parts.io.into_inner(),
            Ok(Err(error)) => return self.failed(Error::Http(error.into())),
            Err(elapsed) => return self.failed(too_late(elapsed)),
        };
        drain(served).await;
        match refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(refusal) => refusal.into(),
            None => Error::Handshake(HandshakeError::NoUpgrade),
        }
    }

    async fn answer_or_refuse(
        &self,
        mut request: Request<()>,
    ) -> (Response<Bytes>, Option<Refusal>) {
        if let Some(mut response) = self.answer_plain(&mut request) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return (response, None);
        }
        let judged = self.judge(&mut request).await;
        // Nobody is let in who has not asked.
        let refusal = judged.err().unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into());
        (refusal.response().clone(), Some(refusal))
    }
}
