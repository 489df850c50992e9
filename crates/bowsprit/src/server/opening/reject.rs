//! Rejected and failed opening handshakes.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::PermitState;
use crate::{
    AcceptError,
    head::{ReadError, write_rejection},
    pool,
    server::{Rejection, Shared, callback, guard::HandshakeGuard},
    transport::AnyTransport,
};

/// How many bytes are read after a rejection, and for how long, before the socket is closed.
const MAX_DRAINED_LEN: usize = 64 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

impl Shared {
    /// Answers a client that has not sent a complete, valid request, if it is still connected.
    pub(super) async fn reject_head(
        &self,
        mut io: AnyTransport,
        error: ReadError,
        permit: PermitState<'_>,
        handshake: HandshakeGuard,
    ) -> AcceptError {
        let error = match error {
            ReadError::Head(error) => error,
            ReadError::Unfinished => {
                return self.reject(io, Rejection::shutting_down(), permit, handshake).await;
            }
            error => return self.failed(&handshake, error.into()),
        };
        match error.ended_after() {
            Some(0) => return self.failed(&handshake, AcceptError::Disconnected),
            Some(_) => {}
            None => {
                let rejection = Rejection::new(error.status()).body(format!("{error}\n"));
                // The error is the same whether or not the response could be sent.
                let sent =
                    self.send_rejection(&mut io, rejection.into_response(), &handshake).await;
                if sent.is_ok() {
                    drop(permit);
                    drain(io, &handshake).await;
                }
            }
        }
        self.failed(&handshake, error.into())
    }

    /// Rejects a request, and ends the transport. The returned error is the rejection, if it could
    /// be sent.
    pub(super) async fn reject(
        &self,
        mut io: AnyTransport,
        rejection: Rejection,
        permit: PermitState<'_>,
        handshake: HandshakeGuard,
    ) -> AcceptError {
        let response = rejection.response().clone();
        if let Err(error) = self.send_rejection(&mut io, response, &handshake).await {
            return self.failed(&handshake, error);
        }
        handshake.refused(rejection.response().status());
        // Others may have its permit while the client takes the answer.
        drop(permit);
        drain(io, &handshake).await;
        rejection.into()
    }

    async fn send_rejection(
        &self,
        io: &mut AnyTransport,
        response: Response<Bytes>,
        handshake: &HandshakeGuard,
    ) -> Result<(), AcceptError> {
        let mut block = pool::take_write_block();
        write_rejection(response, &mut block);
        self.write(io, block, handshake).await
    }

    /// Counts a failed handshake, and calls the application's callback for it.
    pub(super) fn failed(&self, handshake: &HandshakeGuard, error: AcceptError) -> AcceptError {
        handshake.failed(&error);
        let _called = callback::run(|| (self.on_handshake_error)(&error));
        error
    }
}

/// Ends a transport so that the client gets the response: closing a socket with unread bytes resets
/// the connection, which can discard the response.
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
