//! Limits how much a peer may send: messages and pings per second, and discarded bytes.
//!
//! The time of a message is that of the read in which it arrived: reading the clock for each
//! message would cost more than processing a short one.

use alloc::boxed::Box;
use core::time::Duration;

use super::DiscardBudget;
use crate::{Progress, ProtocolError, Received};

/// The units of a token: a bucket for one message per second gains one unit per nanosecond.
const TOKEN: u64 = 1_000_000_000;

/// How many messages and pings a peer may send per second. Default: no limit.
///
/// One second's worth may arrive at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Messages. Each frame of a message counts, because an empty frame costs as much as a message.
    /// Exceeding this fails the connection with [`ProtocolError::TooManyMessages`].
    pub max_messages_per_second: Option<u32>,
    /// Pings and pongs. Exceeding this fails the connection with [`ProtocolError::TooManyPings`].
    pub max_pings_per_second: Option<u32>,
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self { max_messages_per_second: None, max_pings_per_second: None };

    /// Sets the number of messages per second; `None` for no limit.
    #[must_use]
    pub const fn max_messages_per_second(self, max_messages_per_second: Option<u32>) -> Self {
        Self { max_messages_per_second, ..self }
    }

    /// Sets the number of pings and pongs per second; `None` for no limit.
    #[must_use]
    pub const fn max_pings_per_second(self, max_pings_per_second: Option<u32>) -> Self {
        Self { max_pings_per_second, ..self }
    }
}

/// Counts what a peer sends against [`RateLimits`]. Without limits it takes one word of memory and
/// one branch per message.
///
/// Messages that arrived while the application was busy are spread over all of that time, because
/// the peer's rate matters, not the application's. Therefore call [`on_read`](Self::on_read) after
/// each read, and [`on_wait`](Self::on_wait) when there is nothing more to read.
///
/// ```
/// use core::time::Duration;
/// use bowsprit_proto::{
///     Limits, ProtocolError, ReceiveBuffer, Receiver, Role,
///     timers::{RateLimiter, RateLimits},
/// };
///
/// let mut rates = RateLimiter::new(RateLimits::NONE.max_messages_per_second(Some(2)));
/// let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
/// let mut input = ReceiveBuffer::new();
/// // Three empty text messages in one read.
/// input.extend(b"\x81\x00\x81\x00\x81\x00");
/// rates.on_read(|| Duration::from_millis(1));
/// for expected in [Ok(()), Ok(()), Err(ProtocolError::TooManyMessages)] {
///     let received = receiver.receive(&mut input, &mut ());
///     assert_eq!(rates.count(&received), expected);
/// }
/// ```
#[derive(Debug)]
pub struct RateLimiter(Option<Box<Allowance>>);

#[derive(Debug)]
struct Allowance {
    messages: Option<Bucket>,
    pings: Option<Bucket>,
    /// The time of the last read.
    read: Duration,
    /// There was nothing more to read after it.
    waited: bool,
    /// Set once received data is discarded.
    discard: Option<DiscardBudget>,
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    left: u64,
}

impl RateLimiter {
    /// For a new connection.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        let messages = limits.max_messages_per_second.map(Bucket::new);
        let pings = limits.max_pings_per_second.map(Bucket::new);
        let limited = messages.is_some() || pings.is_some();
        Self(limited.then(|| Box::new(Allowance::new(messages, pings))))
    }

    /// The budget of data to discard. `queued_len` returns how many bytes waited to be written when
    /// discarding began.
    pub fn discard(&mut self, queued_len: impl FnOnce() -> usize) -> &mut DiscardBudget {
        let allowance = self.0.get_or_insert_with(|| Box::new(Allowance::new(None, None)));
        allowance.discard.get_or_insert_with(|| DiscardBudget::new(queued_len()))
    }

    /// Records that bytes have been read. `now` returns the time since an instant that is the same
    /// in all calls.
    ///
    /// `now` is called only if something is limited.
    #[inline]
    pub fn on_read(&mut self, now: impl FnOnce() -> Duration) {
        if let Some(allowance) = &mut self.0 {
            allowance.on_read(now());
        }
    }

    /// Records that there is nothing more to read at the moment.
    #[inline]
    pub fn on_wait(&mut self) {
        if let Some(allowance) = &mut self.0 {
            allowance.waited = true;
        }
    }

    /// Counts what has been received. A driver calls this in
    /// [`Respond::count`](crate::Respond::count).
    ///
    /// # Errors
    ///
    /// The peer has exceeded a limit.
    #[inline]
    pub fn count(&mut self, received: &Received) -> Result<(), ProtocolError> {
        match &mut self.0 {
            Some(allowance) => allowance.count(received),
            None => Ok(()),
        }
    }
}

impl Allowance {
    const fn new(messages: Option<Bucket>, pings: Option<Bucket>) -> Self {
        Self { messages, pings, read: Duration::ZERO, waited: true, discard: None }
    }

