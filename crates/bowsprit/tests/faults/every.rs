//! Every operation of every conversation, at either end, with every fault.

use std::io::ErrorKind;

use bowsprit::{
    AcceptError, Client, ConnectError, Error, Server,
    error::{ProtocolError, TimeoutKind},
};
use tokio::{
    io::DuplexStream,
    time::{Duration, timeout},
};

use super::scenarios::{Scenario, Side, Story, config};
use crate::support::{
    URL, background,
    rough::{Control, Fault, Op, Rough, rough},
    run,
};

/// Longer than all timers together can take.
const TOO_LONG: Duration = Duration::from_secs(300);

/// What is disturbed, where and how.
#[derive(Clone, Copy, Debug)]
struct Case {
    scenario: Scenario,
    /// Whose transport is bad.
    side: Side,
    op: Op,
    n: usize,
    fault: Fault,
}

/// How it ended at either end.
struct Outcome {
    disturbed: Story,
    peer: Story,
    struck: bool,
}

impl Case {
    async fn run(self) -> Outcome {
        let (bad, good, control) = rough(64 * 1024);
        let (peer_end, peer_control) = smooth(good);
        control.fail_at(self.op, self.n, self.fault);
        // In a task of its own: else the wake-ups of one side would hide that the other lost its.
        let peer = background(self.play(self.side.other(), peer_end, peer_control));
        let disturbed = self.play(self.side, bad, control.clone()).await;
        let peer = peer.await;
        Outcome { disturbed, peer, struck: control.has_struck() }
    }

    async fn play(self, side: Side, io: Rough, control: Control) -> Story {
        let opened = match side {
            Side::Client => {
                Client::new().config(config()).connect_over(URL, io).await.map_err(Error::from)
            }
            Side::Server => {
                Server::builder().config(config()).build().accept(io).await.map_err(Error::from)
            }
        };
        match opened {
            Ok(ws) => self.scenario.play(side, ws, &control).await,
            Err(error) => Story { error: Some(error), ..Story::default() },
        }
    }

    fn check(self, outcome: &Outcome, whole: &Outcome) {
        let Outcome { disturbed, peer, struck } = outcome;
        self.expect_prefix(&disturbed.received, &peer.sent);
        self.expect_prefix(&peer.received, &disturbed.sent);
        if !struck || self.fault.is_harmless() {
            let same = disturbed.received == whole.disturbed.received
                && peer.received == whole.peer.received
                && format!("{:?}", disturbed.error) == format!("{:?}", whole.disturbed.error)
                && format!("{:?}", peer.error) == format!("{:?}", whole.peer.error);
            assert!(same, "{self:?}: {:?}, {:?}", disturbed.error, peer.error);
            return;
        }
        if let Some(error) = &disturbed.error {
            assert!(self.explains(error), "{self:?}: {error:?}");
        }
        if let Some(error) = &peer.error {
            assert!(self.explains_at_peer(error), "{self:?}: at the peer {error:?}");
        }
    }

    /// What has arrived is what was sent, from the first on.
    fn expect_prefix(self, received: &[bowsprit::Message], sent: &[bowsprit::Message]) {
        assert!(
            received.len() <= sent.len() && received == &sent[..received.len()],
            "{self:?}: {} received of {}",
            received.len(),
            sent.len()
        );
    }

    /// Whether the side with the bad transport may see this error.
    fn explains(self, error: &Error) -> bool {
        use ErrorKind::{BrokenPipe, ConnectionReset, WriteZero};
        match (self.fault, error) {
            // Told about the handshake.
            (_, Error::Connect(ConnectError::Http(_)) | Error::Accept(AcceptError::Http(_))) => {
                true
            }
            (fault, error) if io_kind(error).is_some() => match (fault, self.op, io_kind(error)) {
                (Fault::Reset, _, kind) => kind == Some(ConnectionReset),
                (Fault::End, Op::Write, kind) => kind == Some(WriteZero),
                (Fault::End | Fault::Stall, _, kind) => kind == Some(BrokenPipe),
                _ => false,
            },
            (Fault::End, error) if is_disconnected(error) => self.op == Op::Read,
            (Fault::Stall, error) if is_disconnected(error) || timeout_kind(error).is_some() => {
                true
            }
            // Nothing to do with the fault.
            (_, Error::Protocol(error)) => self.breaks(error),
            _ => false,
        }
    }

