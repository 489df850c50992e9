//! User names and passwords.

// ANCHOR: server
use bowsprit::{
    Server,
    http::Request,
    server::{Basic, Rejection, RequestExt, ServerBuilder},
};

#[derive(Clone)]
pub(crate) struct User(pub(crate) String);

async fn authorize(request: Request<()>) -> Result<User, Rejection> {
    match request.basic() {
        Some(login) if login.matches("alice", "correct horse") => Ok(User(login.user().into())),
        _ => Err(Basic::challenge("chat")),
    }
}

pub(crate) fn server() -> ServerBuilder {
    Server::builder().authorize(authorize)
}
// ANCHOR_END: server

// ANCHOR: client
use bowsprit::Client;

pub(crate) fn client(password: &str) -> Client {
    Client::new().basic_auth("alice", password)
}
// ANCHOR_END: client
