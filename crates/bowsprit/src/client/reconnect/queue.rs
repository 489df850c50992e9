//! Messages that wait for a connection.

use std::collections::VecDeque;

use crate::{Error, Message};

/// What a message costs beside its bytes.
const OVERHEAD: usize = 64;

/// What to do with a message when the queue is full.
///
/// ```
/// use bowsprit::{Client, Error, reconnect::OverflowPolicy};
///
/// let reconnect = Client::new().reconnect("wss://example.com/feed")?.max_queue_len(100);
/// let ws = reconnect.overflow_policy(OverflowPolicy::Refuse).websocket();
/// assert!(ws.handle().try_send("not connected, but there is room").is_ok());
/// assert!(matches!(ws.handle().try_send([0; 1000].as_slice()), Err(Error::QueueFull)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// Sending fails with [`Error::QueueFull`].
    #[default]
    Refuse,
    /// The oldest messages are dropped.
    DropOldest,
    /// The new message is dropped.
    DropNewest,
}

/// A queue of bounded size.
#[derive(Debug)]
pub(super) struct Queue {
    messages: VecDeque<Message>,
    /// The first message is on its way into a connection, and so cannot make room.
    sending: bool,
    len: usize,
    max_len: usize,
    overflow_policy: OverflowPolicy,
}

impl Queue {
    pub(super) const fn new(max_len: usize, overflow_policy: OverflowPolicy) -> Self {
        Self { messages: VecDeque::new(), sending: false, len: 0, max_len, overflow_policy }
    }

    pub(super) fn push(&mut self, message: Message) -> Result<(), Error> {
        let cost = cost(&message);
        while self.len + cost > self.max_len {
            match self.overflow_policy {
                OverflowPolicy::DropNewest => return Ok(()),
                OverflowPolicy::DropOldest if self.messages.len() > usize::from(self.sending) => {
                    self.remove(usize::from(self.sending));
                }
                // It would not fit into an empty queue.
                OverflowPolicy::DropOldest | OverflowPolicy::Refuse => {
                    return Err(Error::QueueFull);
                }
            }
        }
        self.len += cost;
        self.messages.push_back(message);
        Ok(())
    }

    /// The first message, to be sent. It stays until [`sent`](Self::sent).
    pub(super) fn begin(&mut self) -> Option<Message> {
        self.sending = !self.messages.is_empty();
        self.messages.front().cloned()
    }

    pub(super) fn sent(&mut self) {
        self.sending = false;
        self.remove(0);
    }

    /// The connection that the first message was for has gone.
    pub(super) const fn not_sent(&mut self) {
        self.sending = false;
    }

    fn remove(&mut self, index: usize) {
        self.len -= self.messages.remove(index).as_ref().map_or(0, cost);
    }
}

fn cost(message: &Message) -> usize {
    message.as_bytes().len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of five messages of 36 bytes in a queue for three.
    fn left(overflow_policy: OverflowPolicy) -> (Vec<u8>, usize) {
        let mut queue = Queue::new(3 * 100, overflow_policy);
        let refused = (0..5).filter(|i| queue.push(Message::binary(vec![*i; 36])).is_err()).count();
        let mut left = Vec::new();
        while let Some(message) = queue.begin() {
            left.push(message.as_bytes()[0]);
            queue.sent();
        }
        assert_eq!(queue.len, 0);
        (left, refused)
    }

    #[test]
    fn a_full_queue_does_as_its_policy_says() {
        assert_eq!(left(OverflowPolicy::Refuse), (vec![0, 1, 2], 2));
        assert_eq!(left(OverflowPolicy::DropOldest), (vec![2, 3, 4], 0));
        assert_eq!(left(OverflowPolicy::DropNewest), (vec![0, 1, 2], 0));
    }

    #[test]
    fn a_message_on_its_way_makes_no_room() {
        let mut queue = Queue::new(2 * 100, OverflowPolicy::DropOldest);
        let push = |queue: &mut Queue, i: u8| queue.push(Message::binary(vec![i; 36]));
        push(&mut queue, 0).unwrap();
        assert_eq!(queue.begin().unwrap().as_bytes()[0], 0);
        for i in 1..4 {
            push(&mut queue, i).unwrap();
        }
        queue.not_sent();
        for expected in [0, 3] {
            assert_eq!(queue.begin().unwrap().as_bytes()[0], expected);
            queue.sent();
        }
        assert!(queue.begin().is_none());
    }

    #[test]
    fn a_message_that_never_fits_is_refused() {
        let mut queue = Queue::new(100, OverflowPolicy::DropOldest);
        assert!(queue.push(Message::binary(vec![0; 37])).is_err());
    }
}
