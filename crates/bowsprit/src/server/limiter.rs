//! Limits on the number of connections, in total and per address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Rejection;
use http::{HeaderValue, StatusCode, header};

/// Counts connections if their number is limited.
pub(super) struct ConnectionLimiter {
    pub(super) max_connections: Option<usize>,
    pub(super) max_connections_per_address: Option<usize>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A counted connection; dropping this releases its place.
pub(super) struct ConnectionPermit {
    limiter: Arc<ConnectionLimiter>,
    network: Option<IpAddr>,
}

impl ConnectionLimiter {
    pub(super) fn new(
        max_connections: Option<usize>,
        max_connections_per_address: Option<usize>,
    ) -> Self {
        Self { max_connections, max_connections_per_address, open: Mutex::default() }
    }

    /// Returns a permit for a client's connection; `None` if there is no limit.
    ///
    /// # Errors
    ///
    /// 503 if all permits are taken.
    pub(super) fn acquire(
        self: &Arc<Self>,
        client: Option<IpAddr>,
    ) -> Result<Option<Box<ConnectionPermit>>, Rejection> {
        if self.max_connections.is_none() && self.max_connections_per_address.is_none() {
            return Ok(None);
        }
        let network = client.filter(|_| self.max_connections_per_address.is_some()).map(network);
        let mut open = self.open();
        let taken = network.and_then(|network| open.by_network.get(&network).copied());
        if reached(self.max_connections, open.total)
            || reached(self.max_connections_per_address, taken.unwrap_or(0))
        {
            return Err(full());
        }
        open.total += 1;
        if let Some(network) = network {
            *open.by_network.entry(network).or_default() += 1;
        }
        Ok(Some(Box::new(ConnectionPermit { limiter: Arc::clone(self), network })))
    }

    fn release(&self, network: Option<IpAddr>) {
        let mut open = self.open();
        open.total -= 1;
        let Some(network) = network else { return };
        match open.by_network.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.by_network.remove(&network)),
        }
        shrink(&mut open.by_network);
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.limiter.release(self.network);
    }
}

/// Frees memory that a burst of connections needed.
pub(super) fn shrink<V>(by_network: &mut HashMap<IpAddr, V>) {
    if by_network.capacity() > 64 && by_network.len() < by_network.capacity() / 4 {
        by_network.shrink_to_fit();
    }
}

fn reached(max: Option<usize>, count: usize) -> bool {
    max.is_some_and(|max| count >= max)
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
        assert!(limiter.open().by_network.capacity() >= 10_000);
        drop(permits);
        assert!(limiter.open().by_network.capacity() <= 64);
        assert_eq!(limiter.open().total, 0);
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