    /// Whether the other side may see this error: the connection just ends for it.
    fn explains_at_peer(self, error: &Error) -> bool {
        match error {
            Error::Connect(ConnectError::Http(_)) | Error::Accept(AcceptError::Http(_)) => true,
            error if is_disconnected(error) => true,
            error if io_kind(error).is_some() => io_kind(error) == Some(ErrorKind::BrokenPipe),
            error if timeout_kind(error).is_some() => {
                self.fault == Fault::Stall || timeout_kind(error) == Some(TimeoutKind::Close)
            }
            Error::Protocol(error) => self.breaks(error),
            _ => false,
        }
    }

    fn breaks(self, error: &ProtocolError) -> bool {
        matches!(self.scenario, Scenario::ClientBreaks | Scenario::ServerBreaks)
            && *error == ProtocolError::ReservedOpcode(3)
    }
}

/// Nothing is wrong with this end.
fn smooth(io: DuplexStream) -> (Rough, Control) {
    let control = Control::default();
    (Rough::new(io, control.clone()), control)
}

/// Disturbs each operation of a kind until there is no further one.
async fn disturb_all(scenario: Scenario, side: Side) -> usize {
    let mut count = 0;
    for op in Op::ALL {
        let nothing = Case { scenario, side, op, n: 0, fault: Fault::Reset };
        let whole = nothing.run().await;
        expect_whole(scenario, &whole);
        for fault in Fault::ALL {
            for n in 1.. {
                let case = Case { n, fault, ..nothing };
                let outcome = timeout(TOO_LONG, case.run()).await;
                let outcome = outcome.unwrap_or_else(|_| panic!("{case:?} hangs"));
                case.check(&outcome, &whole);
                if !outcome.struck {
                    break;
                }
                count += 1;
            }
        }
    }
    count
}

/// Without any fault, all goes well; or the protocol is broken and seen to be.
fn expect_whole(scenario: Scenario, outcome: &Outcome) {
    let stories = [&outcome.disturbed, &outcome.peer];
    let errors: Vec<_> = stories.iter().filter_map(|story| story.error.as_ref()).collect();
    match scenario {
        Scenario::ClientBreaks | Scenario::ServerBreaks => {
            let expected = Error::Protocol(ProtocolError::ReservedOpcode(3));
            assert_eq!(format!("{errors:?}"), format!("[{expected:?}]"));
        }
        _ => assert!(errors.is_empty(), "{errors:?}"),
    }
    assert_eq!(stories[0].received, stories[1].sent);
    assert_eq!(stories[1].received, stories[0].sent);
}

/// The kind of an error of the transport, during the handshake or later.
fn io_kind(error: &Error) -> Option<ErrorKind> {
    match error {
        Error::Io(error)
        | Error::Connect(ConnectError::Io(error))
        | Error::Accept(AcceptError::Io(error)) => Some(error.kind()),
        _ => None,
    }
}

fn timeout_kind(error: &Error) -> Option<TimeoutKind> {
    match error {
        Error::TimedOut(kind)
        | Error::Connect(ConnectError::TimedOut(kind))
        | Error::Accept(AcceptError::TimedOut(kind)) => Some(*kind),
        _ => None,
    }
}

fn is_disconnected(error: &Error) -> bool {
    matches!(error, Error::Disconnected | Error::Accept(AcceptError::Disconnected))
}

fn disturb(scenarios: &'static [Scenario]) {
    run(async move || {
        for &scenario in scenarios {
            for side in [Side::Client, Side::Server] {
                let count = disturb_all(scenario, side).await;
                assert!(count > 30, "only {count} faults in {scenario:?}");
            }
        }
    });
}

#[test]
fn small_echoes_survive_every_fault_or_end_with_the_right_error() {
    disturb(&[Scenario::EchoSmall]);
}

#[test]
fn large_echoes_survive_every_fault_or_end_with_the_right_error() {
    disturb(&[Scenario::EchoLarge]);
}

#[test]
fn fragmented_messages_survive_every_fault_or_end_with_the_right_error() {
    disturb(&[Scenario::Fragments]);
}

#[test]
fn pings_in_a_stream_survive_every_fault_or_end_with_the_right_error() {
    disturb(&[Scenario::Pings]);
}

#[test]
fn closing_handshakes_survive_every_fault_or_end_with_the_right_error() {
    disturb(&[Scenario::ClientCloses, Scenario::ServerCloses]);
}

#[test]
fn broken_protocol_is_told_through_every_fault_or_ends_with_the_right_error() {
    disturb(&[Scenario::ClientBreaks, Scenario::ServerBreaks]);
}
