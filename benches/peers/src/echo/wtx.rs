use tokio::net::TcpStream;
use wtx::{
    collection::Vector,
    web_socket::{OpCode, WebSocketAcceptor, WebSocketPayloadOrigin},
};

pub(crate) async fn each(stream: TcpStream) -> wtx::Result<()> {
    let mut ws = WebSocketAcceptor::default().no_masking(false).accept(stream).await?;
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        let origin = WebSocketPayloadOrigin::Adaptive;
        let mut frame = reader.read_frame(&mut buffer, &mut common, origin).await?;
        match frame.op_code() {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => writer.write_frame(&mut common, &mut frame).await?,
            _ => {}
        }
        buffer.clear();
    }
}
