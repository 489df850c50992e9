//! Limits how much data is read and discarded.

/// The minimum budget.
const MAX_DISCARDED_LEN: u64 = 1 << 20;

/// How many bytes a peer may still send after the application has stopped receiving, such as during
/// the closing handshake. A peer that sends more is cut off.
///
/// The budget is 1 MiB, as the peer may not have read the close frame yet, plus the number of bytes
/// that wait to be written, as a peer that echoes sends that many before it closes, plus the rest
/// of the frame that the peer has begun, as it cannot abort a frame.
#[derive(Debug)]
pub struct DiscardBudget {
    remaining_len: u64,
    /// The rest of the frame in progress was added.
    has_frame: bool,
}

impl DiscardBudget {
    /// Creates the budget of a connection in which `queued_len` bytes wait to be written.
    #[must_use]
    pub const fn new(queued_len: usize) -> Self {
        Self {
            remaining_len: MAX_DISCARDED_LEN.saturating_add(queued_len as u64),
            has_frame: false,
        }
    }

    /// Adds the rest of the frame in progress, when first called with a length above zero; see
    /// [`Receiver::frame_rest_len`](crate::Receiver::frame_rest_len). Later frames add nothing.
    pub const fn allow_frame(&mut self, rest_len: u64) {
        if rest_len > 0 && !self.has_frame {
            self.remaining_len = self.remaining_len.saturating_add(rest_len);
            self.has_frame = true;
        }
    }

    /// Counts bytes that were read.
    pub const fn on_read(&mut self, len: usize) {
        self.remaining_len = self.remaining_len.saturating_sub(len as u64);
    }

    /// How many more bytes to read. At zero, the driver ends the connection.
    #[must_use]
    pub const fn remaining_len(&self) -> u64 {
        self.remaining_len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_frame_that_was_begun_and_what_is_queued_are_allowed_beside_a_mebibyte() {
        let mut budget = DiscardBudget::new(500);
        assert_eq!(budget.remaining_len(), (1 << 20) + 500);
        budget.allow_frame(0);
        budget.allow_frame(70);
        budget.allow_frame(70_000);
        assert_eq!(budget.remaining_len(), (1 << 20) + 570);
        budget.on_read(570);
        assert_eq!(budget.remaining_len(), 1 << 20);
        budget.on_read(usize::MAX);
        assert_eq!(budget.remaining_len(), 0);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut budget = DiscardBudget::new(usize::MAX);
        budget.allow_frame(u64::MAX);
        assert_eq!(budget.remaining_len(), u64::MAX);
    }
}
