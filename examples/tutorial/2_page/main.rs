//! The tutorial, step 2: a page for browsers.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin tutorial-2-page
//! ```

// ANCHOR: imports
use bowsprit::{
    Bytes, Server, WebSocket,
    error::BoxError,
    http::{Request, Response, header},
};
// ANCHOR_END: imports

// ANCHOR: main
#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let addr = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let listening = Server::builder().fallback(page).bind(addr).await?;
    println!("listening on http://{}", listening.local_addr()?);
    // ANCHOR_END: main
    let server = listening.server();
    listening.serve(move |ws, _request| chat(ws, server.clone())).await?;
    Ok(())
}

// ANCHOR: page
/// Answers requests that do not ask for a WebSocket. `None` leaves that to the server: 404 or 426.
fn page(request: &Request<()>) -> Option<Response<Bytes>> {
    let page = Bytes::from_static(include_bytes!("page.html"));
    let response = Response::builder().header(header::CONTENT_TYPE, "text/html; charset=utf-8");
    if request.uri().path() == "/" { response.body(page).ok() } else { None }
}
// ANCHOR_END: page

async fn chat(mut ws: WebSocket, server: Server) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        server.broadcast(message).await;
    }
    Ok(())
}
