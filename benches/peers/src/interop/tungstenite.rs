use hyper::{Uri, header::SEC_WEBSOCKET_PROTOCOL};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    accept_hdr_async, client_async,
    tungstenite::{
        ClientRequestBuilder, Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode},
        protocol::CloseFrame,
    },
};

use crate::item::{End, Item, talk};

pub(crate) async fn connect(url: &Uri) -> anyhow::Result<End> {
    let request = ClientRequestBuilder::new(url.to_string().parse()?);
    let request = request.with_header(SEC_WEBSOCKET_PROTOCOL.as_str(), crate::OFFERED);
    match client_async(request, crate::dial(url).await?).await {
        Err(Error::Http(response)) => Ok(End::Refused(Some(response.status().as_u16()))),
        Err(error) => Err(error.into()),
        Ok((ws, response)) => {
            let agreed = response.headers().get(SEC_WEBSOCKET_PROTOCOL.as_str());
            let subprotocol = agreed.and_then(|name| name.to_str().ok()).map(Into::into);
            let (code, reason) = talk(ws).await?;
            Ok(End::Closed { subprotocol, code, reason })
        }
    }
}

pub(crate) async fn accept(stream: TcpStream) -> anyhow::Result<()> {
    match accept_hdr_async(stream, decide).await {
        // It has been told so.
        Err(Error::Http(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(ws) => talk(ws).await.map(drop),
    }
}

#[expect(clippy::result_large_err, reason = "the library wants it so")]
fn decide(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if request.uri().path() == "/refused" {
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        return Err(refusal);
    }
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL.as_str());
    if let Some(agreed) = crate::supported(offered.and_then(|names| names.to_str().ok())) {
        let agreed = HeaderValue::from_static(agreed);
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL.as_str(), agreed);
    }
    Ok(response)
}

impl From<Message> for Item {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_string()),
            Message::Binary(payload) => Self::Binary(payload.into()),
            Message::Ping(payload) => Self::Ping(payload.into()),
            Message::Pong(payload) => Self::Pong(payload.into()),
            Message::Close(None) => Self::Close(1005, String::new()),
            Message::Close(Some(close)) => Self::Close(close.code.into(), close.reason.to_string()),
            Message::Frame(_) => unreachable!("frames are not read as such"),
        }
    }
}

impl From<Item> for Message {
    fn from(item: Item) -> Self {
        match item {
            Item::Text(text) => Self::text(text),
            Item::Binary(payload) => Self::binary(payload),
            Item::Ping(payload) => Self::Ping(payload.into()),
            Item::Pong(payload) => Self::Pong(payload.into()),
            Item::Close(code, reason) => {
                Self::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            }
        }
    }
}
