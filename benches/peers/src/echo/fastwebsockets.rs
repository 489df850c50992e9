use fastwebsockets::{FragmentCollector, OpCode, upgrade};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task};

pub(crate) async fn each(stream: TcpStream) -> anyhow::Result<()> {
    let service = service_fn(async |mut request| {
        let (response, upgraded) = upgrade::upgrade(&mut request)?;
        tokio::spawn(task::unconstrained(echo(upgraded)));
        anyhow::Ok(response)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    Ok(connection.with_upgrades().await?)
}

async fn echo(upgraded: upgrade::UpgradeFut) -> anyhow::Result<()> {
    let mut ws = FragmentCollector::new(upgraded.await?);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
