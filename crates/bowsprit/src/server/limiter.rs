//! Limits on the number of connections, in total and per address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::Rejection;
use http::{HeaderValue, StatusCode, header};

/// Counts connections if their number is limited.
pub(super) struct ConnectionLimiter {
    pub(super) max_connections: Option<usize>,
    pub(super) max_connections_per_address: Option<usize>,
    open: AtomicUsize,
    by_network: Mutex<HashMap<IpAddr, usize>>,
}

/// A counted connection; dropping this releases its place.
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    // Boxed: every connection has room for this, and few have one.
    network: Option<Box<IpAddr>>,
}

impl ConnectionLimiter {
    pub(super) fn new(
        max_connections: Option<usize>,
        max_connections_per_address: Option<usize>,
    ) -> Self {
        Self {
            max_connections,
            max_connections_per_address,
            open: AtomicUsize::new(0),
            by_network: Mutex::default(),
        }
    }

    /// Returns a permit for a client's connection; `None` if there is no limit.
    ///
    /// # Errors
    ///
    /// 503 if all permits are taken.
    pub(super) fn acquire(
        self: &Arc<Self>,
        client: Option<IpAddr>,
    ) -> Result<Option<ConnectionPermit>, Rejection> {
        if self.max_connections.is_none() && self.max_connections_per_address.is_none() {
            return Ok(None);
        }
        let max = self.max_connections.unwrap_or(usize::MAX);
        let one_more = |open| (open < max).then_some(open + 1);
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .map_err(|_| full())?;
        let mut permit = ConnectionPermit { limiter: Arc::clone(self), network: None };
        if let (Some(client), Some(max)) = (client, self.max_connections_per_address) {
            permit.network = Some(Box::new(self.acquire_in_network(network(client), max)?));
        }
        Ok(Some(permit))
    }

    fn acquire_in_network(&self, network: IpAddr, max: usize) -> Result<IpAddr, Rejection> {
        let mut by_network = self.by_network();
        if by_network.get(&network).copied().unwrap_or(0) >= max {
            return Err(full());
        }
        *by_network.entry(network).or_default() += 1;
        Ok(network)
    }

    fn release_in_network(&self, network: IpAddr) {
        let mut by_network = self.by_network();
        match by_network.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(by_network.remove(&network)),
        }
        shrink(&mut by_network);
    }

    fn by_network(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limiter.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(network) = self.network.take() {
            self.limiter.release_in_network(*network);
        }
    }
}

/// Frees memory that a burst of connections needed.
pub(super) fn shrink<V>(by_network: &mut HashMap<IpAddr, V>) {
    if by_network.capacity() > 64 && by_network.len() < by_network.capacity() / 4 {
        by_network.shrink_to_fit();
    }
}

/// What counts as one address: an IPv6 client controls the whole /64 around its address.
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(client) => client.into(),
        IpAddr::V6(client) => Ipv6Addr::from_bits(client.to_bits() >> 64 << 64).into(),
    }
}

fn full() -> Rejection {
    Rejection::new(StatusCode::SERVICE_UNAVAILABLE)
        .body("too many connections\n")
        .header(header::RETRY_AFTER, HeaderValue::from_static("10"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(addr: &str) -> Option<IpAddr> {
        Some(addr.parse().unwrap())
    }

    #[test]
    fn places_are_limited_in_all_and_for_an_address_and_free_again() {
        let limiter = Arc::new(ConnectionLimiter::new(Some(3), Some(2)));
        let one = limiter.acquire(addr("192.0.2.1")).unwrap();
        let _two = limiter.acquire(addr("::ffff:192.0.2.1")).unwrap();
        let refused = limiter.acquire(addr("192.0.2.1")).err().unwrap();
        assert_eq!(refused.response().status(), 503);
        let three = limiter.acquire(addr("192.0.2.2")).unwrap();
        assert!(limiter.acquire(addr("192.0.2.3")).is_err());
        drop(one);
        assert!(limiter.acquire(addr("192.0.2.1")).is_ok());
        drop(three);
        assert!(limiter.acquire(None).is_ok());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let limiter = Arc::new(ConnectionLimiter::new(None, Some(1)));
        let _one = limiter.acquire(addr("2001:db8::1")).unwrap();
        assert!(limiter.acquire(addr("2001:db8::ffff:1")).is_err());
        assert!(limiter.acquire(addr("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn what_a_storm_has_needed_is_given_back() {
        let limiter = Arc::new(ConnectionLimiter::new(None, Some(1)));
        let storm =
            |i: u32| limiter.acquire(Some(std::net::Ipv4Addr::from_bits(i).into())).unwrap();
        let permits: Vec<_> = (0..10_000).map(storm).collect();
        assert!(limiter.by_network().capacity() >= 10_000);
        drop(permits);
        assert!(limiter.by_network().capacity() <= 64);
        assert_eq!(limiter.open.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn nothing_is_counted_where_nothing_is_limited() {
        assert!(
            Arc::new(ConnectionLimiter::new(None, None))
                .acquire(addr("192.0.2.1"))
                .unwrap()
                .is_none()
        );
    }
}
