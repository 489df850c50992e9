//! What the tests share: runtimes with a watchdog, and connections to a hand-made peer.

use std::{future::Future, net::SocketAddr, sync::mpsc, thread, time::Duration};

use bowsprit::{
    Client, ConnectionConfig, Error, Server, WebSocket,
    error::BoxError,
    http::{HeaderName, Request},
    server::{ServerBuilder, Upgrade},
};
use tokio::{
    io::DuplexStream,
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

use super::peer::{Peer, REQUEST};

/// A test that takes longer hangs. Real time, on a thread of its own, so that a deadlock or a loop
/// without end is noticed as well.
const WATCHDOG: Duration = Duration::from_secs(15);

/// What the pipe between a connection and its peer holds each way, unless a test says otherwise.
pub(super) const PIPE_LEN: usize = 64 * 1024;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) const URL: &str = "ws://example.com/chat?room=1";

/// Runs a test on one thread with tokio's clock paused: it goes on when nothing else can.
pub(super) fn paused(test: impl Future<Output = ()> + Send + 'static) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    watched(move || {
        let hour = Duration::from_secs(3600);
        let in_time = runtime.block_on(async { tokio::time::timeout(hour, test).await });
        in_time.expect("nothing happens any more");
    });
}

/// Runs a test on one thread with the real clock, for sockets.
pub(super) fn real(test: impl Future<Output = ()> + Send + 'static) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    watched(move || runtime.block_on(test));
}

/// Runs a test with two worker threads.
pub(super) fn threaded(test: impl Future<Output = ()> + Send + 'static) {
    let runtime = two_threads();
    watched(move || runtime.block_on(async { tokio::spawn(test).await.unwrap() }));
}

pub(super) fn two_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs `test` on a thread of its own and fails if it does not end.
pub(super) fn watched(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        let _gone = done.send(());
    });
    if ended.recv_timeout(WATCHDOG) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("the test hangs");
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A server's connection to a hand-made client.
pub(super) async fn server_with(builder: ServerBuilder) -> (WebSocket, Peer<DuplexStream>) {
    server_over(builder, PIPE_LEN).await
}

/// The same over a pipe of another length.
pub(super) async fn server_over(
    builder: ServerBuilder,
    pipe_len: usize,
) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(pipe_len);
    let server = builder.build();
    let (ws, peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
    (ws.unwrap(), peer)
}

/// A server's connection with the default configuration.
pub(super) async fn server() -> (WebSocket, Peer<DuplexStream>) {
    server_with(Server::builder()).await
}

/// A server's connection with another configuration.
pub(super) async fn server_opts(config: ConnectionConfig) -> (WebSocket, Peer<DuplexStream>) {
    server_with(Server::builder().config(config)).await
}

/// A client's connection to a hand-made server.
pub(super) async fn client_with(client: Client) -> (WebSocket, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (ws, peer) = tokio::join!(client.connect_over(URL, ours), Peer::accept(theirs));
    (ws.unwrap(), peer)
}

/// A client's connection with the default configuration.
pub(super) async fn client() -> (WebSocket, Peer<DuplexStream>) {
    client_with(Client::new()).await
}

/// A request that a server has accepted, and that waits for its transport.
pub(super) fn accepted() -> Upgrade {
    Server::builder().build().upgrade(&accepted_request()).unwrap().1
}

/// A request that servers accept, as other HTTP servers read it.
pub(super) fn accepted_request() -> Request<()> {
    let mut request = Request::new(());
    for line in REQUEST.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

/// A client's and a server's connection to each other.
pub(super) async fn pair() -> (WebSocket, WebSocket) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let (server, client) = (Server::builder().build(), Client::new());
    let (client, server) = tokio::join!(client.connect_over(URL, ours), server.accept(theirs));
    (client.unwrap(), server.unwrap())
}

/// A server on a free port that runs `handler`, and its task.
pub(super) async fn serve<H, F>(handler: H) -> (SocketAddr, JoinHandle<Result<(), Error>>)
where
    H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    run_handler(Server::builder(), handler).await
}

/// The same with another configuration.
pub(super) async fn run_handler<H, F>(
    builder: ServerBuilder,
    handler: H,
) -> (SocketAddr, JoinHandle<Result<(), Error>>)
where
    H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    (server.local_addr().unwrap(), tokio::spawn(server.serve(handler)))
}

/// A server on a free port whose routes have handlers, and its task.
pub(super) async fn run(builder: ServerBuilder) -> (SocketAddr, JoinHandle<Result<(), Error>>) {
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    (server.local_addr().unwrap(), tokio::spawn(server.run()))
}

/// A server's connection to a hand-made client with this request, and the request as it arrives.
pub(super) async fn accept_request(
    server: &Server,
    request: impl AsRef<[u8]>,
) -> (WebSocket, Request<()>, Peer<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(PIPE_LEN);
    let mut peer = Peer::client(theirs);
    let (accepted, head) = tokio::join!(server.accept_request(ours), async {
        peer.write(request).await;
        peer.head().await
    });
    let (ws, request) = accepted.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    (ws, request, peer)
}

/// A hand-made client of the server at `addr`.
pub(super) async fn dial(addr: SocketAddr) -> Peer<TcpStream> {
    Peer::connect(TcpStream::connect(addr).await.unwrap()).await
}

/// Two ends of a TCP connection.
pub(super) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(addr), listener.accept());
    (near.unwrap(), far.unwrap().0)
}
