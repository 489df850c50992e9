//! Broadcast: what one client says, all others hear. A [`Handle`] sends from any task.
//!
//! ```sh
//! cargo run -p bowsprit-examples --bin broadcast
//! ```

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bowsprit::{BoxError, Handle, Server, WebSocket};

#[derive(Default)]
struct Clients(Mutex<HashMap<SocketAddr, Handle>>);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = Server::builder().bind("127.0.0.1:0").await?;
    println!("listening on ws://{}", server.local_addr()?);
    let clients = Arc::new(Clients::default());
    server.serve(move |ws, _request| relay(ws, Arc::clone(&clients))).await?;
    Ok(())
}

async fn relay(mut ws: WebSocket, clients: Arc<Clients>) -> Result<(), BoxError> {
    let own = ws.peer_addr().ok_or("not a TCP connection")?;
    clients.lock().insert(own, ws.handle());
    let result = async {
        while let Some(message) = ws.recv().await? {
            for (_, other) in clients.lock().iter().filter(|(addr, _)| **addr != own) {
                // A client that does not keep up misses messages; the others need not wait.
                let _full_or_gone = other.try_send(message.clone());
            }
        }
        Ok(())
    }
    .await;
    clients.lock().remove(&own);
    result
}

impl Clients {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SocketAddr, Handle>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
