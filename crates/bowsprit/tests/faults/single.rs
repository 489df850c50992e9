//! Faults that need a story of their own.

use std::{
    io,
    pin::{Pin, pin},
    sync::{Arc, mpsc},
    task::{Context, Poll},
};

use bowsprit::{
    Client, CloseCode, ConnectError, ConnectionConfig, Error, Event, Server, WebSocket,
    error::{BoxError, TimeoutKind},
    http::{Request, StatusCode},
    server::Upgrade,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex},
    net::TcpStream,
    sync::Notify,
    time::{Duration, resume, sleep, timeout},
};

use crate::support::{
    URL, background, open,
    rough::{Fault, Op, rough},
    run,
};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// An upgrade that waits for its transport, for connections without a handshake.
fn upgrade(config: ConnectionConfig) -> Upgrade {
    let request = Request::get("/")
        .header("host", "localhost")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY)
        .body(())
        .unwrap();
    Server::builder().config(config).build().upgrade(&request).unwrap().1
}

/// Polls a future, and panics if that happens often.
async fn seldom<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        assert!(polls < 100, "polled all the time");
        future.as_mut().poll(cx)
    })
    .await
}

#[test]
fn a_flush_that_waits_does_not_wake_itself() {
    run(async || {
        let (transport, peer, control) = rough(64);
        let (mut client, _server) =
            open(transport, peer, &ConnectionConfig::client()).await.unwrap();
        control.slow_down(0, 1);
        client.send("more than the transport takes, ".repeat(10)).await.unwrap();
        // The task is woken once for another reason.
        let both = async { tokio::join!(client.flush(), sleep(Duration::from_millis(10))) };
        let waiting = timeout(Duration::from_secs(5), seldom(both)).await;
        assert!(waiting.is_err(), "the transport has taken it all");
    });
}

#[test]
fn a_transport_that_does_not_shut_down_is_left_behind_by_whichever_task_waits() {
    run(async || {
        let (transport, peer, control) = rough(1024);
        let (mut client, mut server) =
            open(peer, transport, &ConnectionConfig::server()).await.unwrap();
        control.fail_at(Op::Shutdown, 1, Fault::Stall);
        let client = background(async move { client.close(CloseCode::NORMAL).await });
        let event = server.next_event().await.unwrap();
        assert!(matches!(event, Some(Event::Close(_))), "{event:?}");
        // Another task goes on, of which the connection has not heard yet.
        let end = background(async move { server.recv().await });
        let end = timeout(Duration::from_secs(60), end).await.expect("nobody was woken");
        assert_eq!(end.unwrap(), None);
        client.await.unwrap();
    });
}

/// A peer that never pauses, and takes everything.
struct Flood {
    head: Vec<u8>,
    then: &'static [u8],
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.is_empty() {
            while buf.remaining() >= self.then.len() {
                buf.put_slice(self.then);
            }
        } else {
            buf.put_slice(&std::mem::take(&mut self.head));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An empty ping and an empty close frame, with masking keys.
const PING: &[u8] = &[0x89, 0x80, 1, 2, 3, 4];
const CLOSE: &[u8] = &[0x88, 0x80, 1, 2, 3, 4];

/// Runs with the real clock, which a test that never pauses would hold up otherwise.
fn run_against_flood(head: &'static [u8], expect: impl AsyncFnOnce(WebSocket) + Send + 'static) {
    run(async move || {
        resume();
        let mut config = ConnectionConfig::server();
        config.close_timeout = Duration::from_millis(100);
        config.linger_timeout = Duration::from_millis(100);
        expect(upgrade(config).into_websocket(Flood { head: head.to_vec(), then: PING })).await;
    });
}

#[test]
fn a_peer_that_floods_after_its_close_frame_is_cut_off() {
    run_against_flood(CLOSE, async |mut ws| assert_eq!(ws.recv().await.unwrap(), None));
}

#[test]
fn a_peer_that_floods_instead_of_answering_a_close_frame_is_cut_off() {
    run_against_flood(PING, async |mut ws| {
        let error = ws.close(CloseCode::NORMAL).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut(TimeoutKind::Close)), "{error:?}");
    });
}

