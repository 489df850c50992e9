use hyper::{
    Uri,
    header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL},
};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, CloseCode, Error, Message, ServerBuilder, upgrade};

use crate::item::{End, Item, talk};

pub(crate) async fn connect(url: &Uri) -> anyhow::Result<End> {
    let offered = HeaderValue::from_static(crate::OFFERED);
    let client =
        ClientBuilder::from_uri(url.clone()).add_header(SEC_WEBSOCKET_PROTOCOL, offered)?;
    match client.connect_on(crate::dial(url).await?).await {
        Err(Error::Upgrade(upgrade::Error::DidNotSwitchProtocols(status))) => {
            Ok(End::Refused(Some(status)))
        }
        Err(error) => Err(error.into()),
        Ok((ws, response)) => {
            let agreed = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
            let subprotocol = agreed.and_then(|name| name.to_str().ok()).map(Into::into);
            let (code, reason) = talk(ws).await?;
            Ok(End::Closed { subprotocol, code, reason })
        }
    }
}

/// It answers before anybody sees the request.
pub(crate) async fn accept(stream: TcpStream) -> anyhow::Result<()> {
    let agreed = HeaderValue::from_static(crate::SUPPORTED);
    let server = ServerBuilder::new().add_header(SEC_WEBSOCKET_PROTOCOL, agreed)?;
    let (_request, ws) = server.accept(stream).await?;
    talk(ws).await.map(drop)
}

impl From<Message> for Item {
    fn from(message: Message) -> Self {
        if let Some((code, reason)) = message.as_close() {
            return Self::Close(code.into(), reason.to_owned());
        }
        if let Some(text) = message.as_text() {
            return Self::Text(text.to_owned());
        }
        let (is_ping, is_pong) = (message.is_ping(), message.is_pong());
        let payload = message.into_payload().to_vec();
        match (is_ping, is_pong) {
            (true, _) => Self::Ping(payload),
            (_, true) => Self::Pong(payload),
            _ => Self::Binary(payload),
        }
    }
}

impl From<Item> for Message {
    fn from(item: Item) -> Self {
        match item {
            Item::Text(text) => Self::text(text),
            Item::Binary(payload) => Self::binary(payload),
            Item::Ping(payload) => Self::ping(payload),
            Item::Pong(payload) => Self::pong(payload),
            Item::Close(code, reason) => Self::close(CloseCode::try_from(code).ok(), &reason),
        }
    }
}
