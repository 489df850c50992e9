//! Connections of programs without a runtime.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use bowsprit::{
    Client, CloseCode, ConnectError, Error, blocking,
    error::{SendError, TryRecvError},
};
use tokio::{net::TcpListener, runtime::Runtime};

use super::{
    peer::{PING, PONG, Peer, TEXT},
    support::{SECOND, real, serve, two_threads, watched},
};

/// An echo in a runtime of its own, and its URL.
fn echo(runtime: &Runtime) -> String {
    let serving = serve(|mut ws, _| async move {
        while let Some(message) = ws.recv().await? {
            ws.send(message).await?;
        }
        Ok(())
    });
    format!("ws://{}/", runtime.block_on(serving).0)
}

/// A connection to a hand-made server, which `play` is.
fn against<F>(play: impl FnOnce(Peer<tokio::net::TcpStream>) -> F + Send + 'static) -> Played
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = two_threads();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        runtime.block_on(async {
            let (stream, _) = listener.accept().await.unwrap();
            play(Peer::accept(stream).await).await;
        });
    });
    Played { ws: blocking::connect(&url).unwrap(), server }
}

struct Played {
    ws: blocking::WebSocket,
    server: thread::JoinHandle<()>,
}

#[test]
fn a_script_connects_sends_receives_and_closes() {
    watched(|| {
        let runtime = two_threads();
        let url = echo(&runtime);
        let mut ws = blocking::connect(&url).unwrap();
        ws.send("hello").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), "hello");
        ws.send(vec![7; 1 << 20]).unwrap();
        assert_eq!(ws.recv_timeout(5 * SECOND).unwrap().len(), 1 << 20);
        ws.close((1000, "done")).unwrap();
        assert_eq!(ws.peer_close().unwrap().reason, "done");
        assert!(ws.recv().unwrap().is_none());
        let late = ws.send("late");
        assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
        ws.close(1000).unwrap();
    });
}

#[test]
fn pings_and_the_close_frame_are_answered_between_calls() {
    watched(|| {
        let Played { mut ws, server } = against(|mut peer| async move {
            peer.send(PING, "still there?").await;
            peer.expect(PONG, "still there?").await;
            peer.send(TEXT, "last words").await;
            peer.send_close(1001, "").await;
            peer.expect_close(1001).await;
        });
        // Nothing is called meanwhile.
        server.join().unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), "last words");
        assert!(ws.recv().unwrap().is_none());
        assert_eq!(ws.peer_close().unwrap().code, 1001);
    });
}

#[test]
fn a_time_out_is_no_error_of_the_connection() {
    watched(|| {
        let Played { mut ws, server } = against(|mut peer| async move {
            peer.expect(TEXT, "go on").await;
            peer.send(TEXT, "one").await;
            peer.expect(TEXT, "end").await;
        });
        let none = ws.recv_timeout(Duration::from_millis(20));
        assert!(matches!(none, Err(TryRecvError::Empty)), "{none:?}");
        assert!(matches!(ws.try_recv(), Err(TryRecvError::Empty)));
        ws.send("go on").unwrap();
        assert_eq!(ws.recv_timeout(5 * SECOND).unwrap(), "one");
        // The server is gone as soon as it has this, perhaps before the call returns.
        let _gone = ws.send("end");
        server.join().unwrap();
        let ended = ws.recv_timeout(5 * SECOND);
        assert!(matches!(ended, Err(TryRecvError::Error(_))), "{ended:?}");
        assert!(matches!(ws.try_recv(), Err(TryRecvError::Closed)));
        assert!(ws.recv().unwrap().is_none());
    });
}

#[test]
fn what_is_read_ahead_is_bounded_and_nothing_is_lost() {
    const MESSAGES: usize = 64;
    watched(|| {
        let runtime = two_threads();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let serving = serve(move |mut ws, _| {
            let tell = tell.clone();
            async move {
                for number in 0..MESSAGES {
                    ws.send(vec![u8::try_from(number)?; 1 << 20]).await?;
                    tell.send(number)?;
                }
                Ok(())
            }
        });
        let url = format!("ws://{}/", runtime.block_on(serving).0);
        let mut ws = blocking::connect(&url).unwrap();
        thread::sleep(SECOND / 2);
        let mut sent = 0;
        while told.try_recv().is_ok() {
            sent += 1;
        }
        assert!(sent < MESSAGES / 2, "{sent} MiB were taken although nobody asked for them");
        for number in 0..MESSAGES {
            let message = ws.recv().unwrap().unwrap();
            assert!(message.as_bytes().iter().all(|byte| usize::from(*byte) == number));
        }
        assert!(ws.recv().unwrap().is_none());
    });
}

#[test]
fn one_thread_serves_all_connections_and_dropping_ends_them() {
    watched(|| {
        let runtime = two_threads();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let serving = serve(move |mut ws, _| {
            let tell = tell.clone();
            async move {
                let ended = ws.recv().await;
                tell.send(ended.is_err())?;
                Ok(())
            }
        });
        let url = format!("ws://{}/", runtime.block_on(serving).0);
        let connections = [(); 8].map(|()| blocking::connect(&url).unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(threads_named("bowsprit"), 1);
        drop(connections);
        for _ in 0..8 {
            assert_eq!(told.blocking_recv(), Some(true));
        }
    });
}

#[cfg(target_os = "linux")]
fn threads_named(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim_end() == name).count()
}

#[test]
fn threads_send_through_handles_meanwhile() {
    watched(|| {
        let runtime = two_threads();
        let mut ws = blocking::connect(&echo(&runtime)).unwrap();
        let handle = ws.handle();
        let sending = thread::spawn(move || {
            for number in 0..100_u32 {
                handle.blocking_send(number.to_string()).unwrap();
            }
        });
        for number in 0..100_u32 {
            assert_eq!(ws.recv().unwrap().unwrap(), number.to_string());
        }
        sending.join().unwrap();
        ws.close(1000).unwrap();
    });
}

#[test]
fn what_cannot_be_done_is_an_error() {
    watched(|| {
        let client = Client::new().connect_timeout(SECOND);
        let refused = blocking::connect_with(&client, "ws://127.0.0.1:1/");
        assert!(matches!(refused, Err(ConnectError::Io(_))), "{refused:?}");
        let runtime = two_threads();
        let mut ws = blocking::connect_with(&client, &echo(&runtime)).unwrap();
        let refused = ws.close(CloseCode::new(999));
        assert!(matches!(refused, Err(Error::Send(SendError::CloseCode(_)))), "{refused:?}");
        ws.send("still open").unwrap();
        assert_eq!(ws.recv().unwrap().unwrap(), "still open");
    });
    real(async {
        let call = AssertUnwindSafe(|| blocking::connect("ws://127.0.0.1:1/"));
        assert!(catch_unwind(call).is_err(), "async code was blocked");
    });
}
