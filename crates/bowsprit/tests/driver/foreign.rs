//! Code of the application that runs in the middle of ours, and sends on the same connection.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use bowsprit::{
    Client, Deflate, Handle, Server, Topics, WebSocket, message::Outgoing, testing::pair_of,
    topics::SlowConsumerPolicy,
};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    runtime::Builder,
    task::yield_now,
};
use tracing::{Event, Metadata, Subscriber, span};

use super::{
    peer::{BINARY, Peer, TEXT},
    support::{PIPE_LEN, paused, server, two_threads, watched},
};

/// Sends while it is made into a message.
struct Sends(Handle);

impl From<Sends> for Outgoing<'_> {
    fn from(sends: Sends) -> Self {
        sends.0.try_send("first").unwrap();
        "second".into()
    }
}

#[test]
fn a_conversion_may_send() {
    paused(async {
        let (mut ws, mut peer) = server().await;
        let handle = ws.handle();
        ws.send(Sends(handle.clone())).await.unwrap();
        handle.send(Sends(handle.clone())).await.unwrap();
        handle.try_send(Sends(handle.clone())).unwrap();
        for _ in 0..3 {
            peer.expect(TEXT, "first").await;
            peer.expect(TEXT, "second").await;
        }
    });
}

/// Notes what is counted when it is woken.
struct Counts {
    server: Server,
    seen: mpsc::Sender<(u64, u64)>,
}

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        let sent = self.server.stats().sent;
        self.seen.send((sent.messages(), sent.wire_bytes)).unwrap();
    }
}

/// As everybody can end the connection from that moment on.
#[test]
fn what_was_written_is_counted_before_the_lock_is_given_back() {
    paused(async {
        let (ours, theirs) = duplex(PIPE_LEN);
        let server = Server::builder().build();
        let (ws, mut peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
        let mut ws = ws.unwrap();
        let (seen, counts) = mpsc::channel();
        ws.send(vec![7; 100_000]).await.unwrap();
        let waker = Waker::from(Arc::new(Counts { server, seen }));
        let mut flush = Box::pin(ws.flush());
        assert!(flush.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        peer.expect(BINARY, vec![7; 100_000]).await;
        assert_eq!(counts.recv().unwrap(), (1, 100_010));
        drop(flush);
    });
}

/// Bytes whose owner sends when they are dropped, and says so.
struct Owner {
    bytes: Vec<u8>,
    handle: Handle,
    dropped: mpsc::Sender<()>,
}

impl Owner {
    /// Bytes so owned, and what tells of their end.
    fn bytes(len: usize, handle: &Handle) -> (Bytes, mpsc::Receiver<()>) {
        let (dropped, told) = mpsc::channel();
        let handle = handle.clone();
        (Bytes::from_owner(Self { bytes: vec![7; len], handle, dropped }), told)
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Who has ended takes none.
        let _sent = self.handle.try_send("dropped");
        let _gone = self.dropped.send(());
    }
}

/// Copied, shared with the socket, and written in parts.
const LENS: [usize; 5] = [20, 5000, 20_000, 100_000, 300_000];

#[test]
fn an_owner_of_bytes_may_send_when_they_are_done_with() {
    paused(async {
        for len in LENS {
            let (mut ws, mut peer) = server().await;
            let (bytes, dropped) = Owner::bytes(len, &ws.handle());
            if len % 2 == 0 {
                ws.send(bytes).await.unwrap()
            } else {
                ws.handle().try_send(bytes).unwrap()
            }
            peer.expect(BINARY, vec![7; len]).await;
            peer.expect(TEXT, "dropped").await;
            dropped.try_recv().unwrap();
        }
    });
}

#[test]
fn an_owner_of_bytes_may_send_when_the_connection_ends() {
    paused(async {
        let (ws, _peer) = server().await;
        let handle = ws.handle();
        let (bytes, dropped) = Owner::bytes(300_000, &handle);
        handle.try_send(bytes).unwrap();
        yield_now().await;
        dropped.try_recv().unwrap_err();
        handle.terminate();
        dropped.try_recv().unwrap();
    });
}

#[test]
fn an_owner_of_bytes_may_send_when_a_publication_is_left_out() {
    paused(async {
        let policies = [
            SlowConsumerPolicy::KeepLatest,
            SlowConsumerPolicy::DropOldest,
            SlowConsumerPolicy::default(),
        ];
        for policy in policies {
            let (mut ws, _peer) = server().await;
            let (topics, handle) = (Topics::new().slow_consumers(policy), ws.handle());
            topics.join("news", &handle);
            ws.send(vec![0; 300_000]).await.unwrap();
            yield_now().await;
            let (bytes, dropped) = Owner::bytes(100_000, &handle);
            topics.publish("news", bytes).send_now();
            dropped.try_recv().unwrap_err();
            for _ in 0..10 {
                topics.publish("news", vec![1; 150_000]).send_now();
            }
            handle.terminate();
            dropped.try_recv().unwrap();
        }
    });
}

/// Sends whenever anything is told.
struct Curious(Arc<Mutex<Option<Handle>>>);

impl Subscriber for Curious {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.send();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.send();
        id.clone()
    }

    fn try_close(&self, _: span::Id) -> bool {
        self.send();
        true
    }
}

impl Curious {
    /// Only once: what it sends is told as well.
    fn send(&self) {
        let handle = self.0.lock().unwrap().take();
        if let Some(handle) = handle {
            let _sent = handle.try_send("told");
        }
    }
}

/// Repeats what is to be told until it is. An event that another test meets for the first time,
/// just as our subscriber comes, is told nobody until its interest is looked at anew.
async fn until_told<F: Future>(armed: &Mutex<Option<Handle>>, mut repeat: impl FnMut() -> F) {
    loop {
        tracing::callsite::rebuild_interest_cache();
        repeat().await;
        if armed.lock().unwrap().is_none() {
            return;
        }
    }
}

/// The message that was sent, and what the subscriber has sent about it, if it was told.
async fn expect_sent(armed: &Mutex<Option<Handle>>, peer: &mut Peer<DuplexStream>) {
    peer.expect(TEXT, "sent").await;
    if armed.lock().unwrap().is_none() {
        peer.expect(TEXT, "told").await;
    }
}

#[test]
fn a_subscriber_may_send() {
    watched(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let armed = Arc::default();
        let curious = Curious(Arc::clone(&armed));
        tracing::subscriber::with_default(curious, || {
            runtime.block_on(async {
                until_told(&armed, || async {
                    let (ws, mut peer) = server().await;
                    *armed.lock().unwrap() = Some(ws.handle());
                    ws.handle().try_send("sent").unwrap();
                    expect_sent(&armed, &mut peer).await;
                })
                .await;
                until_told(&armed, || async {
                    let (mut ws, mut peer) = server().await;
                    *armed.lock().unwrap() = Some(ws.handle());
                    ws.send("sent").await.unwrap();
                    expect_sent(&armed, &mut peer).await;
                })
                .await;
                until_told(&armed, || async {
                    let (ws, _peer) = server().await;
                    *armed.lock().unwrap() = Some(ws.handle());
                    ws.handle().terminate();
                })
                .await;
            });
        });
    });
}

