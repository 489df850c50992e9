//! An HTTPS server of one's own, here hyper and tokio-rustls, that hands WebSockets over.

// ANCHOR: all
use std::{convert::Infallible, sync::Arc};

use bowsprit::{
    Bytes, Server, WebSocket,
    error::BoxError,
    server::{Encrypted, PeerAddr, Upgrade},
};
use http_body_util::Full;
use hyper::{
    Request, Response, body::Incoming, server::conn::http1, service::service_fn, upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    websockets: Server,
) -> Result<(), BoxError> {
    let tls = TlsAcceptor::from(tls);
    loop {
        let (stream, peer) = listener.accept().await?;
        let (tls, websockets) = (tls.clone(), websockets.clone());
        tokio::spawn(async move {
            if let Err(error) = serve_connection(stream, PeerAddr(peer), tls, websockets).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn serve_connection(
    stream: TcpStream,
    peer: PeerAddr,
    tls: TlsAcceptor,
    websockets: Server,
) -> Result<(), BoxError> {
    let stream = tls.accept(stream).await?;
    let service = service_fn(move |mut request: Request<Incoming>| {
        // What bowsprit's own listeners would know.
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Encrypted);
        answer(request, websockets.clone())
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    Ok(connection.with_upgrades().await?)
}

async fn answer(
    mut request: Request<Incoming>,
    websockets: Server,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != "/chat" {
        return Ok(Response::new("plain HTTPS\n".into()));
    }
    match websockets.upgrade_async(&mut request).await {
        Ok((response, upgrade)) => {
            tokio::spawn(attach(hyper::upgrade::on(&mut request), upgrade));
            Ok(response.map(|()| Full::default()))
        }
        Err(rejection) => Ok(rejection.into_response().map(Full::new)),
    }
}

async fn attach(upgraded: OnUpgrade, upgrade: Upgrade) {
    let Ok(upgraded) = upgraded.await else { return };
    let ws = upgrade.into_websocket(TokioIo::new(upgraded));
    if let Err(error) = echo(ws).await {
        eprintln!("{error}");
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
// ANCHOR_END: all
