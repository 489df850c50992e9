//! What the tests of bad transports share.

#![allow(dead_code, reason = "each test binary uses a part of this")]

pub(crate) mod knife;
pub(crate) mod rough;

use std::{panic::resume_unwind, sync::mpsc, thread, time::Duration};

use bowsprit::{Client, ConnectionConfig, Error, Message, Server, WebSocket, transport::Transport};
use tokio::{runtime::Builder, time::timeout};

pub(crate) const URL: &str = "ws://localhost/";

/// In the test's own time, which passes only while all tasks wait.
const HANG: Duration = Duration::from_secs(1_000_000);

/// In real time: a test that is not done by now runs in circles.
const SPIN: Duration = Duration::from_secs(100);

/// Runs a test on a current-thread runtime whose clock is paused. A test that hangs fails, and so
/// does one that runs in circles.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let body = move || {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.unwrap();
        runtime.block_on(async { timeout(HANG, test()).await.expect("the test hangs") });
        drop(runtime);
        done.send(()).unwrap();
    };
    let thread = thread::Builder::new().name(name).spawn(body).unwrap();
    if ended.recv_timeout(SPIN) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the test is still busy after {SPIN:?}");
    }
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
}

/// Opens a connection over two transports that are joined: the client's and the server's end.
pub(crate) async fn open(
    client: impl Transport,
    server: impl Transport,
    config: &ConnectionConfig,
) -> Result<(WebSocket, WebSocket), Error> {
    let builder = Server::builder().config(config.clone()).build();
    let connector = Client::new().config(config.clone());
    let opened = tokio::join!(connector.connect_over(URL, client), builder.accept(server));
    Ok((opened.0?, opened.1?))
}

/// Receives all messages until a clean end.
pub(crate) async fn collect(ws: &mut WebSocket) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::new();
    while let Some(message) = ws.recv().await? {
        messages.push(message);
    }
    Ok(messages)
}

/// So many bytes that do not repeat soon, so that none can get lost or doubled unseen.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + (i >> 8)).to_le_bytes()[0]).collect()
}

/// So many bytes of text, with characters of one to four bytes.
pub(crate) fn text(len: usize) -> String {
    "aé€😀".repeat(len / 10) + &"x".repeat(len % 10)
}

/// Runs something to its end in the background; it is stopped with the test.
pub(crate) fn background<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> {
    let task = tokio::spawn(task);
    async { task.await.unwrap_or_else(|error| resume_unwind(error.into_panic())) }
}

/// ConnectionConfig with low limits on what is queued, so that sending has to wait.
pub(crate) fn narrow() -> ConnectionConfig {
    let mut config = ConnectionConfig::server();
    config.high_water_mark = 100;
    config.max_queue_len = 100;
    config
}
