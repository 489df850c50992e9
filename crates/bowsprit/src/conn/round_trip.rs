//! How long a ping takes to the peer and its pong back, RFC 6455 §5.5.3.

use std::{num::NonZeroU32, time::Duration};

/// The last ping of the link's own, and how long the last that was answered took.
///
/// Every open connection has one, so it is small.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    /// The payload of the ping that waits for its pong. Nobody can answer it who has not seen it.
    nonce: Option<NonZeroU32>,
    /// How old the connection was then: seconds, and microseconds of the next one.
    sent: (u32, u32),
    /// In microseconds.
    took: Option<NonZeroU32>,
}

impl RoundTrip {
    pub(super) const fn new() -> Self {
        Self { nonce: None, sent: (0, 0), took: None }
    }

    /// Makes the payload of a ping that is sent now, out of four random bytes. Answers to those
    /// before do not count any more.
    pub(super) fn ping(&mut self, age: Duration, random: [u8; 4]) -> [u8; 4] {
        let nonce = NonZeroU32::new(u32::from_be_bytes(random)).unwrap_or(NonZeroU32::MIN);
        self.nonce = Some(nonce);
        self.sent = (u32::try_from(age.as_secs()).unwrap_or(u32::MAX), age.subsec_micros());
        nonce.get().to_be_bytes()
    }

    /// A pong has come, perhaps the one that was waited for.
    /// Then tells how long it took.
    pub(super) fn pong(
        &mut self,
        payload: &[u8],
        age: impl FnOnce() -> Duration,
    ) -> Option<Duration> {
        if self.nonce.is_none_or(|nonce| nonce.get().to_be_bytes() != payload) {
            return None;
        }
        self.nonce = None;
        let (seconds, micros) = self.sent;
        let sent = Duration::new(seconds.into(), micros * 1000);
        let took = age().saturating_sub(sent).as_micros();
        let took = u32::try_from(took).unwrap_or(u32::MAX);
        self.took = Some(NonZeroU32::new(took).unwrap_or(NonZeroU32::MIN));
        self.took()
    }

    /// What the last ping that was answered took, at least a microsecond and at most 71 minutes.
    pub(super) fn took(&self) -> Option<Duration> {
        self.took.map(|micros| Duration::from_micros(micros.get().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_last_ping_counts_and_only_once() {
        let mut round_trip = RoundTrip::new();
        let at = Duration::from_micros;
        assert_eq!(round_trip.took(), None);
        let first = round_trip.ping(at(10), *b"1234");
        let second = round_trip.ping(at(5_000_020), *b"5678");
        assert_eq!((first, second), (*b"1234", *b"5678"));
        for other in [&b"1234"[..], b"", b"567", b"56789", b"\0\0\0\0"] {
            round_trip.pong(other, || unreachable!("nobody looks at the clock"));
        }
        round_trip.pong(b"5678", || at(7_000_021));
        assert_eq!(round_trip.took(), Some(at(2_000_001)));
        round_trip.pong(b"5678", || unreachable!("it is answered"));
    }

    #[test]
    fn extremes_are_bounded() {
        let mut round_trip = RoundTrip::new();
        let zero = round_trip.ping(Duration::from_secs(9), [0; 4]);
        round_trip.pong(&[0; 4], || unreachable!("nobody looks at the clock"));
        round_trip.pong(&zero, || Duration::from_secs(9));
        assert_eq!(round_trip.took(), Some(Duration::from_micros(1)));
        let nonce = round_trip.ping(Duration::from_secs(9), [255; 4]);
        round_trip.pong(&nonce, || Duration::from_secs(100_000));
        assert_eq!(round_trip.took(), Some(Duration::from_micros(u32::MAX.into())));
    }
}
