//! Requests that do not ask for a WebSocket: hyper serves them, with the bytes already read.

use std::{
    convert::Infallible,
    io::Cursor,
    sync::{Arc, Mutex, PoisonError},
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
    admission::Admission,
    arrival::Arrived,
    guard::HandshakeGuard,
};
use crate::{
    AcceptError,
    head::{Received, remove_framing},
};

/// hyper takes no smaller one.
const MIN_BUF_LEN: usize = 8 * 1024;

impl Shared {
    /// Answers a request with what the fallback says, else with a refusal, which is the error that
    /// is returned. Either ends the connection.
    pub(super) async fn serve_plain(
        &self,
        arrived: Arrived,
        received: Received<Request<()>>,
        admission: Admission<'_>,
        handshake: HandshakeGuard,
    ) -> AcceptError {
        let Arrived { transport: io, arrival, .. } = arrived;
        let refused = Mutex::new(None);
        let service = service_fn(|request: Request<Incoming>| {
            let request = arrival.told(request.map(drop));
            let (refused, handshake) = (&refused, &handshake);
            async move {
                let (response, refusal) = self.answer_or_refuse(request, handshake).await;
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = refusal;
                Ok::<_, Infallible>(response.map(Full::new))
            }
        });
        let (read, write) = io.split();
        let read = Cursor::new(received.bytes).chain(Cursor::new(received.rest)).chain(read);
        let mut io = tokio::io::join(read, write);
        let mut connection = http1::Builder::new();
        connection
            .keep_alive(false)
            .half_close(true)
            .title_case_headers(true)
            .max_buf_size(self.head_limits.max_len.max(MIN_BUF_LEN))
            // The head is within the limits already; hyper makes room for all that may come.
            .max_headers(received.head.headers().len().max(1));
        let serving = connection.serve_connection(TokioIo::new(&mut io), service);
        let serving = timeout(self.handshake_timeout, serving.without_shutdown());
        let served = handshake.unless_cut(serving).await.map_err(AcceptError::from);
        let served = served.and_then(|served| served.map_err(too_late)).and_then(|served| {
            served.map(drop).map_err(|error| AcceptError::Http(Arc::new(error)))
        });
        let refused = refused.into_inner().unwrap_or_else(PoisonError::into_inner);
        let outcome = match (served, refused) {
            (Err(error), _) => self.failed(&handshake, error),
            (Ok(()), Some(refusal)) => {
                handshake.refused(refusal.response().status());
                refusal.into()
            }
            (Ok(()), None) => {
                handshake.answered_plain();
                AcceptError::Handshake(HandshakeError::NoUpgrade)
            }
        };
        drop(admission);
        drain(io, &handshake).await;
        outcome
    }

    async fn answer_or_refuse(
        &self,
        mut request: Request<()>,
        handshake: &HandshakeGuard,
    ) -> (Response<Bytes>, Option<Refusal>) {
        let refusal = match self.answer_plain(&mut request) {
            Ok(Some(mut response)) => {
                let headers = response.headers_mut();
                remove_framing(headers);
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                return (response, None);
            }
            // Nobody is let in who has not asked.
            Ok(None) => match self.judge(&mut request, handshake).await {
                Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
                Err(refusal) => refusal,
            },
            Err(panicked) => panicked,
        };
        let mut response = refusal.response().clone();
        remove_framing(response.headers_mut());
        (response, Some(refusal))
    }
}
