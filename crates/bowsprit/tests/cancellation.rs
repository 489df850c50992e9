//! Cancellation: every future of the public interface is dropped after each number of polls that it
//! can take, and the conversation goes on. No frame is torn, a message is sent whole or not at all,
//! nothing that was read is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

mod cancellation {
    mod ending;
    mod opening;
    mod receiving;
    mod sending;
}
