use tokio::{net::TcpStream, task};
use tokio_websockets::{Config, Limits, Message, ServerBuilder};

pub(crate) async fn each(stream: TcpStream) -> anyhow::Result<()> {
    let builder = ServerBuilder::new()
        .config(Config::default().frame_size(usize::MAX))
        .limits(Limits::unlimited());
    let (_request, ws) = builder.accept(stream).await?;
    let is_data = |message: &Message| message.is_text() || message.is_binary();
    Ok(task::unconstrained(super::each(ws, is_data)).await?)
}
