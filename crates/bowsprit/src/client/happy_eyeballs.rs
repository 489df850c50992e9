//! Happy eyeballs, RFC 8305: all addresses of a host, without waiting long for any.

use std::{
    future::poll_fn,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::timeout;

/// §5: "Connection Attempt Delay [...] a recommended value is 250 milliseconds".
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the addresses one after the other, each as soon as the one before has failed or has
/// taken 250 ms; the first that succeeds wins, and the others are given up.
pub(super) async fn connect<T, F>(
    addrs: Vec<IpAddr>,
    connect: impl Fn(IpAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = interleaved(addrs).into_iter();
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "there is no address to connect to");
    loop {
        match waiting.next() {
            Some(addr) => running.push(Box::pin(connect(addr))),
            None if running.is_empty() => return Err(failure),
            None => {}
        }
        let first = poll_fn(|cx| poll_first(&mut running, cx));
        let ended = if waiting.len() > 0 {
            timeout(ATTEMPT_DELAY, first).await.ok()
        } else {
            Some(first.await)
        };
        match ended {
            Some(Ok(connected)) => return Ok(connected),
            Some(Err(error)) => failure = error,
            None => {}
        }
    }
}

/// The first attempt that has ended; it is taken out.
fn poll_first<F: Future>(running: &mut Vec<Pin<Box<F>>>, cx: &mut Context<'_>) -> Poll<F::Output> {
    for i in 0..running.len() {
        if let Poll::Ready(output) = running[i].as_mut().poll(cx) {
            drop(running.swap_remove(i));
            return Poll::Ready(output);
        }
    }
    Poll::Pending
}

/// §4: the families take turns, beginning with that of the first address, which the system prefers.
fn interleaved(addrs: Vec<IpAddr>) -> Vec<IpAddr> {
    let Some(preferred) = addrs.first().map(IpAddr::is_ipv4) else { return addrs };
    let (first, second): (Vec<_>, Vec<_>) =
        addrs.into_iter().partition(|addr| addr.is_ipv4() == preferred);
    let mut order = Vec::with_capacity(first.len() + second.len());
    let mut second = second.into_iter();
    for addr in first {
        order.extend([Some(addr), second.next()].into_iter().flatten());
    }
    order.extend(second);
    order
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, sleep};

    use super::*;

    fn addrs(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn address_families_take_turns() {
        for (given, order) in [
            (&["::1", "::2", "1.1.1.1", "2.2.2.2"][..], &["::1", "1.1.1.1", "::2", "2.2.2.2"][..]),
            (&["1.1.1.1", "2.2.2.2", "3.3.3.3", "::1"], &["1.1.1.1", "::1", "2.2.2.2", "3.3.3.3"]),
            (&["1.1.1.1", "::1", "::2"], &["1.1.1.1", "::1", "::2"]),
            (&[], &[]),
        ] {
            assert_eq!(interleaved(addrs(given)), addrs(order));
        }
    }

    /// Races attempts that take so many milliseconds; tells who won, when, and who was tried when.
    async fn raced(attempts: &[(u64, bool)]) -> (Option<usize>, u64, Vec<u64>) {
        let begun = Instant::now();
        let millis = || u64::try_from(begun.elapsed().as_millis()).unwrap();
        let tried = RefCell::new(Vec::new());
        let list = (0..attempts.len()).map(|i| IpAddr::from([10, 0, 0, u8::try_from(i).unwrap()]));
        let won = connect(list.collect(), |addr| {
            tried.borrow_mut().push(millis());
            let IpAddr::V4(addr) = addr else { unreachable!() };
            let index = usize::from(addr.octets()[3]);
            let (time, good) = attempts[index];
            async move {
                sleep(Duration::from_millis(time)).await;
                if good { Ok(index) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
            }
        });
        let won = won.await.ok();
        (won, millis(), tried.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_tried_after_250_ms_or_a_failure() {
        assert_eq!(raced(&[(100, true), (0, true)]).await, (Some(0), 100, vec![0]));
        assert_eq!(raced(&[(9999, true), (100, true)]).await, (Some(1), 350, vec![0, 250]));
        assert_eq!(raced(&[(300, true), (100, true)]).await, (Some(0), 300, vec![0, 250]));
        assert_eq!(raced(&[(10, false), (10, true)]).await, (Some(1), 20, vec![0, 10]));
        let all = raced(&[(9999, true), (50, false), (10, true)]).await;
        assert_eq!(all, (Some(2), 310, vec![0, 250, 300]));
        assert_eq!(raced(&[(10, false), (20, false)]).await, (None, 30, vec![0, 10]));
        assert_eq!(raced(&[(400, false), (20, false)]).await, (None, 400, vec![0, 250]));
        assert_eq!(raced(&[]).await, (None, 0, vec![]));
    }
}
