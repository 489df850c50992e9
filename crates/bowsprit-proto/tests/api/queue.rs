//! What the queue of an open connection decides, case by case.

use bowsprit_proto::{
    Close, CloseCode, Event, Fragment, Message, MessageKind, ProtocolError, Role, SendError,
    Sender,
    queue::{
        Offer, Offered, Origin, Outcome, Outgoing, Pushed, QueueLimits, SendQueue,
        SlowConsumerPolicy,
    },
};

use super::{
    pair::{End, Seen, text},
    queue_shared::Prepared,
};

pub(crate) const LIMITS: QueueLimits =
    QueueLimits::DEFAULT.high_water_mark(100).max_queue_len(300).max_inline_compression_len(2000);

fn server() -> SendQueue<Prepared> {
    SendQueue::new(Sender::server())
}

/// A queue whose output is above the high-water mark, so that publications wait.
fn slow() -> SendQueue<Prepared> {
    let mut queue = server();
    assert!(matches!(push(&mut queue, &"a".repeat(200)), Ok(Pushed::Sent(_))));
    queue
}

pub(crate) fn push(queue: &mut SendQueue<Prepared>, text: &str) -> Result<Pushed, SendError> {
    queue.push(&mut Outgoing::Text(text), &LIMITS)
}

pub(crate) fn publish(
    queue: &mut SendQueue<Prepared>,
    text: &str,
    topic: u64,
    policy: SlowConsumerPolicy,
) -> Offered {
    let mut offer = Offer::new(Prepared::new(Message::text(text)), topic, policy);
    queue.publish(&mut offer, true, &LIMITS).0
}

/// Writes all there is now.
pub(crate) fn written(queue: &mut SendQueue<Prepared>) -> Vec<u8> {
    let bytes: Vec<u8> = queue.slices().flatten().copied().collect();
    queue.advance_with(bytes.len(), drop);
    bytes
}

/// Writes all there is, and what then has room; returns what a client sees of it.
fn seen(queue: &mut SendQueue<Prepared>) -> Vec<Seen> {
    let mut bytes = written(queue);
    while queue.refill(&LIMITS) {
        bytes.extend(written(queue));
    }
    End::new(Role::Client).receive(&bytes)
}

pub(crate) fn outcomes(queue: &mut SendQueue<Prepared>) -> Vec<(String, Outcome)> {
    let settled = queue.take_report().map_or_else(Vec::new, |report| report.settled);
    let text = |message: Outgoing<'static, _>| {
        message.into_message().as_text().map(str::to_owned).unwrap_or_default()
    };
    settled.into_iter().map(|settled| (text(settled.message), settled.outcome)).collect()
}

fn dropped(texts: &[&str]) -> Vec<(String, Outcome)> {
    texts.iter().map(|text| ((*text).to_owned(), Outcome::Dropped)).collect()
}

#[test]
fn messages_follow_publications_that_wait() {
    let mut queue = slow();
    let accepted = Offered::Queued { dropped: 0 };
    assert_eq!(publish(&mut queue, "first", 1, SlowConsumerPolicy::Wait), accepted);
    assert_eq!(push(&mut queue, "second"), Ok(Pushed::Waiting));
    assert_eq!(seen(&mut queue)[1..], [text("first"), text("second")]);
    assert_eq!(outcomes(&mut queue).len(), 2);
    assert!(queue.is_empty());
}

#[test]
fn publications_wait_where_they_can_be_left_out_while_the_output_is_full() {
    let mut queue = slow();
    publish(&mut queue, "first", 1, SlowConsumerPolicy::DropOldest);
    assert!(!queue.refill(&LIMITS), "the output is above the high-water mark");
    queue.advance_with(150, drop);
    assert!(queue.refill(&LIMITS));
    assert_eq!(outcomes(&mut queue), [("first".to_owned(), Outcome::Sent { wire_len: 7 })]);
}

#[test]
fn the_new_publication_is_left_out_where_there_is_no_room() {
    let mut queue = slow();
    publish(&mut queue, &"b".repeat(100), 1, SlowConsumerPolicy::DropNewest);
    let offered = publish(&mut queue, "new", 1, SlowConsumerPolicy::DropNewest);
    assert_eq!((offered, outcomes(&mut queue)), (Offered::Dropped, dropped(&[])));
}

#[test]
fn the_oldest_publications_make_room() {
    let mut queue = slow();
    for text in ["one", "two", &"b".repeat(50)] {
        publish(&mut queue, text, 1, SlowConsumerPolicy::DropOldest);
    }
    let offered = publish(&mut queue, "new", 2, SlowConsumerPolicy::DropOldest);
    assert_eq!(offered, Offered::Queued { dropped: 2 });
    assert_eq!(outcomes(&mut queue), dropped(&["one", "two"]));
}

