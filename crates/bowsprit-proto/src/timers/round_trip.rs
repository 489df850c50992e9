//! The round-trip time of a ping and its pong, RFC 6455 §5.5.3.

use core::{num::NonZeroU32, time::Duration};

/// Measures the round-trip time. Holds the last ping that was sent for this, and the last result.
///
/// `now` is the time since an instant that the driver chooses, such as the opening handshake.
///
/// ```
/// use core::time::Duration;
/// use bowsprit_proto::timers::RoundTrip;
///
/// let mut round_trip = RoundTrip::new();
/// let payload = round_trip.ping(Duration::from_millis(10), [1, 2, 3, 4]);
/// // Send a ping with this payload. Later a pong arrives:
/// round_trip.on_pong(&payload, || Duration::from_millis(35));
/// assert_eq!(round_trip.time(), Some(Duration::from_millis(25)));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RoundTrip {
    /// The payload of the ping that waits for its pong.
    nonce: Option<NonZeroU32>,
    /// When it was sent: whole seconds, and the rest in microseconds.
    sent: (u32, u32),
    /// The last result, in microseconds.
    time: Option<NonZeroU32>,
}

impl RoundTrip {
    /// Creates a value without a measurement.
    #[must_use]
    pub const fn new() -> Self {
        Self { nonce: None, sent: (0, 0), time: None }
    }

    /// Begins a measurement; returns the payload of a ping to send `now`.
    ///
    /// `random` must come from the operating system, so that a peer cannot guess the payload and
    /// answer a ping that it has not received. Answers to earlier pings no longer count.
    pub fn ping(&mut self, now: Duration, random: [u8; 4]) -> [u8; 4] {
        let nonce = NonZeroU32::new(u32::from_be_bytes(random)).unwrap_or(NonZeroU32::MIN);
        self.nonce = Some(nonce);
        self.sent = (u32::try_from(now.as_secs()).unwrap_or(u32::MAX), now.subsec_micros());
        nonce.get().to_be_bytes()
    }

    /// Call this for every pong. Returns the round-trip time if the pong answers the last ping.
    ///
    /// `now` is called only in that case.
    pub fn on_pong(&mut self, payload: &[u8], now: impl FnOnce() -> Duration) -> Option<Duration> {
        if self.nonce.is_none_or(|nonce| nonce.get().to_be_bytes() != payload) {
            return None;
        }
        self.nonce = None;
        let (seconds, micros) = self.sent;
        let sent = Duration::new(seconds.into(), micros * 1000);
        let time = now().saturating_sub(sent).as_micros();
        let time = u32::try_from(time).unwrap_or(u32::MAX);
        self.time = Some(NonZeroU32::new(time).unwrap_or(NonZeroU32::MIN));
        self.time()
    }

    /// The round-trip time of the last answered ping: at least a microsecond, at most 71 minutes.
    /// `None` before the first answer.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        self.time.map(|micros| Duration::from_micros(micros.get().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_last_ping_counts_and_only_once() {
        let mut round_trip = RoundTrip::new();
        let at = Duration::from_micros;
        assert_eq!(round_trip.time(), None);
        let first = round_trip.ping(at(10), *b"1234");
        let second = round_trip.ping(at(5_000_020), *b"5678");
        assert_eq!((first, second), (*b"1234", *b"5678"));
        for other in [&b"1234"[..], b"", b"567", b"56789", b"\0\0\0\0"] {
            round_trip.on_pong(other, || unreachable!("nobody looks at the clock"));
        }
        round_trip.on_pong(b"5678", || at(7_000_021));
        assert_eq!(round_trip.time(), Some(at(2_000_001)));
        round_trip.on_pong(b"5678", || unreachable!("it is answered"));
    }

    #[test]
    fn extremes_are_bounded() {
        let mut round_trip = RoundTrip::new();
        let zero = round_trip.ping(Duration::from_secs(9), [0; 4]);
        round_trip.on_pong(&[0; 4], || unreachable!("nobody looks at the clock"));
        round_trip.on_pong(&zero, || Duration::from_secs(9));
        assert_eq!(round_trip.time(), Some(Duration::from_micros(1)));
        let nonce = round_trip.ping(Duration::from_secs(9), [255; 4]);
        round_trip.on_pong(&nonce, || Duration::from_secs(100_000));
        assert_eq!(round_trip.time(), Some(Duration::from_micros(u32::MAX.into())));
    }
}
