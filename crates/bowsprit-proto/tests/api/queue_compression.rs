//! Messages that are compressed elsewhere, and memory that is lent.

use std::cell::Cell;

use bowsprit_proto::{
    CloseCode, Encoding, Event, Limits, Message, ProtocolError, Role, SendError, Sender,
    deflate::{Compressor, CompressorConfig},
    queue::{
        Job, Origin, Outcome, Outgoing, Pushed, QueueLimits, Resources, SendQueue, Shared,
        SlowConsumerPolicy,
    },
};

use super::{
    deflate::{agree, noise, prose, with_takeover},
    pair::{End, Seen, text},
    queue::{LIMITS, outcomes, publish, push, written},
    queue_shared::{Prepared, compress},
};

/// A server's queue that compresses, with context takeover or without, and the client it sends to.
fn compressing(takeover: bool) -> (SendQueue<Prepared>, End) {
    let deflate = with_takeover(takeover);
    let (_, parameters) = agree(&deflate, &deflate).unwrap();
    let sender = Sender::server().with_deflate(&parameters, &deflate);
    let limits = Limits::CLIENT;
    (SendQueue::new(sender), End::with_deflate(Role::Client, limits, &parameters, &deflate))
}

#[test]
fn messages_and_close_frames_wait_for_one_that_is_compressed_elsewhere() {
    let (mut queue, mut client) = compressing(false);
    let long = prose(5000, 1);
    assert_eq!(push(&mut queue, &long), Ok(Pushed::Waiting));
    assert!(queue.take_report().unwrap().job_is_due);
    assert_eq!(push(&mut queue, "behind"), Ok(Pushed::Waiting));
    assert!(queue.take_report().is_none(), "somebody is at it");
    queue.ping(b"before", &LIMITS).unwrap();
    queue.close(&CloseCode::NORMAL.into(), &LIMITS).unwrap();
    assert!(queue.is_closing() && !queue.is_closed());
    assert_eq!(client.receive(&written(&mut queue)), [Seen::Ping(b"before".to_vec())]);
    run_job(&mut queue);
    let expected = [text(&long), text("behind"), Seen::Close(1000, String::new())];
    assert_eq!(client.receive(&written(&mut queue)), expected);
}

#[test]
fn even_empty_messages_fill_the_queue_behind_one_that_is_compressed_elsewhere() {
    let (mut queue, _) = compressing(false);
    push(&mut queue, &prose(2001, 1)).unwrap();
    let limits = QueueLimits::DEFAULT;
    for _ in 0..100_000 {
        if !queue.has_room(Origin::Handle, &limits) {
            return;
        }
        queue.push(&mut "".into(), &limits).unwrap();
    }
    panic!("there is still room");
}

/// Does the job that is due.
fn run_job(queue: &mut SendQueue<Prepared>) {
    let (encoded, context) = queue.begin_job().map(compress).unzip();
    let compressed = encoded.as_ref().map(|encoded| (encoded, context.flatten()));
    assert!(!queue.end_job(compressed, &LIMITS));
}

/// RFC: 5.5.1-4
#[test]
fn the_peers_close_is_answered_behind_what_is_compressed_elsewhere() {
    let (mut queue, mut client) = compressing(false);
    let long = prose(5000, 1);
    push(&mut queue, &long).unwrap();
    let close = Event::Close(CloseCode::GOING_AWAY.into());
    assert!(!queue.respond(&close, &LIMITS) && !queue.is_closed());
    assert_eq!(push(&mut queue, "late"), Err(SendError::Closed));
    run_job(&mut queue);
    let expected = [text(&long), Seen::Close(1001, String::new())];
    assert_eq!(client.receive(&written(&mut queue)), expected);
}

#[test]
fn publications_from_before_leave_before_what_is_compressed_elsewhere() {
    let (mut queue, mut client) = compressing(false);
    let long = prose(5000, 1);
    publish(&mut queue, "news", 1, SlowConsumerPolicy::Wait);
    push(&mut queue, &long).unwrap();
    run_job(&mut queue);
    assert_eq!(client.receive(&written(&mut queue)), [text("news"), text(&long)]);
}

