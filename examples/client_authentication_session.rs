//! Accepts only browsers that have logged in: the session cookie, set by plain HTTP, is checked
//! before the WebSocket is opened.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin client-authentication-session
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bowsprit::{
    Bytes, Server,
    error::BoxError,
    http::{Method, Request, Response, StatusCode, header},
    server::{Rejection, RequestExt},
};

#[derive(Clone, Copy)]
struct User(usize);

/// Users by session identifier.
#[derive(Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<String, User>>>);

impl Sessions {
    /// Creates a user for every request; a real application checks a password first.
    fn begin(&self) -> Option<String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        let id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let user = User(users.len() + 1);
        users.insert(id.clone(), user);
        Some(id)
    }

    fn user(&self, id: &str) -> Option<User> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Plain HTTP.
    fn answer(&self, request: &Request<()>) -> Option<Response<Bytes>> {
        let mut response = Response::builder();
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/login") => {
                let cookie = format!("session={}; HttpOnly; SameSite=Strict", self.begin()?);
                response = response.header(header::SET_COOKIE, cookie);
            }
            (&Method::POST, "/logout") => self.end(request.cookie("session")?),
            _ => return None,
        }
        response.body(Bytes::from_static(b"done\n")).ok()
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let sessions = Sessions::default();
    let pages = sessions.clone();
    // ANCHOR: authorize
    let server = Server::builder()
        .fallback(move |request| pages.answer(request))
        .authorize(move |request| {
            let user = request.cookie("session").and_then(|id| sessions.user(id));
            async move { user.ok_or_else(|| Rejection::new(StatusCode::UNAUTHORIZED)) }
        })
        .bind("127.0.0.1:0")
        .await?;
    // ANCHOR_END: authorize
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(|mut ws, request| async move {
            let User(number) = request.extensions().get().copied().ok_or("nobody")?;
            while ws.recv().await?.is_some() {
                ws.send(format!("you are user {number}")).await?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}
