//! Turns for those who wait to send on one connection.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    task::{Context, Wake, Waker},
    time::{Duration, Instant},
};

use bowsprit::{
    ConnectionConfig, Error, Handle, Server, WebSocket,
    message::{Fragment, MessageKind},
    topics::SlowConsumerPolicy,
};
use tokio::{
    io::AsyncReadExt,
    task::{JoinHandle, JoinSet, yield_now},
    time::{sleep, timeout},
};

use super::{
    peer::{BINARY, Frame, Peer, TEXT},
    support::{SECOND, dial, paused, real, serve, server_over, server_with},
};

/// How long senders go on.
const TIME: Duration = Duration::from_secs(1);

/// Until all wait for room; what whoever comes first puts into the empty queue is not counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Sends as much as it can; tells how many messages that were.
fn sending(handle: Handle, len: usize) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let (begun, mut sent) = (Instant::now(), 0);
        while begun.elapsed() < TIME {
            handle.send(vec![7; len]).await.unwrap();
            sent += usize::from(begun.elapsed() > WARM_UP);
        }
        sent
    })
}

/// A connection whose peer takes everything.
async fn drained() -> WebSocket {
    let (ws, mut peer) = server_with(Server::builder()).await;
    tokio::spawn(async move {
        let mut taken = vec![0; 100_000];
        while peer.io.read(&mut taken).await.is_ok_and(|len| len > 0) {}
    });
    ws
}

#[test]
fn senders_get_the_same_share() {
    real(async {
        for len in [1000, 20_000] {
            let ws = drained().await;
            let tasks: Vec<_> = (0..5).map(|_| sending(ws.handle(), len)).collect();
            let mut counts = Vec::new();
            for task in tasks {
                counts.push(timeout(10 * SECOND, task).await.expect("it starves").unwrap());
            }
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(*least > 20 && *most * 5 <= *least * 6, "{counts:?}");
        }
    });
}

#[test]
fn an_owner_is_never_behind_more_than_one_round() {
    real(async {
        let mut ws = drained().await;
        let (begun, mut sent) = (Instant::now(), 0);
        let other = sending(ws.handle(), 10_000);
        yield_now().await;
        while begun.elapsed() < TIME {
            timeout(5 * SECOND, ws.send(vec![1; 10_000])).await.expect("it starves").unwrap();
            sent += usize::from(begun.elapsed() > WARM_UP);
        }
        let others = other.await.unwrap();
        assert!(sent > 20 && others <= sent * 6 / 5, "{sent} of the owner, {others} of a handle");
    });
}

/// First come, first served.
#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    paused(async {
        let mut config = ConnectionConfig::server();
        config.max_queue_len = 1000;
        let (ws, mut peer) = server_with(Server::builder().config(config)).await;
        let mut tasks = JoinSet::new();
        for number in 0..100 {
            let handle = ws.handle();
            tasks.spawn(async move { handle.send(vec![number; 5000]).await });
        }
        for number in 0..100 {
            yield_now().await;
            assert_eq!(peer.frame().await.payload[0], number);
        }
    });
}

#[test]
fn a_message_that_cannot_wait_does_not_pass_those_who_do() {
    paused(async {
        let (ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        handle.try_send(vec![1; 2_000_000]).unwrap();
        let mut first = Box::pin(handle.send("first"));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        peer.expect(BINARY, vec![1; 2_000_000]).await;
        assert!(matches!(handle.try_send("second"), Err(Error::QueueFull)));
        first.await.unwrap();
        handle.try_send("second").unwrap();
        peer.expect(TEXT, "first").await;
        peer.expect(TEXT, "second").await;
    });
}

/// A task that is never polled again.
#[test]
fn a_place_that_is_not_used_holds_nobody_up() {
    fn poll_once(future: Pin<&mut impl Future>) {
        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        handle.try_send(vec![1; 2_000_000]).unwrap();
        let mut never = Box::pin(handle.send(vec![2; 2_000_000]));
        poll_once(never.as_mut());
        let later = handle.clone();
        let later = tokio::spawn(async move { later.send("later").await });
        yield_now().await;
        assert_eq!(peer.frame().await.payload.len(), 2_000_000);
        timeout(2 * SECOND, later).await.expect("it waits for ever").unwrap().unwrap();
        peer.expect(TEXT, "later").await;
        timeout(2 * SECOND, ws.send("and more")).await.expect("it waits for ever").unwrap();
        peer.expect(TEXT, "and more").await;
        drop(never);
    });
}

/// Says when it is dropped.
struct Counted(Arc<()>);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        let _alive = &self.0;
    }
}

