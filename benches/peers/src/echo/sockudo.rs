use sockudo_ws::{
    CompressedWebSocketStream, Config, DeflateConfig, Error, WebSocketStream,
    deflate::negotiate_server_deflate,
    handshake::{build_response, generate_accept_key, parse_request, server_handshake},
    protocol::Message,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) async fn each(mut stream: TcpStream) -> anyhow::Result<()> {
    server_handshake(&mut stream).await?;
    Ok(super::each(WebSocketStream::server(stream, Config::default()), is_data).await?)
}

pub(crate) async fn batch(mut stream: TcpStream) -> anyhow::Result<()> {
    server_handshake(&mut stream).await?;
    Ok(super::batch(WebSocketStream::server(stream, Config::default()), is_data).await?)
}

/// Its `server_handshake` does not negotiate extensions.
pub(crate) async fn deflate(mut stream: TcpStream, level: u8) -> anyhow::Result<()> {
    let policy = DeflateConfig {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        compression_level: level.into(),
        compression_threshold: 0,
        ..DeflateConfig::default()
    };
    let mut head = Vec::new();
    let (response, agreed) = loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(Error::ConnectionClosed.into());
        }
        let Some((request, _len)) = parse_request(&head)? else { continue };
        let offers = request.extensions.unwrap_or_default();
        let agreed = negotiate_server_deflate(offers, &policy);
        let header = agreed.as_ref().map(|agreed| agreed.to_response_header());
        let key = generate_accept_key(request.key);
        break (build_response(&key, None, header.as_deref()), agreed);
    };
    stream.write_all(&response).await?;
    let Some(agreed) = agreed else { anyhow::bail!("no permessage-deflate is offered") };
    let ws = CompressedWebSocketStream::server(stream, Config::default(), agreed.config);
    Ok(super::each(ws, is_data).await?)
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
