//! The waitlist: who is woken by progress, by room, by closing and by the end.

use bowsprit_proto::{
    Sender,
    queue::{Origin, Outgoing, QueueLimits, SendQueue, Ticket, WaitFor, Waitlist},
};

use super::queue_shared::Prepared;

const LIMITS: QueueLimits = QueueLimits::DEFAULT.high_water_mark(100).max_queue_len(300);
const TURN: WaitFor = WaitFor::Turn { len: 10, origin: Origin::Handle };
const ALL: [WaitFor; 5] =
    [WaitFor::Sending, WaitFor::Receiving, WaitFor::Publication, TURN, WaitFor::End];

/// A queue with so many bytes in its output.
fn queue(len: usize) -> SendQueue<Prepared> {
    let mut queue = SendQueue::new(Sender::server());
    queue.push(&mut Outgoing::Binary(&vec![0; len - 4]), &LIMITS).unwrap();
    queue
}

/// One waits for each.
fn waitlist() -> (Waitlist<WaitFor>, [Option<Ticket>; 5]) {
    let (mut list, mut tickets) = (Waitlist::new(), [None; 5]);
    assert!(list.is_empty());
    for (what, ticket) in ALL.into_iter().zip(&mut tickets) {
        assert_eq!(list.wait(what, ticket, what), None);
    }
    (list, tickets)
}

fn woken(wake: impl FnOnce(&mut Vec<WaitFor>)) -> Vec<WaitFor> {
    let mut woken = Vec::new();
    wake(&mut woken);
    woken
}

#[test]
fn room_is_for_those_who_have_turns() {
    let (mut list, _) = waitlist();
    assert_eq!(woken(|woken| list.wake_for_room(&queue(400), &LIMITS, woken)), []);
    assert_eq!(woken(|woken| list.wake_for_room(&queue(10), &LIMITS, woken)), [TURN]);
}

#[test]
fn progress_wakes_halves_and_publications_even_if_turns_have_no_room() {
    let (mut list, _) = waitlist();
    assert_eq!(woken(|woken| list.wake_for_progress(&queue(400), &LIMITS, woken)), ALL[..3]);
    assert_eq!(woken(|woken| list.wake_for_progress(&queue(10), &LIMITS, woken)), [TURN]);
}

#[test]
fn closing_wakes_all_but_those_who_wait_for_the_end() {
    let (mut list, _) = waitlist();
    assert_eq!(woken(|woken| list.wake_closing(woken)), ALL[..4]);
    assert_eq!(woken(|woken| list.wake_all(woken)), [WaitFor::End]);
}

#[test]
fn who_leaves_is_not_woken_but_a_half_leaves_its_waker_to_the_next() {
    let (mut list, tickets) = waitlist();
    for (what, ticket) in ALL.into_iter().zip(tickets) {
        let is_half = matches!(what, WaitFor::Sending | WaitFor::Receiving);
        assert_eq!(ticket.is_none(), is_half);
        if let Some(ticket) = ticket {
            assert_eq!(list.leave(what, ticket), Some(what));
        }
    }
    assert_eq!(list.wait(WaitFor::Sending, &mut None, TURN), Some(WaitFor::Sending));
    assert_eq!(woken(|woken| list.wake_all(woken)), [TURN, WaitFor::Receiving]);
    assert!(list.is_empty());
}

#[test]
fn who_was_woken_for_its_turn_keeps_its_place_until_the_second_sweep() {
    let (mut list, mut ticket) = (Waitlist::new(), None);
    list.wait(TURN, &mut ticket, TURN);
    assert_eq!(woken(|woken| list.wake_for_room(&queue(10), &LIMITS, woken)), [TURN]);
    assert!(!list.has_turn(None) && list.has_turn(ticket));
    list.sweep();
    assert!(!list.is_empty() && !list.has_turn(None));
    list.sweep();
    assert!(list.is_empty() && list.has_turn(None));
}