/// How many wakers are left of futures that were polled once each, all at a time, and dropped.
fn wakers_left<F: Future>(futures: impl IntoIterator<Item = F>) -> usize {
    let alive = Arc::new(());
    give_up(&alive, futures);
    Arc::strong_count(&alive) - 1
}

fn give_up<F: Future>(alive: &Arc<()>, futures: impl IntoIterator<Item = F>) {
    let mut pending = Vec::new();
    for future in futures {
        let mut future = Box::pin(future);
        let waker = Waker::from(Arc::new(Counted(Arc::clone(alive))));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        pending.push(future);
    }
}

#[test]
fn senders_that_give_up_leave_nothing_behind() {
    paused(async {
        let (mut ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        handle.try_send(vec![1; 2_000_000]).unwrap();
        assert_eq!(wakers_left((0..60_000).map(|_| handle.send("never"))), 0);
        let (sent, frame) = tokio::join!(ws.send("next"), peer.frame());
        sent.unwrap();
        assert_eq!(frame.payload.len(), 2_000_000);
        peer.expect(TEXT, "next").await;
    });
}

#[test]
fn publishers_that_give_up_leave_nothing_behind() {
    paused(async {
        let server = Server::builder().build();
        let (ours, theirs) = tokio::io::duplex(1000);
        let (ws, mut peer) = tokio::join!(server.accept(ours), Peer::connect(theirs));
        let ws = ws.unwrap();
        ws.handle().try_send(vec![1; 2_000_000]).unwrap();
        let publication = |_| {
            let publication = server.broadcast("never").slow_consumers(SlowConsumerPolicy::Wait);
            publication.into_future()
        };
        assert_eq!(wakers_left((0..10_000).map(publication)), 0);
        let (delivery, frame) = tokio::join!(publication(0), peer.frame());
        assert_eq!((delivery.queued, frame.payload.len()), (1, 2_000_000));
        peer.expect(TEXT, "never").await;
    });
}

/// There is one of each half, so the next one who waits takes the place of who has given up.
#[test]
fn flushing_and_fragments_leave_one_waker_at_most() {
    paused(async {
        let (mut ws, _peer) = server_over(Server::builder(), 1000).await;
        ws.handle().try_send(vec![1; 2_000_000]).unwrap();
        let fragment = Fragment { kind: MessageKind::Text, payload: b"x", fin: true };
        let alive = Arc::new(());
        for _ in 0..100 {
            give_up(&alive, [ws.flush()]);
            give_up(&alive, [ws.send_fragment(fragment)]);
        }
        assert!(Arc::strong_count(&alive) <= 2);
    });
}

#[test]
fn who_gives_up_passes_its_turn_on() {
    paused(async {
        let (ws, mut peer) = server_over(Server::builder(), 1000).await;
        let handle = ws.handle();
        handle.try_send(vec![1; 2_000_000]).unwrap();
        let mut first = Box::pin(handle.send(vec![2; 2_000_000]));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let second = handle.clone();
        let second = tokio::spawn(async move { second.send("second").await });
        yield_now().await;
        peer.expect(BINARY, vec![1; 2_000_000]).await;
        for _ in 0..10 {
            yield_now().await;
        }
        drop(first);
        second.await.unwrap().unwrap();
        assert_eq!(peer.frame().await, Frame::new(TEXT, "second"));
    });
}

/// Under `serve` too, where what is sent is written at the end of the handler's poll.
#[test]
fn a_handler_shares_with_its_handles() {
    real(async {
        let (addr, server) = serve(|mut ws: WebSocket, _| async move {
            let other = sending(ws.handle(), 10_000);
            let (begun, mut sent) = (Instant::now(), 0_usize);
            while begun.elapsed() < TIME {
                ws.send(vec![1; 10_000]).await?;
                sent += usize::from(begun.elapsed() > WARM_UP);
            }
            let others = other.await?;
            ws.send(format!("{sent} {others}")).await?;
            Ok(())
        })
        .await;
        let mut peer = dial(addr).await;
        let told = timeout(10 * SECOND, async {
            loop {
                let frame = peer.frame().await;
                if frame.opcode == TEXT {
                    return String::from_utf8(frame.payload).unwrap();
                }
            }
        });
        let told = told.await.expect("somebody starves");
        let (sent, others) = told.split_once(' ').unwrap();
        let (sent, others): (usize, usize) = (sent.parse().unwrap(), others.parse().unwrap());
        assert!(sent > 20 && others <= sent * 6 / 5, "{told}");
        sleep(Duration::ZERO).await;
        server.abort();
    });
}
