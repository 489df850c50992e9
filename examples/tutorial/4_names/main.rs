//! The tutorial, step 4: names.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-4-names
//! ```

// ANCHOR: imports
use bowsprit::{
    Bytes, Server, Topics, WebSocket,
    error::BoxError,
    http::{Request, Response, StatusCode, header},
    server::{Rejection, RequestExt},
};
// ANCHOR_END: imports

const ROOMS: [&str; 3] = ["lobby", "rust", "sailing"];

// ANCHOR: authorize
/// Who connects, and to which room.
#[derive(Clone)]
struct Visitor {
    room: String,
    name: String,
}

/// Accepts those who have a name and want to enter a room that we have.
async fn authorize(request: Request<()>) -> Result<Visitor, Rejection> {
    let room = request.param("room").filter(|room| ROOMS.contains(room));
    let room = room.ok_or(Rejection::new(StatusCode::NOT_FOUND))?;
    let name = request.query("name").unwrap_or_default();
    if !(1..=20).contains(&name.chars().count()) || !name.chars().all(char::is_alphanumeric) {
        let rejection = Rejection::new(StatusCode::BAD_REQUEST);
        return Err(rejection.body("a name has 1 to 20 letters and digits\n"));
    }
    Ok(Visitor { room: room.to_owned(), name: name.into_owned() })
}
// ANCHOR_END: authorize

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    // ANCHOR: serve
    let listening = Server::builder()
        .path("/rooms/{room}")
        .authorize(authorize)
        .fallback(page)
        .bind(addr)
        .await?;
    println!("listening on http://{}", listening.local_addr()?);
    let topics = Topics::new();
    listening
        .serve(move |ws, request| {
            let (visitor, topics) = (request.extensions().get().cloned(), topics.clone());
            async move { chat(ws, visitor.ok_or("not authorized")?, topics).await }
        })
        .await?;
    // ANCHOR_END: serve
    Ok(())
}

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

// ANCHOR: chat
async fn chat(mut ws: WebSocket, visitor: Visitor, topics: Topics) -> Result<(), BoxError> {
    let Visitor { room, name } = visitor;
    topics.join(&room, &ws.handle());
    topics.publish(&room, format!("{name} has joined")).await;
    let ended = talk(&mut ws, &room, &name, &topics).await;
    topics.leave(&room, &ws.handle());
    topics.publish(&room, format!("{name} has left")).await;
    ended
}

async fn talk(ws: &mut WebSocket, room: &str, name: &str, topics: &Topics) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        let text = message.as_text().ok_or("binary messages are not for chatting")?;
        topics.publish(room, format!("{name}: {text}")).await;
    }
    Ok(())
}
// ANCHOR_END: chat