#[test]
fn what_was_sent_in_other_ways_makes_no_room() {
    let mut queue = slow();
    publish(&mut queue, "one", 1, SlowConsumerPolicy::DropOldest);
    push(&mut queue, &"b".repeat(100)).unwrap();
    let offered = publish(&mut queue, "new", 1, SlowConsumerPolicy::DropOldest);
    assert_eq!(offered, Offered::Dropped);
    assert_eq!(outcomes(&mut queue), dropped(&[]), "the earlier ones would not make enough room");
    assert_eq!(seen(&mut queue)[1..2], [text("one")]);
}

#[test]
fn the_latest_of_a_topic_takes_the_place_of_earlier_ones() {
    let mut queue = server();
    push(&mut queue, "anything").unwrap();
    for (text, topic) in [("old", 1), ("other", 2), ("new", 1)] {
        publish(&mut queue, text, topic, SlowConsumerPolicy::KeepLatest);
    }
    assert_eq!(outcomes(&mut queue), dropped(&["old"]));
    assert_eq!(seen(&mut queue)[1..], [text("other"), text("new")]);
}

#[test]
fn the_latest_takes_the_place_of_the_one_before_where_others_have_taken_the_room() {
    let mut queue = slow();
    publish(&mut queue, "old", 1, SlowConsumerPolicy::KeepLatest);
    push(&mut queue, &"b".repeat(100)).unwrap();
    let offered = publish(&mut queue, "new", 1, SlowConsumerPolicy::KeepLatest);
    assert_eq!(offered, Offered::Queued { dropped: 1 });
    assert_eq!(outcomes(&mut queue), dropped(&["old"]));
    assert_eq!(seen(&mut queue)[2..], [text("new")]);
}

#[test]
fn a_slow_consumer_is_waited_for_only_if_somebody_can() {
    let mut queue = slow();
    publish(&mut queue, &"b".repeat(100), 1, SlowConsumerPolicy::Wait);
    let mut offer = Offer::new(Prepared::new(Message::text("new")), 1, SlowConsumerPolicy::Wait);
    assert_eq!(queue.publish(&mut offer, true, &LIMITS), (Offered::Full, None));
    assert_eq!(queue.publish(&mut offer, false, &LIMITS), (Offered::Dropped, None));
    written(&mut queue);
    let (offered, sent) = queue.publish(&mut offer, true, &LIMITS);
    assert_eq!(offered, Offered::Queued { dropped: 0 }, "there is room again");
    assert!(sent.is_none(), "behind the one before");
}

/// RFC: 5.5.1-3
#[test]
fn a_slow_consumer_is_closed_behind_what_is_queued() {
    let mut queue = slow();
    let policy = SlowConsumerPolicy::Close(CloseCode::TRY_AGAIN_LATER);
    publish(&mut queue, &"b".repeat(100), 1, policy);
    assert_eq!(publish(&mut queue, "new", 1, policy), Offered::Closed);
    assert_eq!(publish(&mut queue, "newer", 1, policy), Offered::Gone);
    assert_eq!(push(&mut queue, "late"), Err(SendError::Closed));
    let seen = seen(&mut queue);
    assert_eq!(seen[1..], [text(&"b".repeat(100)), Seen::Close(1013, String::new())]);
}

#[test]
fn publications_are_written_from_where_they_are_joined() {
    let (mut queues, message) = ([server(), server()], Prepared::new(Message::text("news")));
    let mut offer = Offer::new(message, 1, SlowConsumerPolicy::Wait);
    for _ in 0..2 {
        for queue in &mut queues {
            queue.publish(&mut offer, true, &LIMITS);
        }
    }
    let [first, second] = queues.each_ref().map(|queue| queue.contiguous().unwrap().as_ptr());
    assert_eq!(first, second, "both write the same bytes");
    let [queue, _] = &mut queues;
    queue.advance_with(3, drop);
    let rest: Vec<u8> = queue.slices().flatten().copied().collect();
    assert_eq!(rest, b"ews\x81\x04news");
}

#[test]
fn what_was_joined_for_one_queue_is_not_sent_on_another() {
    let mut queues = [server(), server(), server()];
    publish(&mut queues[0], "one", 1, SlowConsumerPolicy::Wait);
    publish(&mut queues[1], "other", 1, SlowConsumerPolicy::Wait);
    let message = Prepared::new(Message::text("news"));
    let mut offer = Offer::new(message, 1, SlowConsumerPolicy::Wait);
    for queue in &mut queues {
        queue.publish(&mut offer, true, &LIMITS);
    }
    let seen = queues.map(|mut queue| seen(&mut queue));
    assert_eq!(seen[0], [text("one"), text("news")]);
    assert_eq!(seen[1], [text("other"), text("news")]);
    assert_eq!(seen[2], [text("news")]);
}

#[test]
fn the_latest_waits_behind_a_batch_where_it_can_be_left_out() {
    let mut queue = server();
    publish(&mut queue, "batch", 2, SlowConsumerPolicy::Wait);
    publish(&mut queue, "old", 1, SlowConsumerPolicy::KeepLatest);
    publish(&mut queue, "new", 1, SlowConsumerPolicy::KeepLatest);
    assert_eq!(outcomes(&mut queue), dropped(&["old"]));
    assert_eq!(seen(&mut queue), [text("batch"), text("new")]);
}

