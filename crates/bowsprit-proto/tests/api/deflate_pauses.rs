//! Decompression that pauses at limits, to be continued elsewhere.

use bowsprit_proto::{InflationLimits, Limits, Progress, ReceiveBuffer, Receiver, Role};
use proptest::{collection::vec, prelude::*};

use super::{
    deflate::{BINARY, agree, end, frames_of, frames_to, prose, with_takeover},
    deflate_chunking::stream,
    pair::Seen,
    streams::{cuts, pieces},
};

const ONLY_INPUT: InflationLimits = InflationLimits { input_len: 100, ..InflationLimits::NONE };
const ONLY_OUTPUT: InflationLimits = InflationLimits { output_len: 100, ..InflationLimits::NONE };

fn receiver(role: Role, takeover: bool) -> Receiver {
    let deflate = with_takeover(takeover);
    let (parameters, _) = agree(&deflate, &deflate).unwrap();
    Receiver::new(role, Limits::SERVER.max_message_len(10_000)).with_deflate(&parameters, &deflate)
}

/// Receives to the end of the input, with limits that are renewed at each pause; whole messages, or
/// chunks.
fn receive_within(
    mut receiver: Receiver,
    pieces: &[&[u8]],
    chunks: bool,
    mut limits: impl FnMut() -> InflationLimits,
) -> Vec<Seen> {
    let (mut input, mut seen) = (ReceiveBuffer::new(), Vec::new());
    for piece in pieces {
        input.extend(piece);
        receiver.limit_inflation(limits());
        loop {
            let received = if chunks {
                receiver.receive_chunk(&mut input, &mut ())
            } else {
                receiver.receive(&mut input, &mut ())
            };
            match received.progress {
                Err(error) => {
                    seen.push(Seen::Failed(error));
                    return seen;
                }
                Ok(Progress::NeedData) if receiver.is_inflation_paused() => {
                    receiver.limit_inflation(limits());
                }
                Ok(Progress::NeedData) => break,
                Ok(_) => seen.push(Seen::of(&input.event().unwrap())),
            }
        }
    }
    seen
}

/// A compressed message of this length, in one frame.
fn frame_of(len: usize) -> Vec<u8> {
    let mut sender = end(Role::Server, Limits::NONE, with_takeover(true).threshold(0).level(6));
    let message = prose(len, 1);
    let sent = sender.send(|sender, out| sender.binary(message.as_bytes(), out)).unwrap();
    frames_to(Role::Server, [(BINARY, &frames_of(&sent)[0].1[..])])
}

fn pauses(receiver: &mut Receiver, input: &mut ReceiveBuffer) -> usize {
    let received = receiver.receive(input, &mut ());
    assert_eq!(received.progress, Ok(Progress::NeedData));
    assert!(receiver.is_inflation_paused());
    received.inflated_len
}

#[test]
fn it_pauses_in_front_of_long_input() {
    let (mut receiver, mut input) = (receiver(Role::Server, true), ReceiveBuffer::new());
    let bytes = frame_of(2000);
    receiver.limit_inflation(ONLY_INPUT);
    input.extend(&bytes);
    assert_eq!(pauses(&mut receiver, &mut input), 0);
    assert_eq!(pauses(&mut receiver, &mut input), 0, "nothing has changed");
    receiver.limit_inflation(InflationLimits::NONE);
    assert_eq!(receiver.receive(&mut input, &mut ()).inflated_len, 2000);
    assert!(!receiver.is_inflation_paused());
    assert_eq!(input.take_payload(), prose(2000, 1));
}

