//! Requests that do not ask for a WebSocket: hyper serves them, with the bytes already read.

use std::{
    convert::Infallible,
    io::Cursor,
    sync::{Arc, Mutex, PoisonError},
};

use bowsprit_proto::handshake::{HandshakeError, asks_for_websocket};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt, time::timeout};

use super::{PendingConnection, PermitState, reject::drain, timed_out};
use crate::{
    AcceptError,
    head::{Received, remove_framing},
    server::{Rejection, Shared, callback, guard::HandshakeGuard},
};

/// The smallest buffer that hyper accepts.
const MIN_BUF_LEN: usize = 8 * 1024;

impl Shared {
    /// Answers a request with the fallback's response, else with a rejection, which is also the
    /// error returned. Either ends the connection.
    pub(super) async fn serve_plain(
        &self,
        connection: PendingConnection,
        received: Received<Request<()>>,
        permit: PermitState<'_>,
        handshake: HandshakeGuard,
    ) -> AcceptError {
        let PendingConnection { transport: io, peer, .. } = connection;
        let refused = Mutex::new(None);
        let service = service_fn(|request: Request<Incoming>| {
            let request = peer.add_to(request.map(drop));
            let (refused, handshake) = (&refused, &handshake);
            async move {
                let (response, rejection) = self.answer_or_refuse(request, handshake).await;
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = rejection;
                Ok::<_, Infallible>(response.map(Full::new))
            }
        });
        let (read, write) = io.split();
        let read = Cursor::new(received.bytes).chain(Cursor::new(received.rest)).chain(read);
        let mut io = tokio::io::join(read, write);
        let mut http = http1::Builder::new();
        http.keep_alive(false)
            .half_close(true)
            .title_case_headers(true)
            .max_buf_size(self.head_limits.max_len.max(MIN_BUF_LEN))
            // The head is within the limits already; hyper makes room for all that may come.
            .max_headers(received.head.headers().len().max(1));
        let serving = http.serve_connection(TokioIo::new(&mut io), service);
        let serving = timeout(self.handshake_timeout, serving.without_shutdown());
        let served = handshake.unless_cut(serving).await.map_err(AcceptError::from);
        let served = served.and_then(|served| served.map_err(timed_out)).and_then(|served| {
            served.map(drop).map_err(|error| AcceptError::Http(Arc::new(error)))
        });
        let refused = refused.into_inner().unwrap_or_else(PoisonError::into_inner);
        let outcome = match (served, refused) {
            (Err(error), _) => self.failed(&handshake, error),
            (Ok(()), Some(rejection)) => {
                handshake.refused(rejection.response().status());
                rejection.into()
            }
            (Ok(()), None) => {
                handshake.answered_plain();
                AcceptError::Handshake(HandshakeError::NoUpgrade)
            }
        };
        drop(permit);
        drain(io, &handshake).await;
        outcome
    }

    /// Answers a request that does not ask for a WebSocket, if the application has a response.
    ///
    /// # Errors
    ///
    /// 500 if it panics.
    fn answer_plain(
        &self,
        request: &mut Request<()>,
    ) -> Result<Option<Response<Bytes>>, Rejection> {
        if asks_for_websocket(request) {
            return Ok(None);
        }
        // Before the host is checked: probes name whatever address they use.
        if let Some(answer) = self.health.as_ref().and_then(|health| health.answer(request)) {
            return Ok(Some(answer));
        }
        if self.check_host(request).is_err() {
            return Ok(None);
        }
        let answered = callback::run_or_500(|| (self.fallback)(request));
        answered.map_err(|rejection| self.refuse(request, rejection))
    }

    async fn answer_or_refuse(
        &self,
        mut request: Request<()>,
        handshake: &HandshakeGuard,
    ) -> (Response<Bytes>, Option<Rejection>) {
        let rejection = match self.answer_plain(&mut request) {
            Ok(Some(mut response)) => {
                let headers = response.headers_mut();
                remove_framing(headers);
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
                return (response, None);
            }
            // A request that does not ask for a WebSocket must not be accepted.
            Ok(None) => match self.admit(&mut request, handshake).await {
                Ok(_) => StatusCode::INTERNAL_SERVER_ERROR.into(),
                Err(rejection) => rejection,
            },
            Err(panicked) => panicked,
        };
        let mut response = rejection.response().clone();
        remove_framing(response.headers_mut());
        (response, Some(rejection))
    }
}
