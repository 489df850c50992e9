//! What stays allocated, counted by the allocator itself.
//!
//! One test, as others in the same process would be counted too.

#![expect(clippy::unwrap_used, reason = "a test may stop where it is surprised")]

mod memory {
    pub(super) mod contexts;
    pub(super) mod counting;
}

use bowsprit_proto::{
    Event, Fragment, FrameHeader, Limits, Message, MessageKind, Opcode, Output, Progress,
    ProtocolError, ReceiveBuffer, Receiver, Role, Sender, Url,
    deflate::{Backend, ContextTakeover, Deflate, Parameters},
    handshake::{ClientHandshake, Offer, Policy, respond},
};
use memory::{contexts::contexts_take_what_the_readme_says, counting::Growth};

/// What the tests compress with: `--features zlib` runs all of them with zlib.
#[cfg(not(feature = "zlib"))]
const BACKEND: Backend = Backend::ZlibRs;
#[cfg(feature = "zlib")]
const BACKEND: Backend = Backend::Zlib;

/// Runs `work` and returns what it made, with the bytes that are still allocated because of it.
fn allocated_by<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let growth = Growth::begin();
    let made = work();
    let allocated = growth.now();
    (made, allocated)
}

/// Runs `work` and returns by how much the process grew meanwhile.
fn peak_of(work: impl FnOnce()) -> usize {
    let growth = Growth::begin();
    work();
    growth.peak()
}

/// A frame from a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Output::new();
    let mut sender = Sender::server();
    sender.binary(payload, &mut out).unwrap();
    let mut bytes: Vec<u8> = out.slices().flatten().copied().collect();
    bytes[0] = first;
    bytes
}

fn receive_all(input: &mut ReceiveBuffer, receiver: &mut Receiver, kept: &mut Vec<Message>) {
    while receiver.receive(input, &mut ()).progress.unwrap().is_event() {
        kept.extend(input.take_message());
    }
}

fn small_messages_that_are_kept_keep_no_block() {
    let bytes = frame(0x82, &[7; 64]).repeat(1000);
    let mut kept = Vec::with_capacity(1000);
    let ((), allocated) = allocated_by(|| {
        let mut input = ReceiveBuffer::new();
        drop(input.replace_block(vec![0; 65536]));
        let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
        input.extend(&bytes);
        receive_all(&mut input, &mut receiver, &mut kept);
    });
    assert_eq!(kept.len(), 1000);
    assert!(allocated <= 1000 * 128, "{} bytes for each message of 64", allocated / 1000);
}

fn a_large_message_is_kept_in_at_most_twice_its_length() {
    for len in [20_000, 100_000, 1_000_000] {
        let bytes = frame(0x82, &vec![7; len]);
        let mut kept = Vec::with_capacity(1);
        let ((), allocated) = allocated_by(|| {
            let mut input = ReceiveBuffer::new();
            let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
            for piece in bytes.chunks(1400) {
                input.extend(piece);
                receive_all(&mut input, &mut receiver, &mut kept);
            }
            assert!(input.is_empty());
            assert_eq!(input.block_len(), 0, "the block went with the message");
        });
        assert_eq!(kept[0].len(), len);
        assert!(allocated <= 2 * len, "{allocated} bytes for {len}");
    }
}

fn a_claimed_length_allocates_nothing() {
    for len in [15_900_000_u64, 1 << 62] {
        let header = [&[0x82, 127], &len.to_be_bytes()[..]].concat();
        let mut input = ReceiveBuffer::new();
        let mut receiver = Receiver::new(Role::Client, Limits::NONE);
        let (progress, allocated) = allocated_by(|| {
            input.extend(&header);
            let progress = receiver.receive(&mut input, &mut ()).progress;
            assert!(!input.spare_mut().is_empty());
            progress
        });
        assert_eq!(progress, Ok(Progress::NeedData));
        assert!(allocated <= 4096, "{allocated} bytes for a header");
    }
}

fn an_idle_connection_holds_nothing() {
    let bytes = [frame(0x89, b"ping"), frame(0x82, &[7; 3000])].concat();
    let mut input = ReceiveBuffer::new();
    let mut out = Output::new();
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut sender = Sender::client(|| [1; 4]);
    let ((), allocated) = allocated_by(|| {
        for _ in 0..10 {
            input.extend(&bytes);
            while receiver.receive(&mut input, &mut ()).progress.unwrap().is_event() {
                sender.respond(&input.event().unwrap(), &mut out);
            }
            sender.message(vec![1; 20_000].into(), &mut out).unwrap();
            sender.text("reply", &mut out).unwrap();
            while !out.is_empty() {
                out.advance(out.len().min(1000));
            }
        }
        drop(out.take_block());
        drop(input.replace_block(Vec::new()));
    });
    assert_eq!(allocated, 0);
}