/// A transport that sends when it is dropped.
struct Transport {
    io: DuplexStream,
    handle: Arc<Mutex<Option<Handle>>>,
    dropped: mpsc::Sender<()>,
}

impl Drop for Transport {
    fn drop(&mut self) {
        let handle = self.handle.lock().unwrap().take();
        assert!(handle.is_some_and(|handle| handle.try_send("too late").is_err()));
        self.dropped.send(()).unwrap();
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[test]
fn a_transport_may_send_when_it_is_dropped() {
    paused(async {
        let (io, theirs) = duplex(PIPE_LEN);
        let (handle, (dropped, told)) = (Arc::default(), mpsc::channel());
        let transport = Transport { io, handle: Arc::clone(&handle), dropped };
        let server = Server::builder().build();
        let (ws, _peer) = tokio::join!(server.accept(transport), Peer::connect(theirs));
        let ws = ws.unwrap();
        *handle.lock().unwrap() = Some(ws.handle());
        let (receive, send) = ws.split();
        // The half that writes is the last to go.
        drop(receive);
        told.try_recv().unwrap_err();
        drop(send);
        told.try_recv().unwrap();
    });
}

/// A long message that is worth compressing.
fn long() -> Vec<u8> {
    b"a message of many words that come again ".repeat(2500)
}

/// A connection whose messages are compressed.
async fn deflating() -> (WebSocket, WebSocket) {
    let server = Server::builder().deflate(Deflate::server()).build();
    let client = Client::new().deflate(Deflate::client());
    pair_of(&client, &server, "ws://localhost/").await.unwrap()
}

#[test]
fn a_runtime_may_end_while_long_messages_are_compressed() {
    watched(|| {
        for round in 0..30 {
            let runtime = two_threads();
            let (started, running) = mpsc::channel();
            for _ in 0..8 {
                let started = started.clone();
                runtime.spawn(async move {
                    let (mut client, mut ws) = deflating().await;
                    started.send(()).unwrap();
                    tokio::spawn(async move { while let Ok(Some(_)) = client.recv().await {} });
                    while ws.send(long()).await.is_ok() {}
                });
            }
            for _ in 0..8 {
                running.recv().unwrap();
            }
            thread::sleep(Duration::from_millis(round % 10));
            drop(runtime);
        }
    });
}

#[test]
fn a_long_message_may_be_sent_when_the_runtime_has_ended() {
    watched(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (_client, ws) = runtime.block_on(deflating());
        runtime.shutdown_background();
        // Whether the message is refused is not the question.
        let _sent = ws.handle().try_send(long());
        ws.handle().try_send("more").unwrap_err();
    });
}
