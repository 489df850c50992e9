//! How much a peer may send: messages and pings in a second, and bytes that nobody receives.
//!
//! The time that counts is the one of the read that has brought them: looking at the clock for each
//! message would cost more than a short message does.

use tokio::time::Instant;

use crate::{Options, Progress, ProtocolError, ReceiveBuffer, Receiver, pool::Block};

/// What a token is worth: a bucket for one message per second gains one each nanosecond.
const TOKEN: u64 = 1_000_000_000;

/// What is read of that which nobody receives.
const MAX_DISCARDED_LEN: u64 = 1 << 20;

/// What a peer may still send. Where nothing is limited it is a word, and a branch.
pub(crate) struct Rates(Option<Box<Allowance>>);

#[derive(Debug)]
struct Allowance {
    messages: Option<Bucket>,
    pings: Option<Bucket>,
    /// When was read last.
    read: Instant,
    /// There was nothing more to read after that.
    waited: bool,
    /// Once nobody receives it.
    discard: Option<Discard>,
}

/// How much more is read of what nobody receives: a peer that goes on for ever is cut.
#[derive(Debug)]
pub(crate) struct Discard {
    left_len: u64,
    /// The rest of the frame that was under way was added.
    has_frame: bool,
}

/// Tokens that come at a rate and are taken one by one.
#[derive(Debug)]
struct Bucket {
    per_second: u32,
    left: u64,
}

impl Rates {
    /// For a connection with these options.
    pub(crate) fn new(options: &Options) -> Self {
        let messages = options.max_messages_per_second.map(Bucket::new);
        let pings = options.max_pings_per_second.map(Bucket::new);
        let limited = messages.is_some() || pings.is_some();
        Self(limited.then(|| Box::new(Allowance::new(messages, pings))))
    }

    /// What the peer may still send that nobody receives; `queued_len` is what waited for it when
    /// that began.
    pub(crate) fn discard(&mut self, queued_len: impl FnOnce() -> usize) -> &mut Discard {
        let allowance = self.0.get_or_insert_with(|| Box::new(Allowance::new(None, None)));
        allowance.discard.get_or_insert_with(|| Discard::new(queued_len()))
    }

    /// Something has been read.
    pub(crate) fn note_read(&mut self) {
        if let Some(allowance) = &mut self.0 {
            allowance.note_read(Instant::now());
        }
    }

    /// Nothing is left to be read.
    pub(crate) fn note_wait(&mut self) {
        if let Some(allowance) = &mut self.0 {
            allowance.waited = true;
        }
    }

    /// Counts what a receiver has made of its input, and hands it on.
    ///
    /// # Errors
    ///
    /// That of the receiver, or the peer has sent too much.
    pub(crate) fn count(
        &mut self,
        progress: Result<Progress, ProtocolError>,
        receiver: &mut Receiver,
        buffer: &ReceiveBuffer<Block>,
    ) -> Result<Progress, ProtocolError> {
        let Some(allowance) = &mut self.0 else { return progress };
        let progress = progress?;
        allowance.take_messages(receiver.take_fragments())?;
        match progress {
            Progress::Event if buffer.begins_message() => allowance.take_messages(1)?,
            Progress::Event if !buffer.has_data() && !receiver.is_closed() => {
                allowance.take_ping()?;
            }
            _ => {}
        }
        Ok(progress)
    }
}

impl Allowance {
    fn new(messages: Option<Bucket>, pings: Option<Bucket>) -> Self {
        Self { messages, pings, read: Instant::now(), waited: true, discard: None }
    }

    /// Between two reads without a wait the application was busy, and what is read has come at any
    /// time meanwhile: so all of that time counts. After a wait it has come just now.
    fn note_read(&mut self, now: Instant) {
        let nanos = now.saturating_duration_since(self.read).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.read = now;
        for bucket in [&mut self.messages, &mut self.pings].into_iter().flatten() {
            bucket.fill(nanos);
            if self.waited {
                bucket.spill();
            }
        }
        self.waited = false;
    }

    fn take_messages(&mut self, count: u32) -> Result<(), ProtocolError> {
        take(&mut self.messages, count).ok_or(ProtocolError::TooManyMessages)
    }

    fn take_ping(&mut self) -> Result<(), ProtocolError> {
        take(&mut self.pings, 1).ok_or(ProtocolError::TooManyPings)
    }
}

impl Discard {
    /// A peer that echoes sends as much as waits for it.
    const fn new(queued_len: usize) -> Self {
        Self { left_len: MAX_DISCARDED_LEN + queued_len as u64, has_frame: false }
    }

    /// Does not count the rest of the frame that is under way when this is first called.
    pub(crate) const fn allow_frame(&mut self, rest_len: u64) {
        if rest_len > 0 && !self.has_frame {
            self.left_len = self.left_len.saturating_add(rest_len);
            self.has_frame = true;
        }
    }

    pub(crate) const fn count(&mut self, len: usize) {
        self.left_len = self.left_len.saturating_sub(len as u64);
    }

    pub(crate) const fn left_len(&self) -> u64 {
        self.left_len
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
    fn spill(&mut self) {
        self.left = self.left.min(Self::capacity(self.per_second));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn allowance(messages: u32, pings: u32) -> Allowance {
        let mut options = Options::server();
        options.max_messages_per_second = Some(messages);
        options.max_pings_per_second = Some(pings);
        *Rates::new(&options).0.unwrap()
    }

    /// How many messages may be sent at once.
    fn drain(allowance: &mut Allowance) -> usize {
        (0..1000).take_while(|_| allowance.take_messages(1).is_ok()).count()
    }

    fn read_after(allowance: &mut Allowance, millis: u64) {
        let now = allowance.read + Duration::from_millis(millis);
        allowance.note_read(now);
    }

    #[test]
    fn nothing_is_counted_where_nothing_is_limited() {
        assert!(Rates::new(&Options::server()).0.is_none());
        let mut options = Options::client();
        options.max_pings_per_second = Some(1);
        let mut allowance = Rates::new(&options).0.unwrap();
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
