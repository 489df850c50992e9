//! A separate HTTP server, here hyper, that hands WebSocket requests over to bowsprit.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin external-http-server
//! ```

use bowsprit::{Bytes, Error, Server, WebSocket, error::BoxError, server::Upgrade};
use http_body_util::Full;
use hyper::{
    Request, Response, body::Incoming, server::conn::http1, service::service_fn, upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let websockets = Server::builder().build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let websockets = websockets.clone();
        let service = service_fn(move |request| {
            let response = answer(request, &websockets);
            async { Ok::<_, BoxError>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection.with_upgrades());
    }
}

fn answer(mut request: Request<Incoming>, websockets: &Server) -> Response<Full<Bytes>> {
    if request.uri().path() != "/echo" {
        return Response::new("plain HTTP\n".into());
    }
    match websockets.upgrade(&request) {
        Ok((response, upgrade)) => {
            tokio::spawn(attach(hyper::upgrade::on(&mut request), upgrade));
            response.map(|()| Full::default())
        }
        Err(refusal) => refusal.into_response().map(Full::new),
    }
}

async fn attach(upgraded: OnUpgrade, upgrade: Upgrade) {
    match upgraded.await {
        Ok(upgraded) => {
            if let Err(error) = echo(upgrade.into_websocket(TokioIo::new(upgraded))).await {
                eprintln!("{error}");
            }
        }
        Err(error) => eprintln!("no upgrade: {error}"),
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
