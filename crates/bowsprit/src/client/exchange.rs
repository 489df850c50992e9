//! The opening handshake over a transport: a request out, a response in.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1::{self, Connection, Parts};
use hyper_util::rt::TokioIo;

use super::refusal::refusal;
use crate::{Error, Io, head};

/// Sends the request and reads the head of the response; gives the transport back, with what was
/// read from it after the head.
pub(super) async fn exchange<T: Io>(
    request: Request<()>,
    io: T,
) -> Result<(Response<()>, Parts<TokioIo<T>>), Error> {
    let is_tunnel = request.method() == Method::CONNECT;
    let (mut requests, mut connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_buf_size(head::MAX_LEN)
        .max_headers(head::MAX_FIELDS)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(io))
        .await
        .map_err(http_error)?;
    let request = requests.send_request(request.map(|()| Empty::new()));
    let response = drive(&mut connection, request).await?.map_err(http_error)?;
    let accepted = match is_tunnel {
        true => response.status().is_success(),
        false => response.status() == StatusCode::SWITCHING_PROTOCOLS,
    };
    if !accepted {
        let refusal = drive(&mut connection, refusal(response)).await?;
        return Err(Error::Refused(Box::new(refusal)));
    }
    poll_fn(|cx| connection.poll_without_shutdown(cx)).await.map_err(http_error)?;
    Ok((response.map(drop), connection.into_parts()))
}

/// Runs `future` while hyper's connection does the work for it.
async fn drive<T: Io, F: Future>(
    connection: &mut Connection<TokioIo<T>, Empty<Bytes>>,
    future: F,
) -> Result<F::Output, Error> {
    let mut future = pin!(future);
    let mut ended = false;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if !ended && let Poll::Ready(result) = connection.poll_without_shutdown(cx) {
            ended = true;
            result.map_err(http_error)?;
        }
        // What the connection has just done may be all that the future was waiting for.
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}

fn http_error(error: hyper::Error) -> Error {
    Error::Http(error.into())
}
