//! Messages with numbers, of which none may be lost, doubled or out of order.

use std::collections::HashMap;

/// What the numbers take.
const HEAD_LEN: usize = 8;

/// A message of this sender's, with so many bytes behind its number.
pub(super) fn numbered(sender: u32, number: u32, len: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEAD_LEN + len);
    message.extend_from_slice(&sender.to_be_bytes());
    message.extend_from_slice(&number.to_be_bytes());
    message.extend((0..len).map(|i| (i / 3).to_le_bytes()[0] ^ number.to_le_bytes()[0]));
    message
}

/// Checks what arrives.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// By sender: the number that comes next.
    next: HashMap<u32, u32>,
    count: usize,
}

impl Checker {
    /// This is the message that comes next of its sender's.
    pub(super) fn note(&mut self, message: &[u8]) {
        let (sender, number) = read(message);
        let next = self.next.entry(sender).or_default();
        assert_eq!(number, *next, "of {sender}");
        *next += 1;
        self.count += 1;
    }

    /// The same where some may be missing. Returns the number.
    pub(super) fn note_with_gaps(&mut self, message: &[u8]) -> u32 {
        let (sender, number) = read(message);
        let next = self.next.entry(sender).or_default();
        assert!(number >= *next, "{number} of {sender} is doubled or late");
        *next = number + 1;
        self.count += 1;
        number
    }

    /// How many have arrived.
    pub(super) const fn count(&self) -> usize {
        self.count
    }
}

/// Who has sent this message, and its number.
fn read(message: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
    let (sender, number) = (word(0), word(4));
    assert!(message == numbered(sender, number, message.len() - HEAD_LEN), "damaged");
    (sender, number)
}
