//! However the input is cut, the events and the answers are the same.

use bowsprit_proto::{
    Limits, MessageKind, Progress, ProtocolError, ReceiveBuffer, Receiver, Role, utf8,
};
use proptest::prelude::*;

use super::{
    pair::{BOTH, EVENT, End, NEED_DATA, Seen, frame, frames, peer_of, receive, receive_chunk},
    streams::{cuts, pieces, stream},
};

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(BOTH.to_vec())
}

fn stream_and_role() -> impl Strategy<Value = (Role, Vec<u8>)> {
    role().prop_flat_map(|role| stream(peer_of(role)).prop_map(move |bytes| (role, bytes)))
}

/// Feeds the pieces one by one; before each, `between` may do something to the end.
pub(crate) fn receive_pieces(
    mut end: End,
    pieces: &[&[u8]],
    mut between: impl FnMut(&mut End),
) -> (Vec<Seen>, Vec<u8>) {
    let mut seen = Vec::new();
    for piece in pieces {
        between(&mut end);
        seen.extend(end.receive(piece));
        if matches!(seen.last(), Some(Seen::Failed(_))) {
            break;
        }
    }
    (seen, end.sent())
}

/// Feeds the pieces, asking each time for a whole message or a chunk as `in_chunks` says, and
/// joins the chunks again.
pub(crate) fn receive_joining(
    mut end: End,
    pieces: &[&[u8]],
    mut in_chunks: impl FnMut() -> bool,
) -> (Vec<Seen>, Vec<u8>) {
    let mut joiner = Joiner::default();
    'pieces: for piece in pieces {
        end.input.extend(piece);
        loop {
            let received = if in_chunks() {
                end.connection.receive_chunk(&mut end.input, &mut end.output)
            } else {
                end.connection.receive(&mut end.input, &mut end.output)
            };
            match received.progress {
                Ok(Progress::NeedData) => break,
                Ok(_) => joiner.add(Seen::of(&end.input.event().unwrap())),
                Err(error) => {
                    joiner.seen.push(Seen::Failed(error));
                    break 'pieces;
                }
            }
            assert_eq!(end.connection.receiver().is_in_chunks(), joiner.open.is_some());
        }
    }
    (joiner.seen, end.sent())
}

/// Feeds the pieces; after each, asks for control frames first wherever `control` says so. Stops at
/// data until `receive` has taken it.
fn receive_with_control(
    mut end: End,
    pieces: &[&[u8]],
    mut control: impl FnMut() -> bool,
) -> (Vec<Seen>, Vec<u8>) {
    let mut seen = Vec::new();
    'pieces: for piece in pieces {
        end.input.extend(piece);
        loop {
            let End { connection, input, output, .. } = &mut end;
            let control = control().then(|| connection.receive_control(input, output));
            if control == Some(None) {
                assert_eq!(connection.receive_control(input, output), None, "it stays so");
            }
            let received = control.flatten().unwrap_or_else(|| connection.receive(input, output));
            match received.progress {
                Ok(Progress::NeedData) => break,
                Ok(_) => seen.push(Seen::of(&input.event().unwrap())),
                Err(error) => {
                    seen.push(Seen::Failed(error));
                    break 'pieces;
                }
            }
        }
    }
    (seen, end.sent())
}

/// Asks for control frames; `None` in front of data.
fn control(
    receiver: &mut Receiver,
    input: &mut ReceiveBuffer,
) -> Option<Result<bool, ProtocolError>> {
    let received = receiver.receive_control(input, &mut ())?;
    Some(received.progress.map(|progress| progress.is_event()))
}

#[derive(Default)]
struct Joiner {
    seen: Vec<Seen>,
    open: Option<(MessageKind, Vec<u8>)>,
}

