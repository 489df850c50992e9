use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use yawc::{Frame, OpCode, Options, UpgradeFut, WebSocket, WebSocketError};

use crate::item::{End, Item, talk};

/// With a threshold of 0, its default, it hangs when it compresses an empty message that is not the
/// first.
fn options() -> Options {
    Options::default().with_limits(4 << 20, 4 << 20).with_compression_threshold(1)
}

/// It does not tell what a server has agreed on, so that no subprotocol is offered.
pub(crate) async fn connect(url: &Uri) -> anyhow::Result<End> {
    match WebSocket::connect(url.to_string().parse()?).with_options(options()).await {
        Err(WebSocketError::InvalidStatusCode(status)) => Ok(End::Refused(Some(status))),
        Err(error) => Err(error.into()),
        Ok(ws) => {
            let (code, reason) = talk(ws.map(Ok)).await?;
            Ok(End::Closed { subprotocol: None, code, reason })
        }
    }
}

pub(crate) async fn accept(stream: TcpStream) -> anyhow::Result<()> {
    let connection =
        http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(decide));
    Ok(connection.with_upgrades().await?)
}

async fn decide(mut request: Request<Incoming>) -> anyhow::Result<Response<Empty<Bytes>>> {
    if request.uri().path() == "/refused" {
        return Ok(Response::builder().status(StatusCode::FORBIDDEN).body(Empty::new())?);
    }
    let (mut response, upgraded) = WebSocket::upgrade_with_options(&mut request, options())?;
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    if let Some(agreed) = crate::supported(offered.and_then(|names| names.to_str().ok())) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(agreed));
    }
    tokio::spawn(crate::complain(serve(upgraded)));
    Ok(response)
}

async fn serve(upgraded: UpgradeFut) -> anyhow::Result<()> {
    talk(upgraded.await?.map(Ok)).await.map(drop)
}

impl From<Frame> for Item {
    fn from(frame: Frame) -> Self {
        match frame.opcode() {
            OpCode::Text => Self::Text(frame.as_str().to_owned()),
            OpCode::Ping => Self::Ping(frame.into_payload().into()),
            OpCode::Pong => Self::Pong(frame.into_payload().into()),
            OpCode::Close => {
                let reason = frame.close_reason().ok().flatten().unwrap_or_default().to_owned();
                Self::Close(frame.close_code().map_or(1005, Into::into), reason)
            }
            _ => Self::Binary(frame.into_payload().into()),
        }
    }
}

impl From<Item> for Frame {
    fn from(item: Item) -> Self {
        match item {
            Item::Text(text) => Self::text(text),
            Item::Binary(payload) => Self::binary(payload),
            Item::Ping(payload) => Self::ping(payload),
            Item::Pong(payload) => Self::pong(payload),
            Item::Close(code, reason) => Self::close(code.into(), reason),
        }
    }
}
