//! Accepts only clients with a valid bearer token.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin client-authentication-token
//! cargo run -- connect --header 'Authorization: Bearer token-of-alice' ws://127.0.0.1:PORT
//! ```

// ANCHOR: authorize
use bowsprit::{
    Server,
    error::BoxError,
    http::Request,
    server::{Bearer, Rejection, RequestExt},
};

/// The users and their tokens.
const TOKENS: [(&str, &str); 2] = [("alice", "token-of-alice"), ("bob", "token-of-bob")];

#[derive(Clone)]
struct User(&'static str);

/// Asynchronous, so that it can query a database or another server.
async fn authorize(request: Request<()>) -> Result<User, Rejection> {
    let token = request.bearer().ok_or_else(|| Bearer::challenge("example"))?;
    let user = TOKENS.iter().find(|(_, expected)| token.matches(expected));
    user.map(|(name, _)| User(name)).ok_or_else(|| Bearer::challenge("example"))
}
// ANCHOR_END: authorize

// ANCHOR: main
#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = Server::builder().authorize(authorize).bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    server
        .serve(|mut ws, request| async move {
            let User(name) = request.extensions().get().ok_or("authorize has not run")?;
            ws.send(format!("hello, {name}")).await?;
            while ws.recv().await?.is_some() {}
            Ok(())
        })
        .await?;
    Ok(())
}
// ANCHOR_END: main