#[test]
fn a_transport_that_is_never_ready_but_always_wakes_does_not_keep_the_timers() {
    run(async || {
        resume();
        let (transport, peer, control) = rough(1024);
        let mut config = ConnectionConfig::client();
        config.write_stall_timeout = Some(Duration::from_millis(100));
        let (mut client, _server) = open(transport, peer, &config).await.unwrap();
        control.slow_down(usize::MAX, 0);
        client.send("hello").await.unwrap();
        let error = client.flush().await.unwrap_err();
        assert!(matches!(error, Error::TimedOut(TimeoutKind::WriteStall)), "{error:?}");
    });
}

#[test]
fn a_handle_that_waits_is_told_when_the_peer_closes() {
    run(async || {
        let (transport, peer, control) = rough(64);
        let (client, mut server) = open(transport, peer, &crate::support::narrow()).await.unwrap();
        let handle = client.handle();
        control.fail_at(Op::Write, 1, Fault::Stall);
        for _ in 0..2 {
            handle.send("x".repeat(90)).await.unwrap();
        }
        let waiting = background(async move { handle.send("more").await });
        let reading = background(async move {
            let mut client = client;
            let event = client.next_event().await.unwrap();
            assert!(matches!(event, Some(Event::Close(_))), "{event:?}");
            client
        });
        let _unanswered = timeout(Duration::from_secs(1), server.close(CloseCode::NORMAL)).await;
        let told = timeout(Duration::from_secs(1), waiting).await.expect("not told");
        assert!(matches!(told, Err(Error::Send(_))), "{told:?}");
        drop(reading.await);
    });
}

#[test]
fn a_refusal_that_breaks_off_is_still_a_refusal() {
    run(async || {
        let (client, mut server) = duplex(1024);
        let answer = background(async move {
            let mut request = [0; 1024];
            let _len = server.read(&mut request).await.unwrap();
            let response = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\ngo away";
            server.write_all(response.as_bytes()).await.unwrap();
        });
        let error = Client::new().connect_over(URL, client).await.unwrap_err();
        answer.await;
        let ConnectError::Rejected(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.body(), "go away");
    });
}

/// Opens a connection when it is dropped.
struct Late(Option<Upgrade>);

impl Drop for Late {
    fn drop(&mut self) {
        if let Some(upgrade) = self.0.take() {
            drop(upgrade.into_websocket(duplex(64).0));
        }
    }
}

#[test]
fn a_connection_that_opens_while_its_runtime_ends_does_not_hang() {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let late = Late(Some(upgrade(ConnectionConfig::server())));
            tokio::spawn(async move {
                let _late = late;
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
        });
        drop(runtime);
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(10)).expect("the runtime does not end");
    thread.join().unwrap();
}

/// Opens a connection by hand, so that nothing answers by itself.
async fn open_raw(stream: &mut TcpStream) -> io::Result<()> {
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(())
}

/// Drops its connection at once, and ends when it is told to.
async fn drop_at_once(ws: WebSocket, end: Arc<Notify>) -> Result<(), BoxError> {
    drop(ws);
    end.notified().await;
    Ok(())
}

#[tokio::test]
async fn a_connection_that_its_handler_has_dropped_is_closed_well_although_the_handler_ends() {
    let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let end = Arc::new(Notify::new());
    let handler_end = Arc::clone(&end);
    let serving =
        tokio::spawn(server.serve(move |ws, _| drop_at_once(ws, Arc::clone(&handler_end))));
    let conversation = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        open_raw(&mut stream).await.unwrap();
        let mut frame = [0; 4];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame, [0x88, 2, 0x03, 0xE8]);
        end.notify_one();
        let early = timeout(Duration::from_millis(200), stream.read_u8()).await;
        assert!(early.is_err(), "cut before the answer: {early:?}");
        stream.write_all(CLOSE).await.unwrap();
        let last = stream.read_u8().await.unwrap_err();
        assert_eq!(last.kind(), io::ErrorKind::UnexpectedEof);
    };
    timeout(Duration::from_secs(10), conversation).await.unwrap();
    serving.abort();
}
