//! Sending from threads that have no runtime.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    thread,
};

use bowsprit::{ConnectionConfig, Error, Server, error::SendError};

use super::support::{SECOND, real, serve, server_with, two_threads, watched};

#[test]
fn threads_send_through_handles() {
    watched(|| {
        let runtime = two_threads();
        let (mut client, handle) = runtime.block_on(async {
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let (addr, _server) = serve(move |mut ws, _| {
                tell.send(ws.handle()).unwrap();
                async move {
                    ws.recv().await?;
                    Ok(())
                }
            })
            .await;
            let client = bowsprit::connect(&format!("ws://{addr}/")).await.unwrap();
            (client, told.recv().await.unwrap())
        });
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let handle = handle.clone();
                thread::spawn(move || {
                    for _ in 0..1000 {
                        handle.blocking_send(vec![0; 1000]).unwrap();
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for _ in 0..4000 {
                assert_eq!(client.recv().await.unwrap().unwrap().len(), 1000);
            }
            client.close(1000).await.unwrap();
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let late = handle.blocking_send("late");
        assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
    });
}

#[test]
fn a_thread_waits_while_the_queue_is_full() {
    real(async {
        let config = ConnectionConfig::server().max_queue_len(1000);
        let (ws, mut peer) = server_with(Server::builder().config(config)).await;
        let (handle, (tell, sent)) = (ws.handle(), mpsc::channel());
        let thread = tokio::task::spawn_blocking(move || {
            // More than the pipe holds.
            handle.blocking_send(vec![0; 100_000]).unwrap();
            tell.send(()).unwrap();
            handle.blocking_send("after it").unwrap();
            tell.send(()).unwrap();
        });
        tokio::task::yield_now().await;
        let sent = tokio::task::spawn_blocking(move || {
            sent.recv_timeout(SECOND).unwrap();
            assert!(sent.recv_timeout(SECOND / 5).is_err(), "it did not wait");
            sent
        });
        let sent = sent.await.unwrap();
        assert_eq!(peer.frame().await.payload.len(), 100_000);
        peer.expect(super::peer::TEXT, "after it").await;
        thread.await.unwrap();
        sent.try_recv().unwrap();
    });
}

#[test]
fn async_code_is_not_blocked() {
    real(async {
        let (ws, _peer) = super::support::server().await;
        let handle = ws.handle();
        let call = AssertUnwindSafe(|| handle.blocking_send("there would be room"));
        let panic = catch_unwind(call).unwrap_err();
        let panic = panic.downcast_ref::<String>().unwrap();
        assert!(panic.contains("Cannot block the current thread from within a runtime"), "{panic}");
        assert_eq!(ws.queued_len(), 0);
    });
}