#[test]
fn it_pauses_after_long_output() {
    let (mut receiver, mut input) = (receiver(Role::Server, true), ReceiveBuffer::new());
    input.extend(&frame_of(250));
    for _ in 0..2 {
        receiver.limit_inflation(ONLY_OUTPUT);
        assert_eq!(pauses(&mut receiver, &mut input), 100);
        assert_eq!(pauses(&mut receiver, &mut input), 0, "nothing is left of the limit");
    }
    receiver.limit_inflation(ONLY_OUTPUT);
    assert_eq!(receiver.receive(&mut input, &mut ()).inflated_len, 50);
    assert_eq!(input.take_payload(), prose(250, 1));
}

#[test]
fn output_is_limited_across_messages() {
    let (mut receiver, mut input) = (receiver(Role::Server, true), ReceiveBuffer::new());
    receiver.limit_inflation(ONLY_OUTPUT);
    let stored = [0x00, 80, 0, !80, 0xFF];
    let message = [&stored[..], &[7; 80], &[0]].concat();
    input.extend(&frames_to(Role::Server, [(BINARY, &message[..]), (BINARY, &message)]));
    assert_eq!(receiver.receive(&mut input, &mut ()).inflated_len, 80);
    assert_eq!(pauses(&mut receiver, &mut input), 20);
}

#[test]
fn without_input_there_is_nothing_to_pause_for() {
    let (mut receiver, mut input) = (receiver(Role::Server, true), ReceiveBuffer::new());
    receiver.limit_inflation(InflationLimits { input_len: 1, output_len: 0 });
    let bytes = frame_of(250);
    input.extend(&bytes[..6]);
    let received = receiver.receive(&mut input, &mut ());
    assert_eq!(received.progress, Ok(Progress::NeedData), "only the header has come");
    assert!(!receiver.is_inflation_paused());
    input.extend(&bytes[6..9]);
    assert_eq!(pauses(&mut receiver, &mut input), 0);
}

fn limits() -> impl Strategy<Value = InflationLimits> {
    let len = || prop_oneof![1..20_usize, 1..5000_usize, Just(usize::MAX)];
    (len(), len()).prop_map(|(input_len, output_len)| InflationLimits { input_len, output_len })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn pauses_do_not_change_the_events(
        (role, bytes) in stream(),
        cuts in cuts(),
        takeover: bool,
        limits in vec(limits(), 1..10),
    ) {
        let new = || receiver(role, takeover);
        let whole = receive_within(new(), &[&bytes], false, || InflationLimits::NONE);
        // Every second time there are no limits, as on the thread that continues.
        let none = std::iter::repeat(InflationLimits::NONE);
        let mut limits = limits.iter().copied().cycle().zip(none).flat_map(|(a, b)| [a, b]);
        let paused = receive_within(new(), &[&bytes], false, || limits.next().unwrap());
        prop_assert_eq!(&paused, &whole);
        let cut = pieces(&bytes, &cuts);
        let paused = receive_within(new(), &cut, false, || limits.next().unwrap());
        prop_assert_eq!(&paused, &whole);
    }

    #[test]
    fn pauses_lose_nothing_of_chunks(
        (role, bytes) in stream(),
        takeover: bool,
        limits in vec(limits(), 1..10),
    ) {
        let new = || receiver(role, takeover);
        let whole = receive_within(new(), &[&bytes], true, || InflationLimits::NONE);
        let none = std::iter::repeat(InflationLimits::NONE);
        let mut limits = limits.iter().copied().cycle().zip(none).flat_map(|(a, b)| [a, b]);
        let paused = receive_within(new(), &[&bytes], true, || limits.next().unwrap());
        prop_assert_eq!(joined(&paused), joined(&whole));
    }
}

/// Messages of the chunks, and what comes between these.
fn joined(seen: &[Seen]) -> Vec<Seen> {
    let mut message = Vec::new();
    let mut joined = Vec::new();
    for event in seen {
        match event {
            Seen::Chunk { payload, last, .. } => {
                message.extend_from_slice(payload);
                if *last {
                    joined.push(Seen::Binary(std::mem::take(&mut message)));
                }
            }
            other => joined.push(other.clone()),
        }
    }
    joined
}
