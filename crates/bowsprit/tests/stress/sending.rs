//! Many who send on one connection.

use std::{sync::Arc, time::Duration};

use bowsprit::{CloseCode, Handle};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::timeout,
};

use super::{
    harness::{Random, any_runtime, stress, threads},
    numbered::{Checker, numbered},
    served::{Served, builder, client, echo, serve},
};

/// A server that checks what it gets, and tells how much that was when the connection is over.
async fn checking(random: &mut Random) -> (Served, UnboundedReceiver<usize>) {
    let (told, counts) = unbounded_channel();
    let told = Arc::new(told);
    let served = serve(builder(random), move |mut ws, _| {
        let told = Arc::clone(&told);
        async move {
            let mut checker = Checker::default();
            while let Some(message) = ws.recv().await? {
                checker.note(message.as_bytes());
            }
            told.send(checker.count())?;
            Ok(())
        }
    });
    (served.await, counts)
}

#[test]
fn sixty_four_handles_send_on_one_connection() {
    async fn send(handle: Handle, sender: u32, mut random: Random) {
        for number in 0..20 {
            handle.send(numbered(sender, number, random.len())).await.unwrap();
            if random.once_in(8) {
                random.pause(1).await;
            }
        }
    }
    stress(|mut random| {
        threads(2).block_on(async {
            let (served, mut counts) = checking(&mut random).await;
            let mut ws = client().connect(&served.url).await.unwrap();
            let mut senders = JoinSet::new();
            for sender in 0..60 {
                senders.spawn(send(ws.handle(), sender, random.fork()));
            }
            for sender in 60..64 {
                let (handle, mut random) = (ws.handle(), random.fork());
                senders.spawn_blocking(move || {
                    for number in 0..20 {
                        let message = numbered(sender, number, random.len());
                        handle.blocking_send(message).unwrap();
                    }
                });
            }
            senders.join_all().await;
            ws.close(CloseCode::NORMAL).await.unwrap();
            assert_eq!(counts.recv().await, Some(64 * 20));
            served.expect_empty().await;
        });
    });
}

#[test]
fn senders_that_give_up_hold_nobody_up() {
    /// Sends until it has been told to give up so often.
    async fn send(handle: Handle, sender: u32, mut random: Random) -> usize {
        let mut number = 0;
        for _ in 0..50 {
            let message = numbered(sender, number, random.len());
            if let Ok(sent) = timeout(random.time(2), handle.send(message)).await {
                sent.unwrap();
                number += 1;
            }
        }
        usize::try_from(number).unwrap()
    }
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let (served, mut counts) = checking(&mut random).await;
            let mut ws = client().connect(&served.url).await.unwrap();
            let mut senders = JoinSet::new();
            for sender in 1..20 {
                senders.spawn(send(ws.handle(), sender, random.fork()));
            }
            for number in 0..50 {
                ws.send(numbered(0, number, random.len())).await.unwrap();
            }
            let sent: usize = senders.join_all().await.into_iter().sum();
            ws.close(CloseCode::NORMAL).await.unwrap();
            assert_eq!(counts.recv().await, Some(50 + sent));
            served.expect_empty().await;
        });
    });
}

/// Whoever receives may stop at any moment, and go on later.
#[test]
fn receiving_and_sending_are_given_up_and_taken_up_again() {
    stress(|mut random| {
        any_runtime(&mut random).block_on(async {
            let served = serve(builder(&mut random), echo).await;
            let ws = client().connect(&served.url).await.unwrap();
            let (mut receive, mut send) = ws.split();
            let mut lens = random.fork();
            let sending = tokio::spawn(async move {
                for number in 0..100 {
                    let message = numbered(0, number, lens.len());
                    // Dropped before it is ready, nothing has been sent.
                    while timeout(lens.time(1), send.send(&message)).await.is_err() {}
                }
                send
            });
            let mut checker = Checker::default();
            while checker.count() < 100 {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(random.time(1)), if random.once_in(2) => {}
                    received = receive.recv() => {
                        checker.note(received.unwrap().unwrap().as_bytes());
                    }
                }
            }
            let mut send = sending.await.unwrap();
            let closing = async {
                send.start_close(CloseCode::NORMAL)?;
                receive.recv().await
            };
            assert!(timeout(Duration::from_secs(10), closing).await.unwrap().unwrap().is_none());
            served.expect_empty().await;
        });
    });
}