fn pings_without_end_are_held_in_constant_memory() {
    let pings = frame(0x89, &[7; 125]).repeat(100);
    let mut input = ReceiveBuffer::new();
    let mut out = Output::new();
    let mut receiver = Receiver::new(Role::Client, Limits::CLIENT);
    let mut sender = Sender::client(|| [1; 4]);
    let ((), allocated) = allocated_by(|| {
        for _ in 0..1000 {
            input.extend(&pings);
            while receiver.receive(&mut input, &mut ()).progress.unwrap().is_event() {
                sender.respond(&input.event().unwrap(), &mut out);
            }
        }
    });
    assert!(allocated <= 32 * 1024, "{allocated} bytes for 100,000 pings");
}

/// What a server with this policy agrees on with a client that wants nothing special.
fn agreed(policy: &Policy) -> Parameters {
    let mut offer = Offer::default();
    offer.deflate = Some(Deflate::client());
    let url: Url = "ws://example.com/".parse().unwrap();
    let (_, request) = ClientHandshake::new(&url, &offer, [7; 16]).unwrap();
    respond(&request, policy).unwrap().negotiated.deflate.unwrap()
}

/// A client's receiver on a connection with compression, with or without context takeover.
fn compressed_receiver(limit: u64, takeover: bool) -> Receiver {
    let rule = if takeover { ContextTakeover::Allowed } else { ContextTakeover::Never };
    let mut policy = Policy::default();
    policy.deflate = Some(Deflate::server().server_context_takeover(rule));
    let limits = Limits::CLIENT.max_message_len(limit);
    Receiver::new(Role::Client, limits)
        .with_deflate(&agreed(&policy), &Deflate::client().backend(BACKEND))
}

const MIB: usize = 1 << 20;

/// What a receiver may need beside the message: contexts, a window, input.
const ROOM: usize = 128 * 1024;

/// Compressed data that stands for 1 MiB of zeros each: the first of a message, and any other. Both
/// end with the tail.
fn bomb_parts() -> [Vec<u8>; 2] {
    let mut policy = Policy::default();
    policy.deflate = Some(Deflate::client());
    let parameters = agreed(&policy);
    let mut sender =
        Sender::server().with_deflate(&parameters, &Deflate::client().level(9).backend(BACKEND));
    let zeros = vec![0; MIB];
    let [first, second, third] = [(); 3].map(|()| {
        let mut out = Output::new();
        let fragment = Fragment { kind: MessageKind::Binary, payload: &zeros, fin: false };
        sender.fragment(fragment, &mut out).unwrap();
        out.slices().flatten().copied().skip(4).collect::<Vec<u8>>()
    });
    assert_eq!(second, third);
    assert!(second.len() <= 1100, "{} bytes for 1 MiB", second.len());
    [first, second]
}

/// Feeds frames, each a first byte and a payload, in small reads; returns how it ended, and how
/// many bytes came out.
fn feed<'p>(
    receiver: &mut Receiver,
    input: &mut ReceiveBuffer,
    frames: impl Iterator<Item = (u8, &'p [u8])>,
    in_chunks: bool,
) -> (Option<ProtocolError>, usize) {
    let mut received = 0;
    for (first, payload) in frames {
        let len = u64::try_from(payload.len()).unwrap();
        let opcode = Opcode::try_from(first & 0xF).unwrap();
        let (fin, rsv1) = (first & 0x80 != 0, first & 0x40 != 0);
        let mut header = Vec::with_capacity(16);
        FrameHeader { fin, rsv1, opcode, masking_key: None, payload_len: len }.encode(&mut header);
        for piece in [&header[..]].into_iter().chain(payload.chunks(1400)) {
            input.extend(piece);
            loop {
                let piece = if in_chunks {
                    receiver.receive_chunk(input, &mut ())
                } else {
                    receiver.receive(input, &mut ())
                };
                match piece.progress {
                    Err(error) => return (Some(error), received),
                    Ok(Progress::NeedData) => break,
                    Ok(_) => {
                        received += match input.event() {
                            Some(Event::Binary(bytes)) => bytes.len(),
                            Some(Event::Chunk(chunk)) => chunk.payload.len(),
                            _ => 0,
                        };
                    }
                }
            }
        }
    }
    (None, received)
}