#[test]
fn what_is_taken_before_a_batch_is_none_of_it() {
    let mut queue = server();
    queue.ping(b"ping", &LIMITS).unwrap();
    publish(&mut queue, "news", 1, SlowConsumerPolicy::Wait);
    assert!(queue.contiguous().is_none(), "one behind the other");
    queue.advance_with(6, drop);
    assert_eq!(seen(&mut queue), [text("news")]);
}

#[test]
fn a_close_frame_that_may_not_be_sent_changes_nothing() {
    let mut queue = slow();
    publish(&mut queue, "waits", 1, SlowConsumerPolicy::Wait);
    let close = Close::new(CloseCode::new(1006), "");
    assert_eq!(queue.close(&close, &LIMITS), Err(SendError::CloseCode(CloseCode::new(1006))));
    assert!(!queue.is_closing() && queue.take_report().is_none());
}

/// RFC: 5.5.1-4
#[test]
fn the_peers_close_is_answered_after_messages_but_without_publications() {
    let mut queue = slow();
    publish(&mut queue, "publication", 1, SlowConsumerPolicy::Wait);
    push(&mut queue, "message").unwrap();
    let close = Close::new(CloseCode::NORMAL, "");
    assert!(queue.respond(&Event::Close(close.clone()), &LIMITS));
    assert_eq!(queue.peer_close(), Some(&close));
    assert_eq!(outcomes(&mut queue)[0], dropped(&["publication"])[0]);
    assert_eq!(seen(&mut queue)[1..], [text("message"), Seen::Close(1000, String::new())]);
}

#[test]
fn what_waits_is_lost_when_the_peer_breaks_the_protocol() {
    let mut queue = slow();
    publish(&mut queue, "publication", 1, SlowConsumerPolicy::Wait);
    push(&mut queue, "message").unwrap();
    queue.fail(&ProtocolError::TextUtf8, &LIMITS);
    let fates: Vec<_> = outcomes(&mut queue).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(fates, [Outcome::Dropped, Outcome::Lost]);
    assert!(matches!(seen(&mut queue)[1..], [Seen::Close(1007, _)]));
}

#[test]
fn a_queue_that_was_stopped_hands_out_what_was_not_written() {
    let mut queue = slow();
    let output_len = queue.output_len();
    assert_eq!(queue.stop().len(), output_len);
    assert!(queue.is_empty() && queue.is_written());
    assert_eq!(push(&mut queue, "late"), Err(SendError::Closed));
    assert!(!queue.respond(&Event::Ping(b""), &LIMITS));
    assert!(!queue.fail(&ProtocolError::TextUtf8, &LIMITS));
    assert!(queue.is_written());
}

/// RFC: 5.4-4
#[test]
fn inside_a_fragmented_message_only_its_sender_has_room() {
    let mut queue = server();
    let fragment = |fin| Fragment { kind: MessageKind::Text, payload: b"piece", fin };
    queue.fragment(fragment(false), &LIMITS).unwrap();
    assert!(queue.has_room(Origin::Owner, &LIMITS) && !queue.has_room(Origin::Handle, &LIMITS));
    publish(&mut queue, &"b".repeat(250), 1, SlowConsumerPolicy::Wait);
    assert!(queue.accepts_fragment(&LIMITS), "it must not wait for what waits for its end");
    queue.fragment(fragment(true), &LIMITS).unwrap();
    assert!(!queue.accepts_fragment(&LIMITS), "the next message comes behind the publication");
    assert_eq!(seen(&mut queue), [text("piecepiece"), text(&"b".repeat(250))]);
}

#[test]
fn a_queue_is_drained_when_only_the_next_fragment_is_waited_for() {
    let mut queue = server();
    let fragment = |fin| Fragment { kind: MessageKind::Text, payload: b"piece", fin };
    queue.fragment(fragment(false), &LIMITS).unwrap();
    publish(&mut queue, "publication", 1, SlowConsumerPolicy::Wait);
    assert!(!queue.is_drained());
    written(&mut queue);
    assert!(queue.is_drained() && !queue.is_empty());
    queue.fragment(fragment(true), &LIMITS).unwrap();
    written(&mut queue);
    assert!(!queue.is_drained(), "now the publication can be written");
}

#[test]
fn what_waits_for_fragments_is_lost_when_nobody_will_send_them() {
    let mut queue = server();
    let fragment = Fragment { kind: MessageKind::Text, payload: b"piece", fin: false };
    queue.fragment(fragment, &LIMITS).unwrap();
    publish(&mut queue, "publication", 1, SlowConsumerPolicy::Wait);
    queue.abandon_fragments();
    assert_eq!(outcomes(&mut queue), dropped(&["publication"]));
}
