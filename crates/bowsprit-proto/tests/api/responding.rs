//! When a receiver has something answered, and when it fails, whoever answers: RFC 6455 §5.5,
//! §7.1.7.

use bowsprit_proto::{
    Event, Limits, Progress, ProtocolError, ReceiveBuffer, Received, Receiver, Respond, Role,
    timers::{RateLimiter, RateLimits},
};

use super::pair::{BOTH, Seen, frame, frames, peer_of};

/// What a receiver asks of the sending half.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// With what was received, if it is an event.
    Count(bool),
    Respond(Seen),
    Fail(ProtocolError),
}

/// Writes down what it is asked, and fails by its own limits.
struct Recorder {
    rates: RateLimiter,
    asked: Vec<Asked>,
}

impl Recorder {
    fn new(limits: RateLimits) -> Self {
        Self { rates: RateLimiter::new(limits), asked: Vec::new() }
    }
}

impl Respond for Recorder {
    fn count(&mut self, received: &Received) -> Result<(), ProtocolError> {
        self.asked.push(Asked::Count(received.progress.unwrap().is_event()));
        self.rates.count(received)
    }

    fn respond(&mut self, event: &Event<'_>) {
        self.asked.push(Asked::Respond(Seen::of(event)));
    }

    fn fail(&mut self, error: &ProtocolError) {
        self.asked.push(Asked::Fail(*error));
    }
}

/// The three ways to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Messages,
    Chunks,
    Control,
}

const ALL: [By; 3] = [By::Messages, By::Chunks, By::Control];

fn receive(
    by: By,
    receiver: &mut Receiver,
    input: &mut ReceiveBuffer,
    peer: &mut Recorder,
) -> Result<Progress, ProtocolError> {
    match by {
        By::Messages => receiver.receive(input, peer).progress,
        By::Chunks => receiver.receive_chunk(input, peer).progress,
        // What is in front is data.
        By::Control => match receiver.receive_control(input, peer) {
            Some(received) => received.progress,
            None => receiver.receive(input, peer).progress,
        },
    }
}

/// Receives all of it, and once more; returns what was asked.
fn ask(by: By, role: Role, bytes: &[u8], limits: RateLimits) -> Vec<Asked> {
    let mut receiver = Receiver::new(role, Limits::SERVER);
    let (mut input, mut peer) = (ReceiveBuffer::new(), Recorder::new(limits));
    input.extend(bytes);
    let mut progress = receive(by, &mut receiver, &mut input, &mut peer);
    while progress.is_ok_and(|progress| progress.is_event()) {
        progress = receive(by, &mut receiver, &mut input, &mut peer);
    }
    let again = receive(by, &mut receiver, &mut input, &mut peer);
    assert_eq!(again, progress, "{by:?}");
    if progress.is_err() {
        assert!(receiver.is_closed() && input.is_empty());
    }
    peer.asked.retain(|asked| *asked != Asked::Count(false));
    peer.asked
}

/// RFC: 5.5.2-2, 5.5.1-4
#[test]
fn control_frames_are_passed_on_and_messages_are_not() {
    let sent: [(u8, &[u8]); 6] = [
        (0x89, b"ping"),
        (0x82, b"message"),
        (0x8A, b"pong"),
        (0x82, b""),
        (0x88, b"\x03\xE8why"),
        (0x89, b"late"),
    ];
    for role in BOTH {
        for by in ALL {
            let bytes = frames(peer_of(role), sent);
            let expected = [
                Asked::Count(true),
                Asked::Respond(Seen::Ping(b"ping".to_vec())),
                Asked::Count(true),
                Asked::Count(true),
                Asked::Respond(Seen::Pong(b"pong".to_vec())),
                Asked::Count(true),
                Asked::Count(true),
                Asked::Respond(Seen::Close(1000, "why".to_owned())),
            ];
            assert_eq!(ask(by, role, &bytes, RateLimits::NONE), expected, "{by:?}");
        }
    }
}

/// RFC: 7.1.7-4
#[test]
fn a_connection_fails_once_and_is_over() {
    for role in BOTH {
        for by in ALL {
            let bytes = frames(peer_of(role), [(0x83, &b""[..]), (0x89, b"late")]);
            let expected = [Asked::Fail(ProtocolError::ReservedOpcode(3))];
            assert_eq!(ask(by, role, &bytes, RateLimits::NONE), expected, "{by:?}");
        }
    }
}

#[test]
fn what_exceeds_a_limit_of_the_driver_is_not_answered() {
    let limits = RateLimits::NONE.max_pings_per_second(Some(1)).max_messages_per_second(Some(0));
    for by in ALL {
        let bytes = frame(Role::Client, 0x89, b"ping").repeat(2);
        let expected = [
            Asked::Count(true),
            Asked::Respond(Seen::Ping(b"ping".to_vec())),
            Asked::Count(true),
            Asked::Fail(ProtocolError::TooManyPings),
        ];
        assert_eq!(ask(by, Role::Server, &bytes, limits), expected, "{by:?}");
        let bytes = frame(Role::Client, 0x82, b"message");
        let expected = [Asked::Count(true), Asked::Fail(ProtocolError::TooManyMessages)];
        assert_eq!(ask(by, Role::Server, &bytes, limits), expected, "{by:?}");
    }
}

#[test]
fn a_limit_also_ends_a_message_that_is_not_complete() {
    let limits = RateLimits::NONE.max_messages_per_second(Some(2));
    let bytes = frames(Role::Client, [(0x02, &b"a"[..]), (0x00, b""), (0x00, b"")]);
    let asked = ask(By::Messages, Role::Server, &bytes, limits);
    assert_eq!(asked, [Asked::Fail(ProtocolError::TooManyMessages)]);
}
