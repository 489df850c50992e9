use futures_util::StreamExt;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use yawc::{CompressionLevel, Frame, OpCode, Options, UpgradeFut, WebSocket, WebSocketError};

const MAX_LEN: usize = 16 << 20;

pub(crate) async fn each(stream: TcpStream, level: Option<u8>) -> anyhow::Result<()> {
    let options = Options::default().with_limits(MAX_LEN, MAX_LEN);
    let options = match level {
        None => options.without_compression(),
        Some(level) => options
            .with_compression_level(CompressionLevel::new(level.into()))
            .with_compression_threshold(0)
            .server_no_context_takeover()
            .client_no_context_takeover(),
    };
    serve(stream, options, false).await
}

/// With the settings of its own benchmarks.
pub(crate) async fn batch(stream: TcpStream) -> anyhow::Result<()> {
    let options = Options::default()
        .with_limits(MAX_LEN, MAX_LEN)
        .without_compression()
        .with_read_buffer_capacity(128 * 1024)
        .with_backpressure_boundary(64 * 1024);
    serve(stream, options, true).await
}

async fn serve(stream: TcpStream, options: Options, batch: bool) -> anyhow::Result<()> {
    let service = service_fn(async |mut request| {
        let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options.clone())?;
        tokio::spawn(echo(upgraded, batch));
        anyhow::Ok(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    Ok(connection.with_upgrades().await?)
}

async fn echo(upgraded: UpgradeFut, batch: bool) -> Result<(), WebSocketError> {
    let ws = upgraded.await?.map(Ok);
    let is_data = |frame: &Frame| matches!(frame.opcode(), OpCode::Text | OpCode::Binary);
    if batch { super::batch(ws, is_data).await } else { super::each(ws, is_data).await }
}
