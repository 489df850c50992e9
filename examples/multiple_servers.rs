//! Several WebSocket endpoints and an HTML page on one listener.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin multiple-servers
//! ```

use bowsprit::{
    Bytes, Server, WebSocket,
    config::Limits,
    error::BoxError,
    http,
    server::{RequestExt, Route},
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let rooms = Route::new(|mut ws, request| async move {
        let room = request.param("room").unwrap_or_default();
        ws.send(format!("welcome to {room}")).await?;
        echo(ws).await
    });
    let server = Server::builder()
        .route("/echo", Route::new(|ws, _| echo(ws)))
        .route("/rooms/{room}", rooms.limits(Limits::SERVER.max_message_len(4096)))
        // Requests that are not WebSocket handshakes.
        .fallback(|request| {
            let home = request.uri().path() == "/";
            home.then(|| http::Response::new(Bytes::from_static(b"plain HTTP\n")))
        })
        .bind("127.0.0.1:0")
        .await?;
    println!("listening on ws://{}", server.local_addr()?);
    Ok(server.run().await?)
}

async fn echo(mut ws: WebSocket) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
