//! What a server says in place of 101.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::Url;

/// How much of the body of a refusal is kept.
const MAX_REFUSAL_LEN: usize = 64 * 1024;

/// How long its body is read.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A server's answer that is neither 101 nor a redirect that is followed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Refused {
    /// The URL that was asked.
    pub url: Url,
    /// Status, header fields, and the start of the body: at most 64 KiB.
    pub response: Response<Bytes>,
}

/// A refusal with the start of its body.
pub(super) async fn refusal(response: Response<Incoming>) -> Response<Bytes> {
    let (head, mut body) = response.into_parts();
    let mut start = BytesMut::new();
    let reading = async {
        while start.len() < MAX_REFUSAL_LEN
            && let Some(Ok(frame)) = body.frame().await
        {
            start.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
        }
    };
    // Status and headers are worth more than the rest of a body that does not end.
    let _too_slow = timeout(REFUSAL_TIMEOUT, reading).await;
    start.truncate(MAX_REFUSAL_LEN);
    Response::from_parts(head, start.freeze())
}