    /// Between two reads without a wait the application was busy. The data may have arrived at any
    /// time in between, so all of that time counts. After a wait the data has just arrived.
    fn on_read(&mut self, now: Duration) {
        let nanos = u64::try_from(now.saturating_sub(self.read).as_nanos()).unwrap_or(u64::MAX);
        self.read = now;
        for bucket in [&mut self.messages, &mut self.pings].into_iter().flatten() {
            bucket.fill(nanos);
            if self.waited {
                bucket.clamp();
            }
        }
        self.waited = false;
    }

    fn count(&mut self, received: &Received) -> Result<(), ProtocolError> {
        self.take_messages(received.data_frames)?;
        match received.progress {
            Ok(Progress::Ping | Progress::Pong) => self.take_ping(),
            _ => Ok(()),
        }
    }

    fn take_messages(&mut self, count: u32) -> Result<(), ProtocolError> {
        take(&mut self.messages, count).ok_or(ProtocolError::TooManyMessages)
    }

    fn take_ping(&mut self) -> Result<(), ProtocolError> {
        take(&mut self.pings, 1).ok_or(ProtocolError::TooManyPings)
    }
}

/// Takes tokens if there is a limit; `None` if there are not enough.
fn take(bucket: &mut Option<Bucket>, count: u32) -> Option<()> {
    let Some(bucket) = bucket else { return Some(()) };
    bucket.left = bucket.left.checked_sub(u64::from(count) * TOKEN)?;
    Some(())
}

impl Bucket {
    /// Creates a full bucket.
    const fn new(per_second: u32) -> Self {
        Self { per_second, left: Self::capacity(per_second) }
    }

    /// One second's worth.
    const fn capacity(per_second: u32) -> u64 {
        per_second as u64 * TOKEN
    }

    const fn fill(&mut self, nanos: u64) {
        self.left = self.left.saturating_add(nanos.saturating_mul(self.per_second as u64));
    }

    /// Drops tokens beyond the capacity.
    fn clamp(&mut self) {
        self.left = self.left.min(Self::capacity(self.per_second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(messages: u32, pings: u32) -> Allowance {
        Allowance::new(Some(Bucket::new(messages)), Some(Bucket::new(pings)))
    }

    /// How many messages may be sent at once.
    fn drain(allowance: &mut Allowance) -> usize {
        (0..1000).take_while(|_| allowance.take_messages(1).is_ok()).count()
    }

    fn read_after(allowance: &mut Allowance, millis: u64) {
        allowance.on_read(allowance.read + Duration::from_millis(millis));
    }

    #[test]
    fn nothing_is_counted_where_nothing_is_limited() {
        let mut rates = RateLimiter::new(RateLimits::NONE);
        rates.on_read(|| unreachable!("nobody looks at the clock"));
        assert!(rates.0.is_none());
        let limits = RateLimits::NONE.max_pings_per_second(Some(1));
        let mut allowance = RateLimiter::new(limits).0.unwrap();
        assert_eq!(allowance.take_messages(u32::MAX), Ok(()));
        assert_eq!(allowance.take_ping(), Ok(()));
        assert_eq!(allowance.take_ping(), Err(ProtocolError::TooManyPings));
    }

    #[test]
    fn a_second_s_worth_may_come_at_once_and_then_as_many_as_time_brings() {
        let mut allowance = allowance(10, 1);
        assert_eq!(drain(&mut allowance), 10);
        for (millis, expected) in [(99, 0), (1, 1), (250, 2), (50, 1), (1000, 10)] {
            allowance.waited = true;
            read_after(&mut allowance, millis);
            assert_eq!(drain(&mut allowance), expected, "after {millis} ms");
        }
        assert_eq!(allowance.take_messages(1), Err(ProtocolError::TooManyMessages));
    }

    #[test]
    fn silence_saves_no_more_than_a_second_s_worth() {
        let mut allowance = allowance(10, 1);
        allowance.waited = true;
        read_after(&mut allowance, 60_000);
        assert_eq!(drain(&mut allowance), 10);
    }

    #[test]
    fn what_came_while_the_application_was_busy_counts_over_all_that_time() {
        let mut allowance = allowance(10, 1);
        assert_eq!(drain(&mut allowance), 10);
        allowance.waited = true;
        read_after(&mut allowance, 1000);
        read_after(&mut allowance, 5000);
        assert_eq!(drain(&mut allowance), 60);
    }

    #[test]
    fn extremes_neither_overflow_nor_let_through() {
        let mut none = allowance(0, 0);
        read_after(&mut none, u64::MAX / 2_000_000);
        assert_eq!(none.take_messages(1), Err(ProtocolError::TooManyMessages));
        assert_eq!(none.take_messages(0), Ok(()));
        let mut all = allowance(u32::MAX, 1);
        assert_eq!(all.take_messages(u32::MAX), Ok(()));
        read_after(&mut all, u64::MAX / 2_000_000);
        all.waited = true;
        read_after(&mut all, 1);
        assert_eq!(all.take_messages(u32::MAX), Ok(()));
        assert_eq!(all.take_messages(1), Err(ProtocolError::TooManyMessages));
    }
}
