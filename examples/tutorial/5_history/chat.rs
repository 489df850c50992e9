//! The chat of the tutorial: its rooms, who may enter them, and what was said last.

// ANCHOR: imports
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bowsprit::{
    Bytes, Error, Handle, PreparedMessage, Server, Topics, WebSocket,
    config::Limits,
    error::BoxError,
    http::{Request, Response, StatusCode, header},
    server::{Rejection, RequestExt, ServerBuilder},
};
// ANCHOR_END: imports

const ROOMS: [&str; 3] = ["lobby", "rust", "sailing"];

// ANCHOR: rooms
/// How many messages a newcomer gets.
const MAX_HISTORY: usize = 50;

/// The rooms, with the last messages of each.
#[derive(Clone, Default)]
pub(crate) struct Rooms {
    topics: Topics,
    history: Arc<Mutex<HashMap<String, VecDeque<PreparedMessage>>>>,
}

impl Rooms {
    /// Adds a member, who first gets what was said last.
    fn enter(&self, room: &str, member: &Handle) -> Result<(), Error> {
        // Nobody can say anything between the history and what follows it.
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        for message in history.get(room).into_iter().flatten() {
            member.try_send(message)?;
        }
        self.topics.join(room, member);
        Ok(())
    }

    /// Sends a line to all members, and keeps it.
    fn say(&self, room: &str, line: String) {
        let message = PreparedMessage::new(line);
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let last = history.entry(room.to_owned()).or_default();
        if last.len() == MAX_HISTORY {
            last.pop_front();
        }
        last.push_back(message.clone());
        self.topics.publish(room, message).send_now();
    }

    fn leave(&self, room: &str, member: &Handle) {
        self.topics.leave(room, member);
    }
}
// ANCHOR_END: rooms

/// Who connects, and to which room.
#[derive(Clone)]
pub(crate) struct Visitor {
    room: String,
    name: String,
}

// ANCHOR: server
/// The options that do not depend on where the server listens.
pub(crate) fn server() -> ServerBuilder {
    Server::builder()
        .path("/rooms/{room}")
        .authorize(authorize)
        .limits(Limits::SERVER.max_message_len(4096))
        .fallback(page)
}
// ANCHOR_END: server

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
pub(crate) async fn chat(
    mut ws: WebSocket,
    visitor: Visitor,
    rooms: Rooms,
) -> Result<(), BoxError> {
    let Visitor { room, name } = visitor;
    rooms.enter(&room, &ws.handle())?;
    rooms.say(&room, format!("{name} has joined"));
    let ended = talk(&mut ws, &room, &name, &rooms).await;
    rooms.leave(&room, &ws.handle());
    rooms.say(&room, format!("{name} has left"));
    ended
}

async fn talk(ws: &mut WebSocket, room: &str, name: &str, rooms: &Rooms) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        let text = message.as_text().ok_or("binary messages are not for chatting")?;
        rooms.say(room, format!("{name}: {text}"));
    }
    Ok(())
}
// ANCHOR_END: chat

// ANCHOR: tests
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowsprit::{Client, ConnectError, ConnectionConfig, testing};
    use tokio::time::Instant;

    use super::*;

    /// The connection of somebody who has entered the lobby.
    async fn enter(rooms: &Rooms, client: Client, name: &str) -> Result<WebSocket, Error> {
        let url = format!("ws://localhost/rooms/lobby?name={name}");
        let (client, server) = testing::pair_of(&client, &server().build(), &url).await?;
        let visitor = Visitor { room: "lobby".into(), name: name.into() };
        tokio::spawn(chat(server, visitor, rooms.clone()));
        Ok(client)
    }

    /// The next line.
    async fn line(ws: &mut WebSocket) -> String {
        ws.recv().await.unwrap().unwrap().into_text().unwrap().to_string()
    }

    #[tokio::test]
    async fn newcomers_get_the_last_fifty_messages() {
        let rooms = Rooms::default();
        (0..60).for_each(|number| rooms.say("lobby", format!("message {number}")));
        let mut alice = enter(&rooms, Client::new(), "alice").await.unwrap();
        for number in 10..60 {
            assert_eq!(line(&mut alice).await, format!("message {number}"));
        }
        assert_eq!(line(&mut alice).await, "alice has joined");
    }

    #[tokio::test]
    async fn who_has_no_name_is_rejected() {
        let rejected = enter(&Rooms::default(), Client::new(), "").await.unwrap_err();
        let Error::Connect(ConnectError::Rejected(response)) = rejected else {
            panic!("{rejected}")
        };
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }

    // ANCHOR: vanished
    #[tokio::test(start_paused = true)]
    async fn who_vanishes_has_left_after_forty_seconds() {
        let rooms = Rooms::default();
        let mut alice = enter(&rooms, Client::new(), "alice").await.unwrap();
        assert_eq!(line(&mut alice).await, "alice has joined");
        // Bob's client neither sends nor answers pings, as if he had lost his network.
        let mute = ConnectionConfig::client().heartbeat(None).auto_pong(false);
        let _bob = enter(&rooms, Client::new().config(mute), "bob").await.unwrap();
        assert_eq!(line(&mut alice).await, "bob has joined");
        let begun = Instant::now();
        assert_eq!(line(&mut alice).await, "bob has left");
        assert!(begun.elapsed() >= Duration::from_secs(40), "{:?}", begun.elapsed());
    }
    // ANCHOR_END: vanished
}
// ANCHOR_END: tests
