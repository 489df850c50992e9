//! The layer before a tower service: what is for us, and what is handed on.

use std::convert::Infallible;

use bowsprit::{
    Server,
    http::{Request, Response, StatusCode, Version},
    server::{Health, Route},
    tower::WebSocketLayer,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{
    peer::{Peer, REQUEST, TEXT},
    support::{accepted_request, paused, real, sockets},
};

async fn behind<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new("behind".into()))
}

fn echo() -> Route {
    Route::new(|mut ws, request| async move {
        assert_eq!(ws.path(), request.uri().path());
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    })
}

/// The status, and whether the service behind has answered.
async fn ask(layer: &WebSocketLayer, request: Request<()>) -> (StatusCode, bool) {
    let response = layer.layer(service_fn(behind)).oneshot(request).await.unwrap();
    let status = response.status();
    let by_service = matches!(response.body(), Either::Right(_));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body == "behind", by_service, "{body:?}");
    (status, by_service)
}

fn request(path: &str, upgrade: &'static str) -> Request<()> {
    let mut request = accepted_request();
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert("upgrade", upgrade.parse().unwrap());
    request
}

#[test]
fn probes_are_for_us_if_there_is_a_health() {
    paused(async {
        for (builder, by_service) in
            [(Server::builder(), true), (Server::builder().health(Health::new()), false)]
        {
            let layer = WebSocketLayer::new(builder.path("/").build());
            let mut probe = Request::new(());
            *probe.uri_mut() = "/readyz".parse().unwrap();
            assert_eq!(ask(&layer, probe).await, (StatusCode::OK, by_service));
        }
    });
}

#[test]
fn only_websocket_requests_for_our_paths_are_for_us() {
    paused(async {
        let server = Server::builder().route("/ours/{id}", echo()).path("/unhandled").build();
        let layer = WebSocketLayer::new(server);
        for (path, upgrade) in [
            ("/ours/1", "h2c"),
            ("/others", "websocket"),
            ("/ours/1/2", "websocket"),
            ("/unhandled", "websocket"),
        ] {
            assert_eq!(ask(&layer, request(path, upgrade)).await, (StatusCode::OK, true), "{path}");
        }
        let mut plain = request("/ours/1", "");
        plain.headers_mut().remove("upgrade");
        assert_eq!(ask(&layer, plain).await, (StatusCode::OK, true));
        let mut wrong = request("/ours/1", "WebSocket");
        wrong.headers_mut().remove("sec-websocket-key");
        assert_eq!(ask(&layer, wrong).await, (StatusCode::BAD_REQUEST, false));
        assert_eq!(ask(&layer, request("/ours/%ff", "websocket")).await.0, 400);
        let mut old = request("/ours/1", "websocket");
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(ask(&layer, old).await, (StatusCode::BAD_REQUEST, false));
    });
}

#[test]
fn an_http_server_that_cannot_upgrade_is_no_success() {
    paused(async {
        let layer = WebSocketLayer::new(Server::builder().route("/ours", echo()).build());
        let answered = ask(&layer, request("/ours", "websocket")).await;
        assert_eq!(answered, (StatusCode::INTERNAL_SERVER_ERROR, false));
    });
}

/// Serves a connection and speaks over it.
async fn talk<S>(service: S, with_both_versions: bool)
where
    S: Service<
            Request<Incoming>,
            Response = Response<Either<Full<Bytes>, Full<Bytes>>>,
            Error = Infallible,
        > + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let (near, far) = sockets().await;
    let service = TowerToHyperService::new(service);
    tokio::spawn(async move {
        let io = TokioIo::new(near);
        if with_both_versions {
            let server = auto::Builder::new(TokioExecutor::new());
            server.serve_connection_with_upgrades(io, service).await.unwrap();
        } else {
            http1::Builder::new().serve_connection(io, service).with_upgrades().await.unwrap();
        }
    });
    let mut peer = Peer::client(far);
    let ahead = [REQUEST.as_bytes(), &peer.encode(TEXT, "ahead")].concat();
    peer.write(ahead).await;
    assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
    peer.expect(TEXT, "ahead").await;
    peer.send(TEXT, "more").await;
    peer.expect(TEXT, "more").await;
    peer.send_close(1000, "").await;
    peer.expect_close(1000).await;
    peer.expect_end().await;
}

#[test]
fn connections_live_as_under_serve() {
    real(async {
        for both in [false, true] {
            let with_route = Server::builder().route("/chat", echo()).build();
            let layer = WebSocketLayer::new(with_route);
            talk(layer.layer(service_fn(behind::<Incoming>)), both).await;
            let layer = WebSocketLayer::new(Server::builder().build());
            let layer = layer.handler(|mut ws, _| async move {
                while let Some(message) = ws.recv().await? {
                    // Out of hyper's boxes, or there would be no address.
                    assert!(ws.peer_addr().is_some());
                    ws.send(message).await?;
                }
                Ok(())
            });
            talk(layer.layer(service_fn(behind::<Incoming>)), both).await;
        }
    });
}
