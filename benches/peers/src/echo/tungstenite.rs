use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, accept_async, accept_async_with_config,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};

pub(crate) async fn each(stream: TcpStream) -> anyhow::Result<()> {
    echo(accept_async(stream).await?).await
}

pub(crate) async fn small(stream: TcpStream) -> anyhow::Result<()> {
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    echo(accept_async_with_config(stream, Some(config)).await?).await
}

pub(crate) async fn batch(stream: TcpStream) -> anyhow::Result<()> {
    Ok(super::batch(accept_async(stream).await?, is_data).await?)
}

async fn echo(ws: WebSocketStream<TcpStream>) -> anyhow::Result<()> {
    Ok(super::each::<_, _, Error>(ws, is_data).await?)
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}
