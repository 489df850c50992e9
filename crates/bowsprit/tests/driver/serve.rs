//! Handlers under `serve`: how they end, and what goes on while they wait.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use bowsprit::{ConnectError, Error, Handle, Server, State, WebSocket};
use tokio::sync::{mpsc, oneshot};

use super::{
    peer::{PING, PONG, TEXT},
    support::{SECOND, dial, real, serve, two_threads, watched},
};

/// Something that one connection's handler takes and all others leave.
struct Once<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Once<T> {
    fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    fn take(&self) -> T {
        self.0.lock().unwrap().take().expect("only one connection")
    }
}

async fn echo(mut ws: WebSocket) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[test]
fn a_handler_that_returns_ok_closes_with_1000() {
    real(async {
        let (addr, _server) = serve(|mut ws, _| async move {
            ws.send("welcome").await?;
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        peer.expect(TEXT, "welcome").await;
        peer.finish(1000).await;
    });
}

#[test]
fn a_handler_that_fails_closes_with_1011() {
    real(async {
        let (addr, _server) = serve(|_ws, _| async { Err("no database".into()) }).await;
        dial(addr).await.finish(1011).await;
    });
}

#[test]
fn a_handler_that_panics_closes_with_1011_and_harms_no_other_connection() {
    real(async {
        let (addr, _server) = serve(|mut ws, _| async move {
            while let Some(message) = ws.recv().await? {
                assert_ne!(message.as_text(), Some("panic"), "as asked");
                ws.send(message).await?;
            }
            Ok(())
        })
        .await;
        let (mut healthy, mut doomed) = (dial(addr).await, dial(addr).await);
        doomed.send(TEXT, "panic").await;
        doomed.finish(1011).await;
        healthy.send(TEXT, "still here?").await;
        healthy.expect(TEXT, "still here?").await;
        dial(addr).await.send(TEXT, "and new ones get in").await;
    });
}

#[test]
fn a_panic_before_the_handlers_first_await_closes_with_1011() {
    #[expect(clippy::unused_async, reason = "a handler is a future")]
    async fn handler() -> Result<(), bowsprit::error::BoxError> {
        panic!("at once");
    }
    real(async {
        let (addr, _server) = serve(|_ws, _| handler()).await;
        dial(addr).await.finish(1011).await;
    });
}

#[test]
fn a_half_that_another_task_reads_is_woken_when_the_connection_is_cut() {
    real(async {
        let (read, mut outcomes) = mpsc::unbounded_channel();
        let (addr, _server) = serve(move |ws, _| {
            let read = read.clone();
            async move {
                let handle = ws.handle();
                let (mut receive, mut send) = ws.split();
                // Read here first, so that both tasks are known.
                let first = receive.recv().await?;
                let reader = tokio::spawn(async move {
                    let _test_ended = read.send(receive.recv().await.map(drop));
                    let _test_ended = read.send(receive.recv().await.map(drop));
                });
                send.send(first.unwrap()).await?;
                tokio::time::sleep(SECOND / 20).await;
                handle.terminate();
                reader.await?;
                Ok(())
            }
        })
        .await;
        let mut peer = dial(addr).await;
        peer.send(TEXT, "first").await;
        peer.expect(TEXT, "first").await;
        peer.send(TEXT, "second").await;
        assert!(outcomes.recv().await.unwrap().is_ok());
        let cut = outcomes.recv().await.unwrap();
        assert!(matches!(cut, Err(Error::Terminated)), "{cut:?}");
    });
}

#[test]
fn a_handler_that_reads_is_woken_when_its_connection_is_cut() {
    real(async {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (addr, _server) = serve(move |mut ws, _| {
            let tell = tell.clone();
            async move {
                let _test_ended = tell.send(Ok(ws.handle()));
                let _test_ended = tell.send(Err(ws.recv().await));
                Ok(())
            }
        })
        .await;
        let _peer = dial(addr).await;
        let handle = told.recv().await.unwrap().unwrap();
        tokio::time::sleep(SECOND / 20).await;
        handle.terminate();
        let received = told.recv().await.unwrap().unwrap_err();
        assert!(matches!(received, Err(Error::Terminated)), "{received:?}");
    });
}

#[test]
fn a_connection_that_the_handler_drops_is_closed_while_the_handler_goes_on() {
    real(async {
        let (dropped, working) = oneshot::channel();
        let (done, ended) = oneshot::channel::<()>();
        let once = Once::new((dropped, ended));
        let (addr, _server) = serve(move |ws, _| {
            let once = once.clone();
            async move {
                let (dropped, ended) = once.take();
                drop(ws);
                let _test_ended = dropped.send(());
                ended.await?;
                Ok(())
            }
        })
        .await;
        let mut peer = dial(addr).await;
        peer.finish(1000).await;
        working.await.unwrap();
        done.send(()).expect("the handler still works");
    });
}

#[test]
fn a_handler_that_ends_during_the_close_of_its_dropped_connection_leaves_it_to_finish() {
    real(async {
        let (addr, _server) = serve(|ws, _| async move {
            drop(ws);
            tokio::task::yield_now().await;
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        peer.expect_close(1000).await;
        // A server that has cut the connection does not read the answer, and resets.
        tokio::time::pause();
        tokio::time::sleep(SECOND).await;
        peer.send_close(1000, "").await;
        peer.expect_end().await;
        let reset = peer.io.take_error().unwrap();
        assert!(reset.is_none(), "{reset:?}");
    });
}

#[test]
fn a_connection_dropped_in_another_task_is_closed_while_the_handler_waits() {
    real(async {
        let (addr, _server) = serve(|ws, _| async move {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                drop(ws);
            });
            pending::<()>().await;
            Ok(())
        })
        .await;
        dial(addr).await.finish(1000).await;
    });
}

#[test]
fn a_connection_moved_to_another_task_outlives_its_handler() {
    real(async {
        let (addr, _server) = serve(|ws, _| async move {
            tokio::spawn(echo(ws));
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        for text in ["one", "two", "three"] {
            peer.send(TEXT, text).await;
            peer.expect(TEXT, text).await;
        }
        peer.send_close(1000, "").await;
        peer.expect_close(1000).await;
        peer.expect_end().await;
    });
}

#[test]
fn frames_queued_through_a_handle_leave_while_the_handler_waits_for_something_else() {
    real(async {
        let (handles, mut handle) = mpsc::unbounded_channel::<Handle>();
        let (addr, _server) = serve(move |ws, _| {
            handles.send(ws.handle()).unwrap();
            async move {
                let _ws = ws;
                pending::<()>().await;
                Ok(())
            }
        })
        .await;
        let mut peer = dial(addr).await;
        let handle = handle.recv().await.unwrap();
        for text in ["one", "two"] {
            handle.send(text).await.unwrap();
            peer.expect(TEXT, text).await;
        }
        handle.try_send("three").unwrap();
        peer.expect(TEXT, "three").await;
    });
}

#[test]
fn what_a_handler_sends_before_a_long_wait_leaves_at_once() {
    real(async {
        let (addr, _server) = serve(|mut ws, _| async move {
            ws.send("before").await?;
            pending::<()>().await;
            Ok(())
        })
        .await;
        dial(addr).await.expect(TEXT, "before").await;
    });
}

#[test]
fn heartbeats_go_on_while_the_handler_waits_and_do_not_kill_a_healthy_peer() {
    real(async {
        let (addr, _server) = serve(|mut ws, _| async move {
            ws.send("waiting").await?;
            tokio::time::sleep(90 * SECOND).await;
            let message = ws.recv().await?.expect("a message");
            ws.send(message).await?;
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        peer.expect(TEXT, "waiting").await;
        tokio::time::pause();
        for _ in 0..3 {
            let ping = peer.frame().await;
            assert_eq!(ping.opcode, PING);
            peer.send(PONG, ping.payload).await;
        }
        peer.send(PING, "are you there?").await;
        peer.send(TEXT, "after a minute").await;
        let mut frames = Vec::new();
        while frames.len() < 2 {
            frames.extend(Some(peer.frame().await).filter(|frame| frame.opcode != PING));
        }
        assert_eq!((frames[0].opcode, &frames[0].payload[..]), (PONG, &b"are you there?"[..]));
        assert_eq!((frames[1].opcode, &frames[1].payload[..]), (TEXT, &b"after a minute"[..]));
        peer.finish(1000).await;
    });
}

#[test]
fn a_handler_that_only_pushes_learns_that_the_peer_has_gone() {
    real(async {
        let (outcomes, mut outcome) = mpsc::unbounded_channel();
        let (addr, _server) = serve(move |mut ws, _| {
            let outcomes = outcomes.clone();
            async move {
                let error = loop {
                    if let Err(error) = ws.send("tick").await {
                        break error;
                    }
                    tokio::task::yield_now().await;
                };
                outcomes.send((error, ws.state()))?;
                Ok(())
            }
        })
        .await;
        let mut peer = dial(addr).await;
        for _ in 0..10 {
            peer.expect(TEXT, "tick").await;
        }
        drop(peer);
        let (error, state) = outcome.recv().await.unwrap();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert_eq!(state, State::Closed);
    });
}

#[test]
fn a_handler_that_has_dropped_its_receiving_half_still_closes_well() {
    real(async {
        let (addr, _server) = serve(|ws, _| async move {
            let (receive, mut send) = ws.split();
            drop(receive);
            send.send("pushed").await?;
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        peer.send(TEXT, "nobody reads this").await;
        peer.expect(TEXT, "pushed").await;
        peer.finish(1000).await;
    });
}

#[test]
fn a_handle_outlives_its_connection_and_then_fails() {
    real(async {
        let (handles, mut handle) = mpsc::unbounded_channel::<Handle>();
        let (addr, _server) = serve(move |ws, _| {
            handles.send(ws.handle()).unwrap();
            async { Ok(()) }
        })
        .await;
        let mut peer = dial(addr).await;
        let handle = handle.recv().await.unwrap();
        peer.finish(1000).await;
        assert!(matches!(handle.send("late").await, Err(Error::Send(_))));
        assert!(matches!(handle.try_send("late"), Err(Error::Send(_))));
        assert_eq!((handle.state(), handle.queued_len()), (State::Closed, 0));
        assert_eq!(handle.path(), "/chat");
    });
}

#[test]
fn a_server_that_is_no_longer_served_refuses_new_connections_and_keeps_the_old() {
    real(async {
        let (addr, server) = serve(|ws, _| async move { Ok(echo(ws).await?) }).await;
        let mut peer = dial(addr).await;
        server.abort();
        assert!(server.await.unwrap_err().is_cancelled());
        peer.send(TEXT, "still there").await;
        peer.expect(TEXT, "still there").await;
        let refused = bowsprit::connect(&format!("ws://{addr}/")).await;
        assert!(matches!(refused, Err(ConnectError::Io(_))), "{refused:?}");
    });
}

/// The descriptor is closed: the peer sees the end although a handle is still held.
#[test]
fn the_end_of_a_runtime_cuts_its_connections() {
    let served = two_threads();
    let (handles, mut handle) = mpsc::unbounded_channel::<Handle>();
    let addr = served.block_on(async {
        let server = Server::builder().bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        tokio::spawn(server.serve(move |mut ws, _| {
            handles.send(ws.handle()).unwrap();
            async move {
                while ws.recv().await?.is_some() {}
                Ok(())
            }
        }));
        addr
    });
    real(async move {
        let mut peer = dial(addr).await;
        let handle = handle.recv().await.unwrap();
        watched(move || served.shutdown_timeout(5 * SECOND));
        peer.expect_end().await;
        assert!(matches!(handle.try_send("late"), Err(Error::Terminated)));
    });
}
