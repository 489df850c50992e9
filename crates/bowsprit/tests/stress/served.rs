//! A server, and its clients.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use bowsprit::{
    Client, ConnectionConfig, Deflate, Error, Server, WebSocket, error::BoxError, http::Request,
    server::ServerBuilder,
};
use tokio::{task::JoinHandle, time::sleep};

use super::harness::Random;

/// How long connections may take to be over.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Served {
    pub(super) url: String,
    pub(super) server: Server,
    task: JoinHandle<Result<(), Error>>,
}

/// Short time-outs and queues.
pub(super) fn config() -> ConnectionConfig {
    ConnectionConfig::server()
        .close_timeout(Duration::from_secs(2))
        .linger_timeout(Duration::from_millis(300))
        .write_stall_timeout(Duration::from_secs(5))
        .high_water_mark(16 * 1024)
        .max_queue_len(64 * 1024)
}

/// With compression or without it.
pub(super) fn builder(random: &mut Random) -> ServerBuilder {
    let deflate = random.once_in(2).then(Deflate::server);
    Server::builder().config(config()).deflate(deflate)
}

pub(super) fn client() -> Client {
    Client::new().config(config()).deflate(Deflate::client())
}

/// A server with this handler.
pub(super) async fn serve<H, F>(builder: ServerBuilder, handler: H) -> Served
where
    H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let bound = builder.bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", bound.local_addr().unwrap());
    let server = bound.server();
    Served { url, server, task: tokio::spawn(bound.serve(handler)) }
}

pub(super) async fn echo(mut ws: WebSocket, _: Request<()>) -> Result<(), BoxError> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

impl Served {
    /// No connection stays, and what the counters tell agrees.
    pub(super) async fn expect_empty(&self) {
        let begun = Instant::now();
        loop {
            let stats = self.server.stats();
            let ended = stats.closes.total();
            if self.server.connections() == 0
                && stats.connections == 0
                && stats.handshakes.accepted == ended
            {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{} stay: {stats:?}", self.server.connections());
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
