//! The tutorial, step 3: rooms.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-3-rooms
//! ```

// ANCHOR: imports
use bowsprit::{
    Bytes, Server, Topics, WebSocket,
    error::BoxError,
    http::{Request, Response, StatusCode, header},
    server::RequestExt,
};

const ROOMS: [&str; 3] = ["lobby", "rust", "sailing"];
// ANCHOR_END: imports

// ANCHOR: main
#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listening = Server::builder()
        .path("/rooms/{room}")
        .should_handle(|request| request.param("room").is_some_and(|room| ROOMS.contains(&room)))
        .fallback(page)
        .bind(addr)
        .await?;
    println!("listening on http://{}", listening.local_addr()?);
    let topics = Topics::new();
    listening
        .serve(move |ws, request| {
            let room = request.param("room").unwrap_or_default().to_owned();
            chat(ws, room, topics.clone())
        })
        .await?;
    Ok(())
}
// ANCHOR_END: main

// ANCHOR: page
/// Answers requests that do not ask for a WebSocket. `None` leaves that to the server: 404 or 426.
fn page(request: &Request<()>) -> Option<Response<Bytes>> {
    let path = request.uri().path();
    if path == "/" {
        let lobby = Response::builder().status(StatusCode::FOUND);
        return lobby.header(header::LOCATION, "/rooms/lobby").body(Bytes::new()).ok();
    }
    path.strip_prefix("/rooms/").filter(|room| ROOMS.contains(room))?;
    let page = Bytes::from_static(include_bytes!("page.html"));
    let response = Response::builder().header(header::CONTENT_TYPE, "text/html; charset=utf-8");
    response.body(page).ok()
}
// ANCHOR_END: page

// ANCHOR: chat
async fn chat(mut ws: WebSocket, room: String, topics: Topics) -> Result<(), BoxError> {
    topics.join(&room, &ws.handle());
    while let Some(message) = ws.recv().await? {
        topics.publish(&room, message).await;
    }
    Ok(())
}
// ANCHOR_END: chat
