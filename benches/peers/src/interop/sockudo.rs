use anyhow::{Context, bail};
use hyper::Uri;
use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Error, Role, WebSocketStream,
    deflate::{negotiate_server_deflate, parse_deflate_offer},
    error::CloseReason,
    handshake::{
        build_request, build_response, generate_accept_key, generate_key, parse_request,
        parse_response, validate_accept_key,
    },
    protocol::Message,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::item::{End, Item, talk};

const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// What was agreed on, and the bytes that have come with it.
struct Agreed {
    subprotocol: Option<String>,
    deflate: Option<DeflateConfig>,
    rest: Vec<u8>,
}

/// Its `WebSocketClient` offers no extensions over HTTP/1.1.
pub(crate) async fn connect(url: &Uri) -> anyhow::Result<End> {
    let host = url.authority().context("no host")?.as_str();
    let mut stream = crate::dial(url).await?;
    let key = generate_key();
    let request = build_request(host, url.path(), &key, Some(crate::OFFERED), Some(OFFER));
    stream.write_all(&request).await?;
    let agreed = match read_response(&mut stream, &key).await {
        Ok(agreed) => agreed,
        // It does not tell the status.
        Err(error) => match error.downcast()? {
            Error::HandshakeFailed("expected 101 Switching Protocols") => {
                return Ok(End::Refused(None));
            }
            error => return Err(error.into()),
        },
    };
    let subprotocol = agreed.subprotocol.clone();
    let (code, reason) = run(stream, agreed, Role::Client).await?;
    Ok(End::Closed { subprotocol, code, reason })
}

async fn read_response(stream: &mut TcpStream, key: &str) -> anyhow::Result<Agreed> {
    let mut head = Vec::new();
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed.into());
        }
        let Some((response, len)) = parse_response(&head)? else { continue };
        if !response.accept.is_some_and(|accept| validate_accept_key(key, accept)) {
            bail!("the server does not accept the key");
        }
        let deflate = response.extensions.map(read_deflate).transpose()?;
        let subprotocol = response.protocol.map(Into::into);
        return Ok(Agreed { subprotocol, deflate, rest: head[len..].into() });
    }
}

fn read_deflate(answer: &str) -> anyhow::Result<DeflateConfig> {
    let parameters = parse_deflate_offer(answer).context("that was not offered")?;
    Ok(DeflateConfig::from_params(&parameters)?)
}

pub(crate) async fn accept(mut stream: TcpStream) -> anyhow::Result<()> {
    let policy = DeflateConfig::default();
    let mut head = Vec::new();
    let (response, agreed) = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed.into());
        }
        let Some((request, len)) = parse_request(&head)? else { continue };
        if request.path == "/refused" {
            let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
            return Ok(stream.write_all(refusal).await?);
        }
        let deflate = request.extensions.and_then(|it| negotiate_server_deflate(it, &policy));
        let header = deflate.as_ref().map(|agreed| agreed.to_response_header());
        let subprotocol = crate::supported(request.protocol);
        let key = generate_accept_key(request.key);
        let response = build_response(&key, subprotocol, header.as_deref());
        let deflate = deflate.map(|agreed| agreed.config);
        break (response, Agreed { subprotocol: None, deflate, rest: head[len..].into() });
    };
    stream.write_all(&response).await?;
    run(stream, agreed, Role::Server).await.map(drop)
}

async fn run(stream: TcpStream, agreed: Agreed, role: Role) -> anyhow::Result<(u16, String)> {
    let (config, rest) = (Config::default(), Some(agreed.rest.into()));
    match (agreed.deflate, role) {
        (None, _) => {
            talk(WebSocketStream::from_raw_with_leftover(stream, role, config, rest)).await
        }
        (Some(deflate), Role::Client) => {
            let ws = CompressedWebSocketStream::client_with_leftover(stream, config, deflate, rest);
            talk(ws).await
        }
        (Some(deflate), Role::Server) => {
            let ws = CompressedWebSocketStream::server_with_leftover(stream, config, deflate, rest);
            talk(ws).await
        }
    }
}

impl From<Message> for Item {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(String::from_utf8_lossy(&text).into_owned()),
            Message::Binary(payload) => Self::Binary(payload.into()),
            Message::Ping(payload) => Self::Ping(payload.into()),
            Message::Pong(payload) => Self::Pong(payload.into()),
            Message::Close(None) => Self::Close(1005, String::new()),
            Message::Close(Some(close)) => Self::Close(close.code, close.reason),
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
            Item::Close(code, reason) => Self::Close(Some(CloseReason::new(code, reason))),
        }
    }
}