impl Joiner {
    fn add(&mut self, seen: Seen) {
        let Seen::Chunk { kind, payload, first, last } = seen else {
            self.seen.push(seen);
            return;
        };
        assert_eq!(first, self.open.is_none(), "`first` marks the first chunk and no other");
        assert!(last || !payload.is_empty(), "only the last chunk may be empty");
        if kind == MessageKind::Text {
            utf8::from_utf8(&payload).expect("text is cut between characters");
        }
        let (begun_as, mut joined) = self.open.take().unwrap_or((kind, Vec::new()));
        assert_eq!(begun_as, kind);
        joined.extend(payload);
        if !last {
            self.open = Some((kind, joined));
        } else if kind == MessageKind::Text {
            self.seen.push(Seen::Text(String::from_utf8(joined).unwrap()));
        } else {
            self.seen.push(Seen::Binary(joined));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// RFC: 5.4-1, 5.4-3, 5.4-5, 5.6-1, 6.2-1, 10.7-1
    #[test]
    fn any_cut_gives_the_same_events_and_the_same_answers(
        (role, bytes) in stream_and_role(),
        cuts in cuts(),
        spare in 0..64_usize,
    ) {
        let whole = receive_pieces(End::new(role), &[&bytes], |_| {});
        let cut = pieces(&bytes, &cuts);
        prop_assert_eq!(&receive_pieces(End::new(role), &cut, |_| {}), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&receive_pieces(End::new(role), &single, |_| {}), &whole);
        // The same in blocks that have hardly room for what is there.
        let in_small_blocks = receive_pieces(End::new(role), &cut, |end| {
            let len = end.input.live_len() + spare;
            drop(end.input.replace_block(vec![0xEE; len]));
        });
        prop_assert_eq!(&in_small_blocks, &whole);
    }

    /// RFC: 5.4-3, 5.6-1, 8.1-1
    #[test]
    fn chunks_joined_again_are_the_messages(
        (role, bytes) in stream_and_role(),
        cuts in cuts(),
        choices in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let whole = receive_joining(End::new(role), &[&bytes], || false);
        let cut = pieces(&bytes, &cuts);
        prop_assert_eq!(&receive_joining(End::new(role), &cut, || true), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&receive_joining(End::new(role), &single, || true), &whole);
        let mut choices = choices.iter().copied().cycle();
        let mixed = receive_joining(End::new(role), &single, || choices.next().unwrap());
        prop_assert_eq!(&mixed, &whole);
    }

    /// RFC: 5.4-3
    #[test]
    fn control_frames_can_be_received_before_data_at_any_cut(
        (role, bytes) in stream_and_role(),
        cuts in cuts(),
        choices in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let whole = receive_joining(End::new(role), &[&bytes], || false);
        let cut = pieces(&bytes, &cuts);
        prop_assert_eq!(&receive_with_control(End::new(role), &cut, || true), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&receive_with_control(End::new(role), &single, || true), &whole);
        let mut choices = choices.iter().copied().cycle();
        let mixed = receive_with_control(End::new(role), &single, || choices.next().unwrap());
        prop_assert_eq!(&mixed, &whole);
    }

    /// RFC: 10.7-1, 7.1.7-1
    #[test]
    fn whatever_a_peer_sends_the_end_stays_sound(role in role(), bytes: Vec<u8>) {
        let mut end = End::new(role);
        let seen = end.receive(&bytes);
        let sent = end.sent();
        let told = End::new(peer_of(role)).receive(&sent);
        prop_assert!(!told.iter().any(|seen| matches!(seen, Seen::Failed(_))));
        if let Some(Seen::Failed(error)) = seen.last() {
            let code = error.close_code().into();
            prop_assert_eq!(told.last(), Some(&Seen::Close(code, error.to_string())));
        }
    }
}

#[test]
fn a_chunk_comes_with_whatever_has_arrived() {
    let bytes = frame(Role::Server, 0x81, "a€b".as_bytes());
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    let mut chunks = Vec::new();
    for byte in bytes {
        input.extend(&[byte]);
        if receive_chunk(&mut receiver, &mut input) == EVENT {
            chunks.push(Seen::of(&input.event().unwrap()));
        }
    }
    let kind = MessageKind::Text;
    let chunk = |payload: &str, first, last| Seen::Chunk {
        kind,
        payload: payload.as_bytes().to_vec(),
        first,
        last,
    };
    assert_eq!(
        chunks,
        [chunk("a", true, false), chunk("€", false, false), chunk("b", false, true)]
    );
}

/// RFC: 5.4-3
#[test]
fn control_frames_alone_leave_data_where_it_is() {
    let first = frames(Role::Server, [(0x89, &b"a"[..]), (0x01, b"one ")]);
    let then = frames(Role::Server, [(0x89, &b"b"[..]), (0x80, b"two"), (0x88, b"")]);
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    input.extend(&first);
    assert_eq!(control(&mut receiver, &mut input), Some(EVENT));
    assert_eq!(Seen::of(&input.event().unwrap()), Seen::Ping(b"a".to_vec()));
    let unread = first.len() - 3;
    for _ in 0..2 {
        assert_eq!(receiver.receive_control(&mut input, &mut ()), None);
        assert_eq!((input.live_len(), input.event()), (unread, None));
    }
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
    // Between the fragments of a message.
    input.extend(&then);
    assert_eq!(control(&mut receiver, &mut input), Some(EVENT));
    assert_eq!(Seen::of(&input.event().unwrap()), Seen::Ping(b"b".to_vec()));
    assert_eq!(receiver.receive_control(&mut input, &mut ()), None);
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    assert_eq!(Seen::of(&input.event().unwrap()), super::pair::text("one two"));
    assert_eq!(control(&mut receiver, &mut input), Some(EVENT));
    assert!(matches!(input.event(), Some(bowsprit_proto::Event::Close(_))));
    assert_eq!(control(&mut receiver, &mut input), Some(NEED_DATA));
}

#[test]
fn a_header_that_may_not_be_fails_before_its_frame_is_wanted() {
    let masked = frame(Role::Client, 0x81, b"masked");
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    input.extend(&masked);
    for _ in 0..2 {
        let refused = control(&mut receiver, &mut input);
        assert_eq!(refused, Some(Err(ProtocolError::MaskUnexpected)));
    }
    assert_eq!(receive(&mut receiver, &mut input), Err(ProtocolError::MaskUnexpected));
}

#[test]
fn an_empty_message_is_one_empty_chunk() {
    let empty = frame(Role::Server, 0x82, b"");
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    input.extend(&empty);
    assert_eq!(receive_chunk(&mut receiver, &mut input), EVENT);
    let Some(bowsprit_proto::Event::Chunk(chunk)) = input.event() else { panic!("no chunk") };
    assert!(chunk.first && chunk.last && chunk.payload.is_empty());
    assert_eq!(chunk.as_text(), None);
    assert_eq!(receive_chunk(&mut receiver, &mut input), NEED_DATA);
}

#[test]
fn a_message_begun_whole_can_be_finished_in_chunks() {
    let bytes = frames(Role::Server, [(0x01, &b"one \xE2\x82"[..]), (0x80, b"\xAC two")]);
    let first_frame = 8;
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    let mut joiner = Joiner::default();
    input.extend(&bytes[..first_frame]);
    assert_eq!(receive(&mut receiver, &mut input), NEED_DATA);
    assert!(!receiver.is_in_chunks());
    input.extend(&bytes[first_frame..]);
    while receive_chunk(&mut receiver, &mut input) == EVENT {
        joiner.add(Seen::of(&input.event().unwrap()));
    }
    assert_eq!(joiner.seen, [super::pair::text("one € two")]);
}

#[test]
fn the_rest_of_the_frame_under_way_is_known() {
    let bytes = frames(Role::Server, [(0x02, &b"nine more"[..])]);
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut input = ReceiveBuffer::new();
    assert_eq!(receiver.frame_rest_len(), 0);
    for (part, rest_len) in [(&bytes[..1], 0), (&bytes[1..2], 9), (&bytes[2..6], 5)] {
        input.extend(part);
        while receive_chunk(&mut receiver, &mut input) == EVENT {}
        assert_eq!(receiver.frame_rest_len(), rest_len);
    }
    input.extend(&bytes[6..]);
    assert_eq!(receive_chunk(&mut receiver, &mut input), EVENT);
    assert_eq!(receiver.frame_rest_len(), 0);
}

/// RFC: 10.4-1
#[test]
fn a_message_begun_in_chunks_goes_on_in_chunks_whatever_is_asked_for() {
    let limits = Limits::SERVER.max_message_len(4).max_fragments(1);
    let bytes =
        frames(Role::Server, [(0x02, &b"more than"[..]), (0x80, b"four"), (0x81, b"five5")]);
    let mut receiver = Receiver::new(Role::Client, limits);
    let mut input = ReceiveBuffer::new();
    let mut joiner = Joiner::default();
    input.extend(&bytes);
    assert_eq!(receive_chunk(&mut receiver, &mut input), EVENT);
    joiner.add(Seen::of(&input.event().unwrap()));
    assert!(receiver.is_in_chunks());
    assert_eq!(receive(&mut receiver, &mut input), EVENT);
    joiner.add(Seen::of(&input.event().unwrap()));
    assert_eq!(joiner.seen, [Seen::Binary(b"more thanfour".to_vec())]);
    assert_eq!(receive(&mut receiver, &mut input), Err(ProtocolError::MessageTooLong));
}
