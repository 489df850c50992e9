//! Runtimes that end before their connections do, that are seldom driven, and that lack something.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use bowsprit::{Client, Deflate, Error, Handle, Server, State, WebSocket};
use tokio::{
    io::DuplexStream,
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::{
    peer::{Frame, Peer, TEXT, switching_protocols},
    support::{SECOND, URL, accepted, client, paused, server, server_over, two_threads, watched},
};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A connection on `runtime` whose peer takes nothing.
fn stuck(runtime: &Runtime) -> (WebSocket, Peer<DuplexStream>) {
    runtime.block_on(server_over(Server::builder(), 1000))
}

/// A connection on `runtime` over a socket, and the server's end of that.
fn over_socket(runtime: &Runtime) -> (WebSocket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let accepting = thread::spawn(move || {
        let mut peer = listener.accept().unwrap().0;
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            peer.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let response = switching_protocols(std::str::from_utf8(&request).unwrap(), "");
        peer.write_all(response.as_bytes()).unwrap();
        peer
    });
    let ws = runtime.block_on(Client::new().connect(&url)).unwrap();
    (ws, accepting.join().unwrap())
}

/// Whatever is done with it, the connection is over.
fn assert_terminated(mut ws: WebSocket) {
    let handle = ws.handle();
    assert_eq!(ws.state(), State::Closed);
    assert!(matches!(handle.try_send("more"), Err(Error::Terminated)));
    one_thread().block_on(async {
        let ended = timeout(SECOND, async {
            let sent = [ws.send("more").await, handle.send("more").await];
            (sent, ws.flush().await, ws.handle().closed().await, ws.recv().await)
        });
        let (sent, flushed, closed, received) = ended.await.expect("it hangs");
        assert!(sent.iter().all(|sent| matches!(sent, Err(Error::Terminated))), "{sent:?}");
        assert!(matches!(flushed, Err(Error::Terminated)), "{flushed:?}");
        assert!(matches!(closed, Err(Error::Terminated)), "{closed:?}");
        assert!(matches!(received, Err(Error::Terminated)), "{received:?}");
    });
}

#[test]
fn a_connection_ends_with_its_runtime() {
    for make in [one_thread, two_threads] {
        watched(move || {
            let runtime = make();
            let (one, _peer) = stuck(&runtime);
            let (two, _socket) = over_socket(&runtime);
            drop(runtime);
            assert_terminated(one);
            assert_terminated(two);
        });
    }
}

#[test]
fn a_connection_ends_with_a_runtime_that_nobody_waits_for() {
    watched(|| {
        let runtime = two_threads();
        let (ws, _peer) = stuck(&runtime);
        runtime.shutdown_background();
        let ended = one_thread().block_on(async { timeout(5 * SECOND, ws.closed()).await });
        assert!(matches!(ended, Ok(Err(Error::Terminated))), "{ended:?}");
        assert_terminated(ws);
    });
}

#[test]
fn who_waits_elsewhere_is_told_of_the_end_of_the_runtime() {
    watched(|| {
        let runtime = one_thread();
        let (ws, _peer) = stuck(&runtime);
        let handle = ws.handle();
        handle.try_send(vec![1; 2_000_000]).unwrap();
        let (begun, began) = mpsc::channel();
        let waiting = thread::spawn(move || {
            begun.send(()).unwrap();
            handle.blocking_send("when there is room")
        });
        began.recv().unwrap();
        drop(runtime);
        assert!(matches!(waiting.join().unwrap(), Err(Error::Terminated)));
        drop(ws);
    });
}

#[test]
fn a_message_that_is_to_be_compressed_after_the_end_of_the_runtime_is_refused() {
    watched(|| {
        let runtime = two_threads();
        let server = Server::builder().deflate(Deflate::server()).build();
        let client = Client::new().deflate(Deflate::client());
        let (ours, theirs) = tokio::io::duplex(1000);
        let (ws, _peer) = runtime.block_on(async {
            tokio::join!(server.accept(ours), client.connect_over(URL, theirs))
        });
        let ws = ws.unwrap();
        drop(runtime);
        assert!(matches!(ws.handle().try_send("x".repeat(500_000)), Err(Error::Terminated)));
    });
}

/// What was sent in the last moment leaves, as far as the transport takes it at once.
#[test]
fn the_end_of_a_runtime_takes_no_message_that_there_is_room_for() {
    watched(|| {
        let runtime = one_thread();
        let (mut ws, mut socket) = over_socket(&runtime);
        runtime.block_on(ws.send("last words")).unwrap();
        drop(runtime);
        let mut received = Vec::new();
        socket.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), 2 + 4 + "last words".len());
        drop(ws);
    });
}

