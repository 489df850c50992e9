//! WebSockets in an axum application: its state, clients' addresses, and a graceful shutdown.

// ANCHOR: all
use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{FromRef, Path, Request, State},
    response::Response,
    routing::{any, get},
};
use bowsprit::{
    Server, Topics,
    axum::WebSocketUpgrade,
    error::BoxError,
    server::{RequestExt, Shutdown, TrustedProxies},
};
use tokio::net::TcpListener;

/// The state of the application. The extractor takes the `Server` out of it.
#[derive(Clone)]
struct App {
    websockets: Server,
    topics: Topics,
    greeting: Arc<str>,
}

impl FromRef<App> for Server {
    fn from_ref(app: &App) -> Self {
        app.websockets.clone()
    }
}

/// `Request` comes last, as axum requires; the WebSocket's extractor has put the client's address
/// into it.
async fn room(
    upgrade: WebSocketUpgrade,
    State(app): State<App>,
    Path(room): Path<String>,
    request: Request,
) -> Response {
    let addr = request.client_addr();
    upgrade.on_upgrade(move |mut ws| async move {
        let addr = addr.ok_or("no address")?;
        ws.send(format!("{}, {addr}", app.greeting)).await?;
        app.topics.join(&room, &ws.handle());
        while let Some(message) = ws.recv().await? {
            app.topics.publish(&room, message).await;
        }
        Ok(())
    })
}

pub(crate) async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), BoxError> {
    let proxies = TrustedProxies::x_forwarded(["127.0.0.1/32".parse()?]);
    let websockets = Server::builder().trusted_proxies(proxies).build();
    let app =
        App { websockets: websockets.clone(), topics: Topics::new(), greeting: "welcome".into() };
    let router = Router::new()
        .route("/", get(|| async { "a page of axum's\n" }))
        .route("/rooms/{room}", any(room))
        .with_state(app)
        .into_make_service_with_connect_info::<std::net::SocketAddr>();
    axum::serve(listener, router).with_graceful_shutdown(stop).await?;
    // axum has closed the port. It does not know the connections that were upgraded.
    websockets.shutdown(Shutdown::within(Duration::from_secs(10))).await;
    Ok(())
}
// ANCHOR_END: all
