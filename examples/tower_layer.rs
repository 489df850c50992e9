//! A layer in front of any tower service: it answers WebSocket requests for our paths and passes
//! everything else to the service.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tower-layer
//! ```

use std::convert::Infallible;

use bowsprit::{
    Bytes, Server,
    error::BoxError,
    server::{PeerAddr, RequestExt, Route},
    tower::WebSocketLayer,
};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

async fn page(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new("the service behind\n".into()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let rooms = Route::new(|mut ws, request| async move {
        let room = request.param("room").unwrap_or_default();
        let client = request.client_addr().ok_or("no address")?;
        ws.send(format!("welcome to {room}, {client}")).await?;
        while ws.recv().await?.is_some() {}
        Ok(())
    });
    let websockets = WebSocketLayer::new(Server::builder().route("/rooms/{room}", rooms).build());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        let service = ServiceBuilder::new()
            .map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddr(peer));
                request
            })
            .layer(websockets.clone())
            .service(service_fn(page));
        tokio::spawn(async move {
            let service = TowerToHyperService::new(service);
            let server = auto::Builder::new(TokioExecutor::new());
            let served = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            if let Err(error) = served {
                eprintln!("{error}");
            }
        });
    }
}
