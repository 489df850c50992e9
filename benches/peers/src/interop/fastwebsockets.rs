use fastwebsockets::{
    FragmentCollector, Frame, OpCode, Payload, WebSocketError, handshake, upgrade,
};
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{
        CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    server::conn::http1,
    service::service_fn,
    upgrade::Upgraded,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::item::{End, Item, answer};

pub(crate) async fn connect(url: &Uri) -> anyhow::Result<End> {
    let request = Request::builder()
        .uri(url.path())
        .header(HOST, url.authority().map_or("", |authority| authority.as_str()))
        .header(UPGRADE, "websocket")
        .header(CONNECTION, "upgrade")
        .header(SEC_WEBSOCKET_KEY, handshake::generate_key())
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_PROTOCOL, crate::OFFERED)
        .body(Empty::<Bytes>::new())?;
    let stream = crate::dial(url).await?;
    match handshake::client(&TokioExecutor::new(), request, stream).await {
        Err(WebSocketError::InvalidStatusCode(status)) => Ok(End::Refused(Some(status))),
        Err(error) => Err(error.into()),
        Ok((ws, response)) => {
            let agreed = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
            let subprotocol = agreed.and_then(|name| name.to_str().ok()).map(Into::into);
            let (code, reason) = talk(FragmentCollector::new(ws)).await?;
            Ok(End::Closed { subprotocol, code, reason })
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
    let (mut response, upgraded) = upgrade::upgrade(&mut request)?;
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
    if let Some(agreed) = crate::supported(offered.and_then(|names| names.to_str().ok())) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(agreed));
    }
    tokio::spawn(crate::complain(serve(upgraded)));
    Ok(response)
}

async fn serve(upgraded: upgrade::UpgradeFut) -> anyhow::Result<()> {
    talk(FragmentCollector::new(upgraded.await?)).await.map(drop)
}

/// It is no stream, so that [`item::talk`](crate::item::talk) cannot be used.
async fn talk(mut ws: FragmentCollector<TokioIo<Upgraded>>) -> anyhow::Result<(u16, String)> {
    loop {
        match read(ws.read_frame().await?) {
            Item::Close(code, reason) => return Ok((code, reason)),
            item => {
                if let Some(answer) = answer(item) {
                    ws.write_frame(write(answer)).await?;
                }
            }
        }
    }
}

fn read(frame: Frame<'_>) -> Item {
    let payload = frame.payload.to_vec();
    match frame.opcode {
        OpCode::Text => Item::Text(String::from_utf8_lossy(&payload).into_owned()),
        OpCode::Ping => Item::Ping(payload),
        OpCode::Pong => Item::Pong(payload),
        OpCode::Close => match payload.split_first_chunk() {
            None => Item::Close(1005, String::new()),
            Some((code, reason)) => {
                let reason = String::from_utf8_lossy(reason).into_owned();
                Item::Close(u16::from_be_bytes(*code), reason)
            }
        },
        _ => Item::Binary(payload),
    }
}

fn write(item: Item) -> Frame<'static> {
    let control = |opcode, payload| Frame::new(true, opcode, None, Payload::Owned(payload));
    match item {
        Item::Text(text) => Frame::text(Payload::Owned(text.into())),
        Item::Binary(payload) => Frame::binary(Payload::Owned(payload)),
        Item::Ping(payload) => control(OpCode::Ping, payload),
        Item::Pong(payload) => control(OpCode::Pong, payload),
        Item::Close(code, reason) => Frame::close(code, reason.as_bytes()),
    }
}
