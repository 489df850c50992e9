//! How much a peer may send in a second.

use core::time::Duration;

use bowsprit_proto::{
    Progress, ProtocolError, ReceiveBuffer, Receiver, Role,
    timers::{RateLimiter, RateLimits},
};
use proptest::{collection::vec, prelude::*};

use super::pair::frame;

/// How many events there were, and how it went on.
type Read = (u32, Result<(), ProtocolError>);

/// A server that counts, and its peer.
struct Counted {
    rates: RateLimiter,
    receiver: Receiver,
    input: ReceiveBuffer,
}

impl Counted {
    fn new(limits: RateLimits) -> Self {
        Self {
            rates: RateLimiter::new(limits),
            receiver: Receiver::new(Role::Server, bowsprit_proto::Limits::NONE),
            input: ReceiveBuffer::new(),
        }
    }

    /// Reads frames at a time, until there is nothing left.
    fn read(&mut self, at: Duration, frames: &[u8]) -> Read {
        self.rates.on_read(|| at);
        self.input.extend(frames);
        for events in 0.. {
            let received = self.receiver.receive(&mut self.input, &mut ());
            let counted = self.rates.count(&received);
            match received.progress.and_then(|progress| counted.map(|()| progress)) {
                Ok(Progress::NeedData) => return (events, Ok(())),
                Ok(_) => {}
                Err(error) => return (events, Err(error)),
            }
        }
        unreachable!("the input ends")
    }
}

#[test]
fn frames_count_as_messages_and_pongs_as_pings() {
    let two = RateLimits::NONE.max_messages_per_second(Some(2)).max_pings_per_second(Some(2));
    let [text, begin, middle, end] = [0x81, 0x01, 0x00, 0x80];
    let [close, ping, pong] = [0x88, 0x89, 0x8a];
    let messages = Err(ProtocolError::TooManyMessages);
    let pings = Err(ProtocolError::TooManyPings);
    let cases: [(&[u8], Read); 9] = [
        (&[text, text], (2, Ok(()))),
        (&[text, text, text], (2, messages)),
        (&[begin, end], (1, Ok(()))),
        (&[begin, middle, end], (0, messages)),
        (&[begin, ping, end, pong], (3, Ok(()))),
        (&[ping, pong], (2, Ok(()))),
        (&[ping, pong, ping], (2, pings)),
        (&[pong, pong, pong], (2, pings)),
        (&[ping, text, ping, text, close], (5, Ok(()))),
    ];
    for (frames, expected) in cases {
        let bytes: Vec<u8> =
            frames.iter().flat_map(|first| frame(Role::Client, *first, b"")).collect();
        assert_eq!(Counted::new(two).read(Duration::ZERO, &bytes), expected, "{frames:x?}");
    }
}

#[test]
fn an_error_of_the_receiver_comes_first() {
    let mut counted = Counted::new(RateLimits::NONE.max_messages_per_second(Some(0)));
    let wrong = frame(Role::Client, 0x83, b"");
    let read = counted.read(Duration::ZERO, &wrong);
    assert_eq!(read, (0, Err(ProtocolError::ReservedOpcode(3))));
}

#[test]
fn nobody_looks_at_the_clock_where_nothing_is_limited() {
    let mut rates = RateLimiter::new(RateLimits::NONE);
    rates.on_wait();
    rates.on_read(|| unreachable!("nothing is limited"));
    // Nor does a bound on what is discarded limit anything.
    assert_eq!(rates.discard(|| 7).remaining_len(), (1 << 20) + 7);
    assert_eq!(rates.discard(|| unreachable!("it has begun")).remaining_len(), (1 << 20) + 7);
    rates.on_read(|| Duration::ZERO);
}

proptest! {
    /// Whatever is read when, a peer never gets more through than its rate and one second's worth.
    #[test]
    fn no_more_comes_through_than_the_rate(
        rate in 0_u32..50,
        reads in vec((0_u64..800, 0_usize..20, any::<bool>()), 1..30),
    ) {
        let mut counted = Counted::new(RateLimits::NONE.max_messages_per_second(Some(rate)));
        let (mut now, mut total) = (0, 0);
        for (passed, count, waits) in reads {
            now += passed;
            let bytes = frame(Role::Client, 0x81, b"x").repeat(count);
            let (events, read) = counted.read(Duration::from_millis(now), &bytes);
            total += u64::from(events);
            prop_assert!(total * 1000 <= u64::from(rate) * (now + 1000));
            if let Err(error) = read {
                prop_assert_eq!(error, ProtocolError::TooManyMessages);
                break;
            }
            if waits {
                counted.rates.on_wait();
            }
        }
    }

    /// A peer that keeps to its rate is never failed, however late the application reads.
    #[test]
    fn who_keeps_to_the_rate_is_never_failed(
        rate in 1_u32..50,
        reads in vec((0_u32..3000, any::<bool>()), 1..30),
    ) {
        let mut counted = Counted::new(RateLimits::NONE.max_messages_per_second(Some(rate)));
        let (mut now, mut waited) = (0, true);
        for (passed, waits) in reads {
            now += passed;
            // After a wait, what is there has come at once: a second's worth at most.
            let count = passed * rate / 1000;
            let count = if waited { count.min(rate) } else { count };
            let bytes = frame(Role::Client, 0x81, b"x").repeat(count as usize);
            let read = counted.read(Duration::from_millis(now.into()), &bytes);
            prop_assert_eq!(read, (count, Ok(())));
            waited = waits;
            if waits {
                counted.rates.on_wait();
            }
        }
    }
}
