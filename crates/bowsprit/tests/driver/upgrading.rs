//! Taking over connections from other HTTP servers, here hyper itself.

use std::convert::Infallible;

use bowsprit::{
    Error, Server, WebSocket,
    http::{Request, Response},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::mpsc,
};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{accepted, paused, real, sockets},
};

/// A service that upgrades what asks for it, and refuses the rest.
async fn upgrade(
    server: Server,
    request: Request<Incoming>,
    opened: mpsc::UnboundedSender<WebSocket>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (response, upgrade) = match server.upgrade(&request) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(refusal.into_response().map(Full::new)),
    };
    tokio::spawn(async move {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        opened.send(upgrade.into_websocket(TokioIo::new(upgraded))).unwrap();
    });
    Ok(response.map(|()| Full::default()))
}

/// Serves one connection with hyper; what it opens comes out of the channel.
fn hyper_server(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> mpsc::UnboundedReceiver<WebSocket> {
    let (opened, sockets) = mpsc::unbounded_channel();
    let server = Server::builder().build();
    let service = service_fn(move |request| upgrade(server.clone(), request, opened.clone()));
    tokio::spawn(async move {
        let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
        connection.with_upgrades().await.unwrap();
    });
    sockets
}

/// A request and a first frame in one write: hyper reads both.
fn request_and_frame<S: AsyncRead + AsyncWrite + Unpin>(peer: &Peer<S>) -> Vec<u8> {
    let mut bytes = REQUEST.as_bytes().to_vec();
    bytes.extend(peer.encode(TEXT, "read ahead"));
    bytes
}

/// Speaks over a connection that hyper has handed over.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket, mut peer: Peer<S>) {
    assert_eq!(ws.path(), "/chat");
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("read ahead"));
    ws.send("hello").await.unwrap();
    peer.expect(TEXT, "hello").await;
    peer.send(TEXT, "more").await;
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("more"));
    drop(ws);
    peer.expect_end().await;
}

#[test]
fn a_socket_is_taken_out_of_hypers_boxes_with_what_was_read_ahead() {
    real(async {
        let (near, far) = sockets().await;
        let far_addr = far.local_addr().unwrap();
        let mut opened = hyper_server(near);
        let mut peer = Peer::client(far);
        let bytes = request_and_frame(&peer);
        peer.write(bytes).await;
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        let ws = opened.recv().await.unwrap();
        assert_eq!(ws.peer_addr(), Some(far_addr), "it is the socket itself");
        talk(ws, peer).await;
    });
}

#[test]
fn any_other_transport_keeps_what_hyper_has_read_ahead() {
    paused(async {
        let (near, far) = tokio::io::duplex(4096);
        let mut opened = hyper_server(near);
        let mut peer = Peer::client(far);
        let bytes = request_and_frame(&peer);
        peer.write(bytes).await;
        peer.head().await;
        let ws = opened.recv().await.unwrap();
        assert_eq!(ws.peer_addr(), None);
        talk(ws, peer).await;
    });
}

#[test]
fn a_rejection_is_a_response_for_the_other_server() {
    paused(async {
        let (near, far) = tokio::io::duplex(4096);
        let _opened = hyper_server(near);
        let mut peer = Peer::client(far);
        peer.write(REQUEST.replace("GET", "PUT")).await;
        let mut answer = String::new();
        peer.io.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
        assert!(answer.ends_with("the method of a WebSocket request must be GET\n"), "{answer}");
    });
}

#[test]
fn bytes_that_another_server_has_read_ahead_come_first() {
    paused(async {
        let (near, far) = tokio::io::duplex(4096);
        let mut peer = Peer::client(far);
        let bytes = [peer.encode(TEXT, "ahead"), peer.encode(TEXT, "split")].concat();
        let (ahead, rest) = bytes.split_at(13);
        let mut ws = accepted().into_websocket_with(near, ahead);
        peer.write(rest).await;
        for text in ["ahead", "split"] {
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(text));
        }
        drop(peer);
        assert!(matches!(ws.recv().await, Err(Error::Disconnected)));
    });
}

#[test]
fn bytes_read_out_of_hypers_connection_come_before_those_that_hyper_holds() {
    real(async {
        let (near, far) = sockets().await;
        let (opened, mut websockets) = mpsc::unbounded_channel();
        let service = service_fn(move |request: Request<Incoming>| {
            let (response, upgrade) = Server::builder().build().upgrade(&request).unwrap();
            let opened = opened.clone();
            tokio::spawn(async move {
                let mut io = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
                let mut ahead = [0; 5];
                io.read_exact(&mut ahead).await.unwrap();
                opened.send(upgrade.into_websocket_with(io, &ahead)).unwrap();
            });
            std::future::ready(Ok::<_, Infallible>(response.map(|()| Full::<Bytes>::default())))
        });
        tokio::spawn(async move {
            http1::Builder::new()
                .serve_connection(TokioIo::new(near), service)
                .with_upgrades()
                .await
        });
        let mut peer = Peer::client(far);
        let bytes = request_and_frame(&peer);
        peer.write(bytes).await;
        peer.head().await;
        talk(websockets.recv().await.unwrap(), peer).await;
    });
}