#[test]
fn what_is_compressed_elsewhere_is_counted_with_its_header() {
    let (mut queue, _) = compressing(false);
    push(&mut queue, &prose(5000, 1)).unwrap();
    drop(queue.take_report());
    run_job(&mut queue);
    let sent = outcomes(&mut queue).pop().map(|(_, outcome)| outcome);
    assert_eq!(sent, Some(Outcome::Sent { wire_len: written(&mut queue).len() }));
}

#[test]
fn the_connections_own_context_comes_back_from_a_job() {
    let (mut queue, mut client) = compressing(true);
    let long = noise(5000, 1);
    let short = &long[..1500];
    queue.push(&mut Outgoing::Binary(&long), &LIMITS).unwrap();
    run_job(&mut queue);
    let Ok(Pushed::Sent(sent)) = queue.push(&mut Outgoing::Binary(short), &LIMITS) else {
        panic!("it waits")
    };
    assert!(sent.wire_len < 100, "it refers to the message before");
    let seen = client.receive(&written(&mut queue));
    assert_eq!(seen, [Seen::Binary(long.clone()), Seen::Binary(short.to_vec())]);
}

#[test]
fn what_is_compressed_elsewhere_is_lost_when_the_peer_breaks_the_protocol() {
    let (mut queue, mut client) = compressing(false);
    push(&mut queue, &prose(5000, 1)).unwrap();
    assert!(queue.begin_job().is_some());
    queue.fail(&ProtocolError::TextUtf8, &LIMITS);
    assert_eq!(outcomes(&mut queue)[0].1, Outcome::Lost);
    assert!(!queue.is_deferring() && queue.begin_job().is_none());
    assert!(!queue.end_job(None, &LIMITS));
    assert!(matches!(client.receive(&written(&mut queue))[..], [Seen::Close(1007, _)]));
}

#[test]
fn a_shared_message_is_compressed_elsewhere_once() {
    let message = Prepared::new(Message::text(prose(5000, 1)));
    let (mut first, _) = compressing(false);
    assert_eq!(first.push(&mut Outgoing::Prepared(message.clone()), &LIMITS), Ok(Pushed::Waiting));
    let Some(Job::Shared(shared, config)) = first.begin_job() else { panic!("no job") };
    assert!(shared.encoded(Encoding::Compressed(config)).is_some());
    let (mut second, _) = compressing(false);
    let pushed = second.push(&mut Outgoing::Prepared(message), &LIMITS);
    assert!(matches!(pushed, Ok(Pushed::Sent(_))), "it is ready");
}

/// Lends, and counts what is asked for.
#[derive(Default)]
struct Lender {
    blocks: Cell<usize>,
    compressors: Cell<usize>,
}

impl Resources for Lender {
    fn limits(&self) -> QueueLimits {
        LIMITS
    }

    fn block(&self) -> Vec<u8> {
        self.blocks.set(self.blocks.get() + 1);
        Vec::with_capacity(4096)
    }

    fn compressor(&self, config: CompressorConfig) -> Option<Compressor> {
        self.compressors.set(self.compressors.get() + 1);
        Some(Compressor::new(config))
    }
}

#[test]
fn memory_is_lent_while_something_waits_to_be_written() {
    let ((mut queue, _), lender) = (compressing(false), Lender::default());
    let lent = || (lender.blocks.get(), lender.compressors.get());
    queue.ping(b"", &lender).unwrap();
    assert_eq!(lent(), (1, 0), "a ping is not compressed");
    queue.push(&mut Outgoing::Text("short"), &lender).unwrap();
    queue.push(&mut Outgoing::Text("short"), &lender).unwrap();
    assert_eq!(lent(), (1, 1));
    assert!(queue.take_block().is_none(), "it is in use");
    written(&mut queue);
    assert!(queue.take_block().is_some() && queue.take_compressor().is_some());
    queue.push(&mut Outgoing::Text(&prose(5000, 1)), &lender).unwrap();
    assert_eq!(lent(), (1, 1), "what is compressed elsewhere needs none");
}
