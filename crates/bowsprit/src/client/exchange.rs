//! The opening handshake over a transport: a request out, a response in.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use tokio::{io::AsyncWriteExt, time::Instant};

use super::rejection::read_rejection;
use crate::{
    ConnectError,
    head::{HeadLimits, HeadReader, Received, Spelling, write_request},
    pool,
    transport::AnyTransport,
};

/// How many 1xx responses are skipped, RFC 9110 §15.2: "A client MUST be able to parse one or more
/// 1xx responses received prior to a final response".
const MAX_INTERIM: usize = 8;

/// What bounds an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) head: HeadLimits,
    /// When the body of a rejection has to be there, of which what has come then is kept.
    pub(crate) deadline: Instant,
}

/// The response that was asked for.
pub(crate) struct Exchanged {
    pub(crate) response: Response<()>,
    pub(crate) transport: AnyTransport,
    /// What came after the response's head.
    pub(crate) received: Bytes,
}

/// Sends the request and reads the head of the response; gives the transport back.
///
/// # Errors
///
/// [`ConnectError::Rejected`] for a response that is not the one that was asked for.
pub(super) async fn exchange(
    request: &Request<()>,
    spelling: &Spelling,
    mut transport: AnyTransport,
    bounds: Bounds,
) -> Result<Exchanged, ConnectError> {
    send(request, spelling, &mut transport).await?;
    let received = receive(&mut transport, bounds.head).await?;
    let status = received.head.status();
    let accepted = match *request.method() {
        Method::CONNECT => status.is_success(),
        _ => status == StatusCode::SWITCHING_PROTOCOLS,
    };
    if !accepted {
        return Err(ConnectError::Rejected(Box::new(
            read_rejection(received, transport, bounds.deadline).await,
        )));
    }
    Ok(Exchanged { response: received.head, transport, received: received.rest })
}

async fn send(
    request: &Request<()>,
    spelling: &Spelling,
    transport: &mut AnyTransport,
) -> Result<(), ConnectError> {
    let mut block = pool::take_write_block();
    write_request(request, spelling, &mut block);
    let sending = async {
        transport.write_all(&block).await?;
        transport.flush().await
    };
    let sent = sending.await;
    pool::give_write_block(block);
    Ok(sent?)
}

/// Reads the head of the final response.
async fn receive(
    transport: &mut AnyTransport,
    limits: HeadLimits,
) -> Result<Received<Response<()>>, ConnectError> {
    let mut rest = Bytes::new();
    for _ in 0..=MAX_INTERIM {
        let received = HeadReader::new(limits).read(transport, &rest).await?;
        if !is_interim(&received.head) {
            return Ok(received);
        }
        rest = received.rest;
    }
    Err(HeadReader::too_many_interim(MAX_INTERIM).into())
}

fn is_interim(response: &Response<()>) -> bool {
    let status = response.status();
    status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
}
