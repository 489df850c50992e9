//! Permits, shares and the queue before them.

use tokio::task::yield_now;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use super::*;

fn addr(addr: &str) -> Option<IpAddr> {
    Some(addr.parse().unwrap())
}

/// What is ready at once.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn an_address_gets_a_quarter_of_the_permits() {
    let pending = Pending::new(8, 100);
    let one = pending.acquire(addr("192.0.2.1")).await;
    let _two = pending.acquire(addr("::ffff:192.0.2.1")).await;
    assert!(at_once(pending.acquire(addr("192.0.2.1"))).await.is_none());
    let _other = at_once(pending.acquire(addr("192.0.2.2"))).await.unwrap();
    let _exempt = [pending.acquire(None).await, pending.acquire(None).await];
    let _exempt = [pending.acquire(None).await, pending.acquire(None).await];
    let waiting = pending.acquire(addr("192.0.2.1"));
    let mut waiting = pin!(waiting);
    assert!(at_once(waiting.as_mut()).await.is_none());
    drop(one);
    assert!(at_once(waiting).await.is_some());
}

#[tokio::test]
async fn all_permits_are_limited_and_nothing_is_left_of_who_gave_up() {
    let pending = Pending::new(4, 100);
    let mut permits = Vec::new();
    for last in 1..=4 {
        permits.push(at_once(pending.acquire(addr(&format!("2001:db8:{last}::1")))).await.unwrap());
    }
    assert!(at_once(pending.acquire(addr("2001:db8:9::1"))).await.is_none());
    assert!(at_once(pending.acquire(None)).await.is_none());
    drop(permits);
    assert_eq!(pending.networks().len(), 0);
    assert!(at_once(pending.acquire(None)).await.is_some());
}

#[tokio::test]
async fn the_oldest_of_too_many_silent_connections_goes() {
    let pending: &Pending = Box::leak(Box::new(Pending::new(1, 2)));
    let silent = || tokio::spawn(async { pending.queued().wait_for_wake_never().await });
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(silent());
        yield_now().await;
    }
    assert!(matches!(waiting.remove(0).await.unwrap(), Err(Cut::Evicted)));
    yield_now().await;
    assert!(waiting.iter().all(|task| !task.is_finished()));
    // Who is gone is not counted.
    waiting.remove(0).abort();
    yield_now().await;
    waiting.push(silent());
    yield_now().await;
    assert!(waiting.iter().all(|task| !task.is_finished()));
}

impl Queued<'_> {
    async fn wait_for_wake_never(mut self) -> Result<(), Cut> {
        self.wait_for(std::future::pending(), || false).await
    }
}
