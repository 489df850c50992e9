//! How much a peer may send: messages and pings in a second, and bytes that nobody receives.
//!
//! The time of a message is that of the read that brought it: looking at the clock for each message
//! would cost more than handling a short one.

use alloc::boxed::Box;
use core::time::Duration;

use super::DiscardBudget;
use crate::{Progress, ProtocolError, Received};

/// What a token is worth: a bucket for one message per second gains one each nanosecond.
const TOKEN: u64 = 1_000_000_000;

/// How many messages and pings a peer may send in a second. Default: as many as it likes.
///
/// One second's worth may arrive at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimits {
    /// Messages; each frame of a message counts, because an empty one costs as much as a message.
    /// More fail with [`ProtocolError::TooManyMessages`].
    pub max_messages_per_second: Option<u32>,
    /// Pings and pongs. More fail with [`ProtocolError::TooManyPings`].
    pub max_pings_per_second: Option<u32>,
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self { max_messages_per_second: None, max_pings_per_second: None };

    /// These limits with another number of messages a second, or with `None`.
    #[must_use]
    pub const fn max_messages_per_second(self, max_messages_per_second: Option<u32>) -> Self {
        Self { max_messages_per_second, ..self }
    }

    /// These limits with another number of pings a second, or with `None`.
    #[must_use]
    pub const fn max_pings_per_second(self, max_pings_per_second: Option<u32>) -> Self {
        Self { max_pings_per_second, ..self }
    }
}

/// Counts what a peer sends against [`RateLimits`]. Where nothing is limited it takes one word of
/// memory and one branch per message.
///
/// What arrived while the application was busy is spread over all of that time: the peer's rate
/// matters, not the application's. Therefore call [`on_read`](Self::on_read) after each read, and
/// [`on_wait`](Self::on_wait) when there is nothing more to read.
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
    /// When was read last.
    read: Duration,
    /// There was nothing more to read after that.
    waited: bool,
    /// Once nobody receives it.
    discard: Option<DiscardBudget>,
}

/// Tokens that come at a rate and are taken one by one.
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

    /// What the peer may still send that nobody receives; `queued_len` is what waited to be written
    /// when that began.
    pub fn discard(&mut self, queued_len: impl FnOnce() -> usize) -> &mut DiscardBudget {
        let allowance = self.0.get_or_insert_with(|| Box::new(Allowance::new(None, None)));
        allowance.discard.get_or_insert_with(|| DiscardBudget::new(queued_len()))
    }

    /// Bytes have been read, `now` after a moment that is the same in all calls.
    ///
    /// `now` is called only if something is limited.
    #[inline]
    pub fn on_read(&mut self, now: impl FnOnce() -> Duration) {
        if let Some(allowance) = &mut self.0 {
            allowance.on_read(now());
        }
    }

    /// There is nothing more to read at the moment.
    #[inline]
    pub fn on_wait(&mut self) {
        if let Some(allowance) = &mut self.0 {
            allowance.waited = true;
        }
    }

    /// Counts what has been received. This is what a driver's
    /// [`Respond::count`](crate::Respond::count) calls.
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

    /// Between two reads without a wait the application was busy, and what is read has come at any
    /// time meanwhile: so all of that time counts. After a wait it has come just now.
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

/// Takes tokens where they are limited; `None` if there are not so many.
fn take(bucket: &mut Option<Bucket>, count: u32) -> Option<()> {
    let Some(bucket) = bucket else { return Some(()) };
    bucket.left = bucket.left.checked_sub(u64::from(count) * TOKEN)?;
    Some(())
}

impl Bucket {
    /// A full one.
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

    /// Drops what is more than it holds.
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
