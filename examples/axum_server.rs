//! WebSockets in an axum application, for clients with a token.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin axum-server
//! ```

use axum::{
    Extension, Router,
    extract::Path,
    response::Response,
    routing::{any, get},
};
use bowsprit::{
    Server,
    axum::WebSocketUpgrade,
    error::BoxError,
    http::Request,
    server::{Bearer, Rejection, RequestExt},
};
use tokio::net::TcpListener;

#[derive(Clone)]
struct User(&'static str);

async fn authorize(request: Request<()>) -> Result<User, Rejection> {
    match request.bearer() {
        Some(bearer) if bearer.matches("token") => Ok(User("alice")),
        _ => Err(Bearer::challenge("example")),
    }
}

/// The extractor comes first: it calls `authorize`, which provides the user.
async fn echo(
    upgrade: WebSocketUpgrade,
    Extension(User(user)): Extension<User>,
    Path(room): Path<String>,
) -> Response {
    upgrade.on_upgrade(move |mut ws| async move {
        ws.send(format!("{user} in {room}")).await?;
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let app = Router::new()
        .route("/", get(|| async { "a page of axum's\n" }))
        .route("/echo/{room}", any(echo))
        .with_state(Server::builder().authorize(authorize).build());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