/// As documented: the flusher runs only while the runtime is driven.
#[test]
fn flush_writes_what_a_runtime_that_is_driven_for_one_call_has_sent() {
    watched(|| {
        let runtime = one_thread();
        let (mut ws, mut socket) = over_socket(&runtime);
        runtime.block_on(async { ws.send("hello").await.and(ws.flush().await) }).unwrap();
        let mut frame = [0; 2 + 4 + 5];
        socket.read_exact(&mut frame).unwrap();
        assert_eq!(frame[..2], [0x81, 0x85]);
        drop(ws);
    });
}

/// Each runtime has a few, which its sockets and its handles share.
#[cfg(target_os = "linux")]
#[test]
fn handles_keep_no_descriptors_of_runtimes_that_have_ended() {
    fn pollers() -> usize {
        let descriptors = std::fs::read_dir("/proc/self/fd").unwrap();
        let paths = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        paths.filter(|path| path.as_os_str() == "anon_inode:[eventpoll]").count()
    }
    watched(|| {
        let kept: Vec<Handle> = (0..150)
            .map(|_| {
                let runtime = one_thread();
                let (mut ws, _socket) = over_socket(&runtime);
                let handle = ws.handle();
                runtime.block_on(async {
                    ws.send("hello").await.unwrap();
                    tokio::spawn(async move { ws.recv().await.map(drop) });
                    tokio::task::yield_now().await;
                });
                handle
            })
            .collect();
        // Other tests have runtimes as well.
        assert!(pollers() < 75, "{} with {} handles", pollers(), kept.len());
    });
}

/// Says when it is dropped.
struct Data {
    handle: Handle,
    _alive: Arc<()>,
}

impl Drop for Data {
    fn drop(&mut self) {
        // Not under the lock.
        assert!(self.handle.try_send("more").is_err());
    }
}

fn keep_own_handle(ws: &WebSocket) -> Arc<()> {
    let alive = Arc::new(());
    ws.handle().set_data(Data { handle: ws.handle(), _alive: Arc::clone(&alive) });
    alive
}

#[test]
fn data_that_holds_the_connections_own_handle_goes_with_the_connection() {
    paused(async {
        let (ws, mut peer) = server().await;
        let alive = keep_own_handle(&ws);
        drop(ws);
        peer.expect_end().await;
        assert_eq!(Arc::strong_count(&alive), 1, "dropped before it has ended");

        let (mut ws, mut peer) = client().await;
        let alive = keep_own_handle(&ws);
        ws.send("hello").await.unwrap();
        peer.expect(TEXT, "hello").await;
        drop(peer);
        assert!(ws.recv().await.is_err());
        assert!(ws.handle().data::<Data>().is_some(), "a reader may still ask for it");
        let handle = ws.handle();
        drop(ws);
        assert_eq!(Arc::strong_count(&alive), 1, "dropped after it has ended");
        let late = Arc::new(());
        handle.set_data(Arc::clone(&late));
        assert_eq!(Arc::strong_count(&late), 1, "set when all was over");
    });
}

/// What a runtime without timers or sockets says, at once.
fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    panic.downcast_ref::<&str>().map_or_else(
        || panic.downcast_ref::<String>().cloned().unwrap_or_default(),
        |text| String::from(*text),
    )
}

#[test]
fn a_runtime_without_timers_is_refused_at_once() {
    watched(|| {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        for message in [
            panic_of(|| drop(runtime.block_on(bowsprit::connect("ws://127.0.0.1:9/")))),
            panic_of(|| drop(runtime.block_on(server()))),
            panic_of(|| drop(runtime.block_on(client()))),
            panic_of(|| {
                let _context = runtime.enter();
                drop(accepted().into_websocket(tokio::io::duplex(64).0));
            }),
        ] {
            assert!(message.contains("timers are disabled"), "{message}");
        }
    });
}

#[test]
fn a_runtime_without_sockets_is_enough_for_other_transports() {
    watched(|| {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (mut ws, mut peer) = server().await;
            ws.send("hello").await.unwrap();
            ws.flush().await.unwrap();
            assert_eq!(peer.frame().await, Frame::new(TEXT, "hello"));
        });
        for message in [
            panic_of(|| drop(runtime.block_on(bowsprit::connect("ws://127.0.0.1:9/")))),
            panic_of(|| drop(runtime.block_on(Server::builder().bind("127.0.0.1:0")))),
        ] {
            assert!(message.contains("IO is disabled"), "{message}");
        }
    });
}