fn a_bomb_is_held_no_further_than_the_limit() {
    let [first, other] = bomb_parts();
    let one_frame = [&first[..], &other.repeat(1023)].concat();
    assert!(one_frame.len() < MIB + MIB / 10, "1 GiB in {} bytes", one_frame.len());
    for takeover in [true, false] {
        for limit in [MIB, 8 * MIB] {
            let run = |frames: &mut dyn Iterator<Item = (u8, &[u8])>| {
                let mut receiver = compressed_receiver(limit as u64, takeover);
                let peak = peak_of(|| {
                    let mut input = ReceiveBuffer::new();
                    let (error, received) = feed(&mut receiver, &mut input, frames, false);
                    assert_eq!(error, Some(ProtocolError::MessageTooLong));
                    assert_eq!(received, 0);
                });
                assert!(peak <= limit + ROOM, "{peak} bytes for a limit of {limit}");
                assert!(peak >= limit, "the limit was reached");
            };
            if one_frame.len() < limit {
                run(&mut [(0xC2, &one_frame[..])].into_iter());
            }
            let parts = (0..1023).map(|_| (0x00, &other[..]));
            run(&mut [(0x42, &first[..])].into_iter().chain(parts));
        }
    }
}

fn many_messages_of_the_longest_kind_are_held_one_at_a_time() {
    let [first, other] = bomb_parts();
    let [first, other] = [&first, &other].map(|part| &part[..part.len() - 4]);
    for takeover in [true, false] {
        let mut receiver = compressed_receiver(MIB as u64, takeover);
        let mut input = ReceiveBuffer::new();
        let peak = peak_of(|| {
            let next = if takeover { other } else { first };
            let messages = (0..64).map(|i| (0xC2, if i == 0 { first } else { next }));
            let (error, received) = feed(&mut receiver, &mut input, messages, false);
            assert_eq!((error, received), (None, 64 * MIB));
        });
        assert!(peak <= MIB + ROOM, "{peak} bytes, takeover: {takeover}");
    }
}

fn a_bomb_in_chunks_is_held_by_the_chunk() {
    let [first, other] = bomb_parts();
    for takeover in [true, false] {
        let mut receiver = compressed_receiver(1, takeover);
        let peak = peak_of(|| {
            let mut input = ReceiveBuffer::new();
            let parts = (0..63).map(|_| (0x00, &other[..]));
            let frames = [(0x42, &first[..])].into_iter().chain(parts);
            let (error, received) = feed(&mut receiver, &mut input, frames, true);
            assert_eq!((error, received), (None, 64 * MIB));
        });
        assert!(peak <= 64 * 1024 + ROOM, "{peak} bytes, takeover: {takeover}");
    }
}

fn an_idle_receiver_without_its_contexts_holds_nothing() {
    let [first, _] = bomb_parts();
    let first = &first[..first.len() - 4];
    let mut receiver = compressed_receiver(MIB as u64, false);
    let mut input = ReceiveBuffer::new();
    for in_chunks in [false, true] {
        let ((), allocated) = allocated_by(|| {
            let messages = (0..3).map(|_| (0xC2, first));
            let (error, received) = feed(&mut receiver, &mut input, messages, in_chunks);
            assert_eq!((error, received), (None, 3 * MIB));
            assert!(input.take_scratch().is_some());
            assert!(receiver.take_decompressor().is_some());
            drop(input.replace_block(Vec::new()));
        });
        assert_eq!(allocated, 0);
    }
}

fn an_idle_sender_without_its_context_holds_nothing() {
    let mut policy = Policy::default();
    policy.deflate = Some(Deflate::server());
    let mut sender =
        Sender::server().with_deflate(&agreed(&policy), &Deflate::server().backend(BACKEND));
    let ((), allocated) = allocated_by(|| {
        let mut out = Output::new();
        let payload: Vec<u8> = (0..MIB).map(|i| (i * i % 251).to_le_bytes()[0]).collect();
        sender.binary(&payload, &mut out).unwrap();
        assert!(sender.take_compressor().is_some());
    });
    assert_eq!(allocated, 0);
}

/// RFC: 10.4-1
#[test]
fn memory_follows_what_is_held_and_not_what_is_claimed() {
    small_messages_that_are_kept_keep_no_block();
    a_large_message_is_kept_in_at_most_twice_its_length();
    a_claimed_length_allocates_nothing();
    an_idle_connection_holds_nothing();
    pings_without_end_are_held_in_constant_memory();
    a_bomb_is_held_no_further_than_the_limit();
    many_messages_of_the_longest_kind_are_held_one_at_a_time();
    a_bomb_in_chunks_is_held_by_the_chunk();
    an_idle_receiver_without_its_contexts_holds_nothing();
    an_idle_sender_without_its_context_holds_nothing();
    contexts_take_what_the_readme_says();
}
