//! Turns: who waits for room in a queue is served in order.

use bowsprit_proto::{
    Fragment, MessageKind, Sender,
    queue::{Origin, Outgoing, QueueLimits, SendQueue, SlowConsumerPolicy, Ticket, Turns, Waiters},
};

use super::{queue::publish, queue_shared::Prepared};

const LIMITS: QueueLimits = QueueLimits::DEFAULT.high_water_mark(100).max_queue_len(300);

/// A queue with so many bytes in its output.
fn queue(len: usize) -> SendQueue<Prepared> {
    let mut queue = SendQueue::new(Sender::server());
    queue.push(&mut Outgoing::Binary(&vec![0; len - 4]), &LIMITS).unwrap();
    queue
}

fn wait(turns: &mut Turns<u32>, waker: u32, len: usize, origin: Origin) -> Option<Ticket> {
    let mut ticket = None;
    assert_eq!(turns.wait(&mut ticket, waker, len, origin), None);
    ticket
}

fn woken(turns: &mut Turns<u32>, queue: &SendQueue<Prepared>) -> Vec<u32> {
    let mut woken = Vec::new();
    turns.wake(queue, &LIMITS, |waker| woken.push(waker));
    woken
}

#[test]
fn as_many_are_woken_as_there_is_room_for() {
    let mut turns = Turns::new();
    for waker in 1..=4 {
        wait(&mut turns, waker, 60, Origin::Handle);
    }
    assert!(woken(&mut turns, &queue(400)).is_empty(), "there is no room");
    assert_eq!(woken(&mut turns, &queue(200)), [1, 2]);
    assert!(woken(&mut turns, &queue(200)).is_empty(), "two have been woken for that");
    assert_eq!(woken(&mut turns, &queue(130)), [3]);
}

#[test]
fn only_the_first_has_its_turn_until_it_leaves() {
    let mut turns = Turns::new();
    assert!(turns.has_turn(None));
    let first = wait(&mut turns, 1, 10, Origin::Handle);
    let second = wait(&mut turns, 2, 10, Origin::Handle);
    let has_turn = |turns: &Turns<u32>| [None, first, second].map(|ticket| turns.has_turn(ticket));
    assert_eq!(has_turn(&turns), [false, true, false]);
    assert_eq!(turns.leave(first.unwrap()), Some(1));
    assert_eq!(has_turn(&turns), [false, true, true]);
    assert_eq!(turns.leave(second.unwrap()), Some(2));
    assert!(turns.is_empty() && turns.has_turn(None));
}

#[test]
fn who_waits_again_keeps_the_place() {
    let mut turns = Turns::new();
    let mut first = wait(&mut turns, 1, 10, Origin::Handle);
    wait(&mut turns, 2, 10, Origin::Handle);
    assert_eq!(turns.wait(&mut first, 3, 10, Origin::Handle), Some(1));
    assert_eq!(woken(&mut turns, &queue(10)), [3, 2]);
}

#[test]
fn who_was_woken_and_does_not_come_loses_the_place_at_the_second_sweep() {
    let mut turns = Turns::new();
    wait(&mut turns, 1, 10, Origin::Handle);
    let second = wait(&mut turns, 2, 500, Origin::Handle);
    assert_eq!(woken(&mut turns, &queue(295)), [1]);
    turns.sweep();
    assert!(!turns.has_turn(second));
    turns.sweep();
    assert!(turns.has_turn(second), "it has not been woken, and stays");
}

#[test]
fn handles_wait_for_the_end_of_a_fragmented_message() {
    let (mut turns, mut queue) = (Turns::new(), queue(10));
    let fragment = |fin| Fragment { kind: MessageKind::Binary, payload: b"", fin };
    queue.fragment(fragment(false), &LIMITS).unwrap();
    wait(&mut turns, 1, 10, Origin::Handle);
    wait(&mut turns, 2, 10, Origin::Owner);
    assert_eq!(woken(&mut turns, &queue), [2]);
    queue.fragment(fragment(true), &LIMITS).unwrap();
    assert_eq!(woken(&mut turns, &queue), [1]);
}

#[test]
fn inside_a_fragmented_message_its_sender_is_not_kept_waiting_by_publications() {
    let (mut turns, mut queue) = (Turns::new(), queue(10));
    let fragment = |fin| Fragment { kind: MessageKind::Binary, payload: b"", fin };
    queue.fragment(fragment(false), &LIMITS).unwrap();
    publish(&mut queue, &"b".repeat(200), 1, SlowConsumerPolicy::Wait);
    wait(&mut turns, 1, 10, Origin::Owner);
    assert!(queue.has_room(Origin::Owner, &LIMITS));
    assert_eq!(woken(&mut turns, &queue), [1]);
}

#[test]
fn the_owner_has_less_room_than_handles() {
    let mut turns = Turns::new();
    wait(&mut turns, 1, 10, Origin::Handle);
    wait(&mut turns, 2, 10, Origin::Owner);
    assert_eq!(woken(&mut turns, &queue(200)), [1]);
    assert_eq!(turns.wake_all().collect::<Vec<_>>(), [2]);
    assert!(!turns.is_empty(), "both have yet to come");
}

#[test]
fn waiters_are_woken_in_order_and_leave_nothing_behind() {
    let (mut waiters, mut tickets) = (Waiters::new(), [None; 3]);
    for (ticket, waker) in tickets.iter_mut().zip([1, 2, 3]) {
        assert_eq!(waiters.wait(ticket, waker), None);
    }
    assert_eq!(waiters.wait(&mut tickets[0], 4), Some(1), "the same place");
    assert_eq!(waiters.leave(tickets[1].unwrap()), Some(2));
    assert_eq!(waiters.take().collect::<Vec<_>>(), [4, 3]);
    assert!(waiters.is_empty() && waiters.leave(tickets[2].unwrap()).is_none());
}
